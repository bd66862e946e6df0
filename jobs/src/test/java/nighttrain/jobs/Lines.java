package nighttrain.jobs;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;

/** Reads a small Parquet file without Spark. */
final class Lines {
    private Lines() {}

    static List<Line> of(Path file) throws IOException {
        List<Line> lines = new ArrayList<>();
        try (ParquetReader<Group> reader = ParquetReader.builder(
                        new GroupReadSupport(), new org.apache.hadoop.fs.Path(file.toUri()))
                .build()) {
            for (Group line = reader.read(); line != null; line = reader.read()) {
                lines.add(new Line(line));
            }
        }
        return lines;
    }

    record Line(Group group) {
        boolean has(String column) {
            return group.getFieldRepetitionCount(column) > 0;
        }

        String text(String column) {
            return group.getString(column, 0);
        }

        long whole(String column) {
            return group.getLong(column, 0);
        }

        double number(String column) {
            return group.getDouble(column, 0);
        }

        boolean truth(String column) {
            return group.getBoolean(column, 0);
        }
    }
}
