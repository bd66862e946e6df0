package nighttrain.pipeline.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import nighttrain.executor.Engine;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.request.EngineStats;
import nighttrain.executor.request.EngineStats.DeviceReading;
import nighttrain.executor.request.EngineStats.Experts;
import nighttrain.executor.request.EngineStats.Pages;
import nighttrain.executor.request.EngineStats.Steps;
import nighttrain.executor.request.EngineStats.Tokens;
import nighttrain.io.journal.Journal;
import nighttrain.io.journal.JournalReader;
import nighttrain.io.journal.JournalWriter;
import nighttrain.io.rows.MetricsRow;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsSamplerTest {
    @TempDir
    private Path dir;

    @Test
    void everyReplicaHasItsRowAndItsGpus() throws Exception {
        FileSystem fs = FileSystem.getLocal(new Configuration());
        Journal journal = new Journal(fs, new org.apache.hadoop.fs.Path(dir.toUri()));
        TwoReplicas engine = new TwoReplicas();
        try (MetricsSampler sampler = new MetricsSampler(engine, "7", journal.metrics("m"))) {
            assertThat(sampler).isNotNull();
            engine.outputTokens = 100;
        }
        List<MetricsRow> rows = new ArrayList<>();
        for (FileStatus file : journal.metricFiles()) {
            try (JournalReader<MetricsRow> reader = Journal.readMetrics(fs, file.getPath())) {
                reader.forEachRemaining(rows::add);
            }
        }
        assertThat(rows).extracting(MetricsRow::replica).startsWith(0, 1);
        for (int replica : List.of(0, 1)) {
            List<MetricsRow> own =
                    rows.stream().filter(row -> row.replica() == replica).toList();
            assertThat(own.stream().mapToLong(MetricsRow::outputTokens).sum()).isEqualTo(100 + replica);
            assertThat(own)
                    .extracting(MetricsRow::expertImbalance)
                    .as("null where no token passed an expert")
                    .contains(3.0)
                    .allMatch(value -> value == null || value == 3);
            assertThat(own).allSatisfy(row -> assertThat(row.gpuWatts()).isEqualTo(replica == 0 ? 300 : 700));
        }
    }

    @Test
    void aJournalThatFailedIsClosedAllTheSame() {
        Refusing journal = new Refusing();
        new MetricsSampler(new TwoReplicas(), "7", journal).close();
        assertThat(journal.closed).isTrue();
    }

    /** A writer that refuses every row, as a failed writer does. */
    private static final class Refusing implements JournalWriter<MetricsRow> {
        private boolean closed;

        @Override
        public void append(MetricsRow row) {
            throw new IllegalStateException("journal writer is FAILED");
        }

        @Override
        public void flush() {
            throw new IllegalStateException("journal writer is FAILED");
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    /** An engine of two replicas with two GPUs each; GPU i draws 100 (i + 1) watts. */
    private static final class TwoReplicas implements Engine {
        private volatile long outputTokens;

        @Override
        public List<EngineStats> replicaStats() {
            return IntStream.range(0, 2)
                    .mapToObj(r -> new EngineStats(
                            0,
                            0,
                            0,
                            0,
                            new Tokens(0, 0, outputTokens == 0 ? 0 : outputTokens + r),
                            new Steps(0, 0, 0, 0),
                            new Pages(0, 1),
                            new Experts(outputTokens, 3 * outputTokens)))
                    .toList();
        }

        @Override
        public List<DeviceReading> devices() {
            return IntStream.range(0, 4)
                    .mapToObj(i -> new DeviceReading(
                            i, OptionalDouble.of(0.5), OptionalLong.of(1), OptionalDouble.of(100 * (i + 1))))
                    .toList();
        }

        @Override
        public EnginePlan plan() {
            throw new UnsupportedOperationException("a sampler asks for no plan");
        }

        @Override
        public Session session() {
            throw new UnsupportedOperationException("a sampler sends no request");
        }

        @Override
        public void close() {}
    }
}
