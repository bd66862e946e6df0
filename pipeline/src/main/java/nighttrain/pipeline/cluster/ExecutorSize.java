package nighttrain.pipeline.cluster;

import java.util.Locale;
import java.util.Optional;
import org.apache.spark.SparkConf;

/**
 * What an executor takes, or a machine has.
 *
 * @param cores of processors
 * @param memoryMib of memory, in MiB
 * @param gpus of graphics processors
 */
record ExecutorSize(int cores, long memoryMib, long gpus) {
    /** What each executor of a job needs; those of the stage with GPUs where only that has them. */
    static ExecutorSize asked(SparkConf conf) {
        Optional<Long> ofStage = StageGpus.of(conf).map(StageGpus::amount);
        return new ExecutorSize(
                conf.getInt("spark.executor.cores", 1), // left out, an executor takes what there is
                conf.getSizeAsMb("spark.executor.memory", "1g"),
                ofStage.orElseGet(() -> conf.getLong("spark.executor.resource.gpu.amount", 0)));
    }

    boolean fitsIn(ExecutorSize machine) {
        return cores <= machine.cores && memoryMib <= machine.memoryMib && gpus <= machine.gpus;
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%d cores, %,d MiB, %d GPUs", cores, memoryMib, gpus);
    }
}
