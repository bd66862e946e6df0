package nighttrain.pipeline.monitor;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricFilter;
import com.codahale.metrics.MetricRegistry;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import nighttrain.pipeline.progress.Heartbeat;
import nighttrain.pipeline.progress.Heartbeat.Done;
import nighttrain.pipeline.progress.Heartbeat.Load;

/**
 * Publishes executors' heartbeats as gauges of Spark's metrics system, {@code executor_<id>_<figure>} and {@code all_<figure>}. Executors
 * have no port to scrape, so the driver has all gauges. Totals grow over all runs of an application. A silent executor has no load, and its
 * gauges are removed when another executor starts at least ten minutes later.
 */
public final class ExecutorGauges {
    private static final long SILENT_MS = Duration.ofSeconds(10).toMillis();
    private static final long GONE_MS = Duration.ofMinutes(10).toMillis();

    private static final Map<String, Function<Done, Long>> TOTALS = Map.of(
            "rows_total", Done::rows,
            "errors_total", Done::errors,
            "prompt_tokens_total", Done::promptTokens,
            "output_tokens_total", Done::outputTokens);
    private static final Map<String, Function<Load, Number>> LOADS = Map.of(
            "output_tokens_per_second", Load::tokensPerS,
            "running_sequences", Load::running,
            "waiting_requests", Load::waiting,
            "kv_cache_use_ratio", Load::kvUse);

    private final MetricRegistry registry;
    private final LongSupplier nowMs;
    private final Map<String, ExecutorFigures> executors = new ConcurrentHashMap<>();
    private final Set<String> shown = new HashSet<>();

    /** Registers the gauges of all executors together; those of one executor are registered at its first heartbeat. */
    public ExecutorGauges(MetricRegistry registry) {
        this(registry, System::currentTimeMillis);
    }

    ExecutorGauges(MetricRegistry registry, LongSupplier nowMs) {
        this.registry = registry;
        this.nowMs = nowMs;
        register(
                "all_",
                () -> executors.values().stream().map(ExecutorFigures::done).reduce(Done.NOTHING, Done::plus),
                () -> executors.values().stream().map(this::load).reduce(Load.NONE, Load::plus));
    }

    /** Takes an executor's heartbeat. */
    public synchronized void accept(Heartbeat beat) {
        String executor = beat.executor();
        executors.merge(
                executor,
                ExecutorFigures.NOTHING.after(beat, nowMs.getAsLong()),
                (before, first) -> before.after(beat, nowMs.getAsLong()));
        if (shown.add(executor)) {
            hideGone();
            register(prefix(executor), () -> executors.get(executor).done(), () -> load(executors.get(executor)));
        }
    }

    private void hideGone() {
        long goneMs = nowMs.getAsLong() - GONE_MS;
        shown.removeIf(executor -> {
            boolean gone = executors.get(executor).heardMs() < goneMs;
            if (gone) {
                registry.removeMatching(MetricFilter.startsWith(prefix(executor)));
            }
            return gone;
        });
    }

    private static String prefix(String executor) {
        return "executor_" + executor + "_";
    }

    private Load load(ExecutorFigures figures) {
        return figures.heardMs() < nowMs.getAsLong() - SILENT_MS ? Load.NONE : figures.load();
    }

    private void register(String prefix, Supplier<Done> done, Supplier<Load> load) {
        TOTALS.forEach((name, total) -> registry.register(prefix + name, (Gauge<Long>) () -> total.apply(done.get())));
        LOADS.forEach(
                (name, figure) -> registry.register(prefix + name, (Gauge<Number>) () -> figure.apply(load.get())));
    }

    /**
     * The latest figures of an executor.
     *
     * @param runs its work for each run
     * @param load its load at the last heartbeat
     * @param heardMs time of the last heartbeat, in ms since 1970
     */
    record ExecutorFigures(Map<String, Done> runs, Load load, long heardMs) {
        static final ExecutorFigures NOTHING = new ExecutorFigures(Map.of(), Load.NONE, 0);

        ExecutorFigures {
            runs = Map.copyOf(runs);
        }

        ExecutorFigures after(Heartbeat beat, long nowMs) {
            Map<String, Done> more = new HashMap<>(runs);
            more.put(beat.runId(), beat.done());
            return new ExecutorFigures(more, beat.load(), nowMs);
        }

        /** Returns the executor's work for all its runs. */
        Done done() {
            return runs.values().stream().reduce(Done.NOTHING, Done::plus);
        }
    }
}
