package nighttrain.pipeline.task;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.Layout;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.journal.AttemptLog;
import nighttrain.io.text.Truncation;
import nighttrain.pipeline.host.EngineFactory.EngineKey;
import nighttrain.pipeline.host.EngineHost;
import nighttrain.pipeline.host.RunContext;
import nighttrain.pipeline.row.Prompts;
import nighttrain.pipeline.row.RowRequest.Decoding;
import nighttrain.pipeline.settings.ChatTemplateOptions;
import nighttrain.pipeline.task.TaskSpec.Pass;
import nighttrain.pipeline.testing.PacedEngines;
import nighttrain.pipeline.testing.TestSpark;
import nighttrain.pipeline.testing.TinyModel;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.SerializableConfiguration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs two tasks on one engine that has no room for all of their rows. */
@Timeout(60)
class RowLoopFairnessTest {
    private static final int LATE_ROWS = 100;
    /** Step time, long enough that threads get scheduled within a step on a busy machine. */
    private static final int STEP_MS = 15;

    private static final Pass PASS = new Pass(false, new AttemptCounts(Map.of()), Long.MAX_VALUE);

    private final AtomicInteger early = new AtomicInteger();
    private final AtomicInteger late = new AtomicInteger();
    /** Finished rows of the early task at every tenth row of the late one. */
    private final List<Integer> earlyAtLatesTens = new CopyOnWriteArrayList<>();

    private final AtomicBoolean ended = new AtomicBoolean();

    @TempDir
    private Path dir;

    @Test
    void theOneThatComesLateGetsItsHalf() throws Exception {
        RunContext run = run();
        try (EngineHost.Lease lease = EngineHost.here().lease(run)) {
            CompletableFuture<Void> endless =
                    CompletableFuture.runAsync(() -> feed(lease, run, "early", Long.MAX_VALUE, early));
            while (early.get() < LATE_ROWS) {
                Thread.sleep(1);
            }
            try {
                feed(lease, run, "late", LATE_ROWS, late);
            } finally {
                ended.set(true);
            }
            assertThat(endless.handle((nothing, stopped) -> stopped.getCause()).get(10, TimeUnit.SECONDS))
                    .isInstanceOf(CancellationException.class);
            assertThat(late).hasValue(LATE_ROWS);
            assertThat(medianMeanwhile()).isBetween(10 / 3, 3 * 10);
        }
    }

    /** Returns how many rows of the early task finish during ten rows of the late one: the median, since a machine may delay either of them. */
    private int medianMeanwhile() {
        return IntStream.range(1, earlyAtLatesTens.size())
                .map(ten -> earlyAtLatesTens.get(ten) - earlyAtLatesTens.get(ten - 1))
                .sorted()
                .skip((earlyAtLatesTens.size() - 1) / 2)
                .findFirst()
                .orElseThrow();
    }

    private void feed(EngineHost.Lease lease, RunContext run, String name, long rows, AtomicInteger finished) {
        TaskSpec spec = new TaskSpec(
                run,
                PASS,
                new Prompts(),
                new Decoding(SamplingParams.greedy(2), List.of(), 0),
                null,
                new ChatTemplateOptions(null, Map.of()),
                Truncation.NONE,
                false);
        RowQueue queue = new RowQueue(
                LongStream.range(0, rows)
                        .mapToObj(row -> new PromptRow(name, row, 0, name + row, "ab", null, null))
                        .iterator(),
                PASS,
                PASS.attempts());
        try (InFlight inFlight = new InFlight(Optional.of(new AttemptLog(run.journal(), name)), false);
                Engine.Session session = lease.model().session()) {
            new RowLoop(
                            queue,
                            new RequestBuilder(lease.model(), spec, PASS.attempts()),
                            new ResultBuilder(lease.model().tokenizer(), spec, name, PASS.attempts()),
                            session,
                            inFlight,
                            new DeadlineGate(PASS),
                            row -> count(finished),
                            this::refuseEnded)
                    .run();
        } catch (InterruptedException stopped) {
            throw new IllegalStateException(stopped);
        }
    }

    private void count(AtomicInteger finished) {
        if (finished.incrementAndGet() % 10 == 0 && finished == late) {
            earlyAtLatesTens.add(early.get());
        }
    }

    private void refuseEnded() {
        if (ended.get()) {
            throw new CancellationException("ended");
        }
    }

    private RunContext run() {
        Path model = TinyModel.in(dir.resolve("model"));
        EngineConfig config = EngineConfig.on(Backend.CPU)
                .with(new Layout(1, 0))
                .with(new StepConfig(8, 0, TinyModel.CONTEXT_TOKENS))
                .with(new KvConfig(16, 0, false))
                .withThreads(1);
        return new RunContext(
                "run-of-" + dir.getFileName(),
                new EngineKey(model.toString(), true, config),
                new PacedEngines(STEP_MS, 1, "none", 1),
                dir.resolve("journal").toString(),
                JavaSparkContext.fromSparkContext(TestSpark.session().sparkContext())
                        .broadcast(new SerializableConfiguration(new Configuration())));
    }
}
