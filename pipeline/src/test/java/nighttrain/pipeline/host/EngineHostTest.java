package nighttrain.pipeline.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import nighttrain.executor.Engine;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.EnginePlan;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.ModelSpec;
import nighttrain.pipeline.host.EngineFactory.EngineKey;
import nighttrain.pipeline.testing.FakeEngines;
import nighttrain.pipeline.testing.TestSpark;
import nighttrain.pipeline.testing.TinyModel;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class EngineHostTest {
    private final SparkSession spark = TestSpark.session();
    private final FakeEngines engines = FakeEngines.create();
    private final EngineHost host = EngineHost.here();

    @TempDir
    private Path dir;

    @Test
    void tasksShareOneEngine() throws InterruptedException {
        assertThat(spark.sparkContext().isStopped()).isFalse();
        try (EngineHost.Lease one = host.lease(run("a"));
                EngineHost.Lease two = host.lease(run("a"))) {
            assertThat(two.model()).isSameAs(one.model());
            assertThat(two.run()).isSameAs(one.run());
        }
        try (EngineHost.Lease later = host.lease(run("a"))) {
            assertThat(later.run().executor()).isEqualTo("driver");
        }
        assertThat(engines.script().opened).hasValue(1);
        assertThat(engines.script().closed).hasValue(0);
    }

    @Test
    void aFailedEngineIsOpenedAgain() throws InterruptedException {
        try (EngineHost.Lease lease = host.lease(run("a"))) {
            lease.engineFailed();
            assertThat(engines.script().closed).as("its task still has it").hasValue(0);
        }
        assertThat(engines.script().closed).hasValue(1);
        try (EngineHost.Lease lease = host.lease(run("a"))) {
            assertThat(lease.run().heartbeat().done().outputTokens()).isZero();
        }
        assertThat(engines.script().opened).hasValue(2);
    }

    /** Opening may take a minute, and Spark tries a task several times: each slot on its own would multiply the two. */
    @Test
    @Timeout(60)
    void tasksThatWaitForAnEngineShareItsFailure() throws Exception {
        CountDownLatch opens = new CountDownLatch(1);
        CountDownLatch fails = new CountDownLatch(1);
        RunContext run = failing(() -> {
            engines.script().opened.incrementAndGet();
            opens.countDown();
            await(fails);
        });
        CompletableFuture<EngineHost.Lease> first = waiting(run, Thread.State.TIMED_WAITING);
        await(opens);
        CompletableFuture<EngineHost.Lease> second = waiting(run, Thread.State.BLOCKED);
        fails.countDown();
        for (CompletableFuture<EngineHost.Lease> task : List.of(first, second)) {
            Assertions.assertThatThrownBy(() -> task.get(10, TimeUnit.SECONDS)).hasMessageContaining("no GPU");
        }
        assertThat(engines.script().opened).hasValue(1);
        Assertions.assertThatThrownBy(() -> lease(run))
                .as("a retry opens again")
                .hasMessageContaining("no GPU");
        assertThat(engines.script().opened).hasValue(2);
    }

    /** The tasks that wait may be another query's. */
    @Test
    @Timeout(60)
    void aTaskThatIsKilledWhileItOpensTheEngineFailsAlone() throws Exception {
        CountDownLatch opens = new CountDownLatch(1);
        CountDownLatch killed = new CountDownLatch(1);
        RunContext run = failing(() -> {
            opens.countDown();
            await(killed);
            Thread.currentThread().interrupt();
        });
        CompletableFuture<EngineHost.Lease> first = waiting(run, Thread.State.TIMED_WAITING);
        await(opens);
        CompletableFuture<EngineHost.Lease> second = waiting(run("a"), Thread.State.BLOCKED);
        killed.countDown();
        Assertions.assertThatThrownBy(() -> first.get(10, TimeUnit.SECONDS)).hasMessageContaining("no GPU");
        second.get(10, TimeUnit.SECONDS).close();
    }

    @Test
    void aTaskThatGetsNoLeaseDoesNotCount() throws InterruptedException {
        RunContext run = run("a");
        RunContext broken = new RunContext("broken", run.engine(), engines, "nowhere:/journal", run.hadoop());
        Assertions.assertThatThrownBy(() -> host.lease(broken)).isInstanceOf(UncheckedIOException.class);
        try (EngineHost.Lease lease = host.lease(run)) {
            assertThat(host.runs()).containsExactly(lease.run());
        }
    }

    @Test
    void anotherModelWaitsForTheTasksOfTheFirst() throws Exception {
        CompletableFuture<EngineHost.Lease> other;
        try (EngineHost.Lease first = host.lease(run("a"))) {
            other = CompletableFuture.supplyAsync(() -> lease("b"));
            Assertions.assertThatThrownBy(() -> other.get(200, TimeUnit.MILLISECONDS))
                    .isInstanceOf(TimeoutException.class);
            assertThat(first.model().engine().plan().maxNumSeqs()).isPositive();
            assertThat(engines.script().closed).hasValue(0);
        }
        other.get(60, TimeUnit.SECONDS).close();
        assertThat(engines.script().opened).hasValue(2);
        assertThat(engines.script().closed).hasValue(1);
    }

    @Test
    void whoMustBeAloneWaitsForOthersAndOthersWaitForIt() throws Exception {
        CompletableFuture<EngineHost.Lease> alone;
        CompletableFuture<EngineHost.Lease> later;
        try (EngineHost.Lease first = host.lease(run("a"))) {
            alone = CompletableFuture.supplyAsync(() -> leaseExclusively("a"));
            Assertions.assertThatThrownBy(() -> alone.get(200, TimeUnit.MILLISECONDS))
                    .isInstanceOf(TimeoutException.class);
        }
        try (EngineHost.Lease only = alone.get(10, TimeUnit.SECONDS)) {
            later = CompletableFuture.supplyAsync(() -> lease("a"));
            Assertions.assertThatThrownBy(() -> later.get(200, TimeUnit.MILLISECONDS))
                    .isInstanceOf(TimeoutException.class);
        }
        later.get(10, TimeUnit.SECONDS).close();
    }

    /** An idle engine is closed, since on GPUs the plan of the next would lack the memory that it holds. */
    @Test
    void aCheckTrustsTheEngineThatIsOpenAndClosesAnIdleOtherOne() throws InterruptedException {
        RunContext one = run("a");
        RunContext other = run("b");
        try (EngineHost.Lease lease = host.lease(one)) {
            check(other);
            assertThat(lease.model().engine().plan().maxNumSeqs()).isPositive();
        }
        check(one);
        assertThat(engines.script().closed).hasValue(0);
        check(other);
        assertThat(engines.script().closed).hasValue(1);
    }

    /** A check does not wait for weights: loading takes seconds to minutes, in which a job reads its input. */
    @Test
    void aCheckWaitsForThePlanOfAnEngineThatOpensAndNotForItsWeights() throws Exception {
        RunContext run = run("a");
        CountDownLatch opens = new CountDownLatch(1);
        CountDownLatch plans = new CountDownLatch(1);
        CountDownLatch loads = new CountDownLatch(1);
        CompletableFuture<Void> opener = CompletableFuture.runAsync(() -> prepare(run, planned -> {
            opens.countDown();
            await(plans);
            planned.run();
            await(loads);
        }));
        await(opens);
        CompletableFuture<Void> check = CompletableFuture.runAsync(() -> check(run));
        Assertions.assertThatThrownBy(() -> check.get(200, TimeUnit.MILLISECONDS))
                .as("not planned")
                .isInstanceOf(TimeoutException.class);
        plans.countDown();
        check.get(10, TimeUnit.SECONDS);
        CompletableFuture<EngineHost.Lease> task = CompletableFuture.supplyAsync(() -> lease("a"));
        Assertions.assertThatThrownBy(() -> task.get(200, TimeUnit.MILLISECONDS))
                .as("not loaded")
                .isInstanceOf(TimeoutException.class);
        loads.countDown();
        opener.get(10, TimeUnit.SECONDS);
        task.get(10, TimeUnit.SECONDS).close();
        assertThat(engines.script().opened).hasValue(1);
    }

    @Test
    void aCheckPlansWhereTheEngineThatOpensCouldNot() throws Exception {
        RunContext run = run("a");
        CountDownLatch opens = new CountDownLatch(1);
        CountDownLatch plans = new CountDownLatch(1);
        CompletableFuture<Void> opener = CompletableFuture.runAsync(() -> prepare(run, planned -> {
            opens.countDown();
            await(plans);
            throw new IllegalStateException("no memory");
        }));
        await(opens);
        CompletableFuture<Void> check =
                CompletableFuture.runAsync(() -> host.check(run.engine(), new Unplannable(engines), null));
        plans.countDown();
        Assertions.assertThatThrownBy(() -> check.get(10, TimeUnit.SECONDS)).hasMessageContaining("planned here");
        Assertions.assertThatThrownBy(() -> opener.get(10, TimeUnit.SECONDS)).hasMessageContaining("no memory");
    }

    /** Starts a task, and returns when it waits in this state: for a latch, or for the task that opens the engine. */
    private CompletableFuture<EngineHost.Lease> waiting(RunContext run, Thread.State state)
            throws InterruptedException {
        CompletableFuture<EngineHost.Lease> task = new CompletableFuture<>();
        Thread thread = new Thread(() -> task.completeAsync(() -> lease(run), Runnable::run));
        thread.start();
        while (thread.getState() != state) {
            Thread.sleep(1);
        }
        return task;
    }

    /** Returns a run whose engine does not open after {@code opening}. */
    private RunContext failing(Runnable opening) {
        RunContext run = run("a");
        EngineFactory engine = (config, model, dummy) -> {
            opening.run();
            throw new IllegalStateException("no GPU");
        };
        return new RunContext(run.runId(), run.engine(), engine, run.journalDir(), run.hadoop());
    }

    /** Fails any check that makes a plan itself. */
    private record Unplannable(FakeEngines engines) implements EngineFactory {
        private static final long serialVersionUID = 1L;

        @Override
        public Engine open(EngineConfig config, Path model, boolean dummy) {
            return engines.open(config, model, dummy);
        }

        @Override
        public EnginePlan plan(EngineConfig config, ModelSpec model) {
            throw new IllegalStateException("planned here");
        }
    }

    /** Opens an engine after {@code opening}, which receives the callback that reports the plan. */
    private void prepare(RunContext run, Consumer<Runnable> opening) {
        try {
            host.prepare(run.engine(), planned -> (config, model, dummy) -> {
                opening.accept(planned);
                return engines.open(config, model, dummy);
            });
        } catch (InterruptedException stopped) {
            throw new IllegalStateException(stopped);
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException stopped) {
            throw new IllegalStateException(stopped);
        }
    }

    /** Lengths belong to jobs: an open engine also serves jobs of other lengths, and opening one takes a minute. */
    @Test
    void jobsOfOtherLengthsShareAnEngine() throws InterruptedException {
        host.lease(run("a", new Lengths(100, 64))).close();
        try (EngineHost.Lease second = host.lease(run("a", new Lengths(2000, 512)))) {
            assertThat(second.model().engine().plan().maxNumSeqs()).isPositive();
        }
        assertThat(engines.script().opened).hasValue(1);
        assertThat(engines.script().closed).hasValue(0);
    }

    private void check(RunContext run) {
        Path model = Path.of(run.engine().model());
        try (Checkpoint checkpoint = Checkpoints.dummy(model)) {
            host.check(run.engine(), engines, checkpoint.spec());
        }
    }

    private EngineHost.Lease leaseExclusively(String model) {
        try {
            return host.leaseExclusively(run(model));
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    private EngineHost.Lease lease(String model) {
        return lease(run(model));
    }

    private EngineHost.Lease lease(RunContext run) {
        try {
            return host.lease(run);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(stopped);
        }
    }

    private RunContext run(String model) {
        return run(model, Lengths.UNKNOWN);
    }

    private RunContext run(String model, Lengths lengths) {
        Path modelDir = TinyModel.in(dir.resolve(model));
        return new RunContext(
                "run-of-" + dir.getFileName() + model,
                new EngineKey(modelDir.toString(), true, EngineConfig.defaults().with(lengths)),
                engines,
                dir.resolve("journal").toString(),
                JavaSparkContext.fromSparkContext(spark.sparkContext())
                        .broadcast(new SerializableConfiguration(new Configuration())));
    }
}
