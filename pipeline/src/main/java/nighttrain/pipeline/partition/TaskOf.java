package nighttrain.pipeline.partition;

import java.util.Arrays;
import org.apache.spark.sql.api.java.UDF3;

/** The task of a prompt, from its length in tokens, its group and its position in the input. */
final class TaskOf implements UDF3<Long, Long, Long, Integer> {
    private static final long serialVersionUID = 1L;

    private final TokenLine line;
    private final double[] ends;

    TaskOf(TokenLine line, double[] ends) {
        this.line = line;
        this.ends = ends.clone();
    }

    int tasks() {
        return ends.length;
    }

    @Override
    public Integer call(Long tokens, Long group, Long position) {
        return task(tokens, group, position);
    }

    int task(long tokens, long group, long position) {
        int found = Arrays.binarySearch(ends, line.place(LengthClass.of(tokens), group, position));
        int after = found >= 0 ? found + 1 : -found - 1;
        return Math.min(after, ends.length - 1);
    }
}
