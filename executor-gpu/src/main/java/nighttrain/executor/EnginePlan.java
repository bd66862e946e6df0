package nighttrain.executor;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.PageAllocator;
import nighttrain.executor.perf.Forecast;
import nighttrain.executor.perf.StepTime;
import nighttrain.executor.step.StepLimits;

/**
 * The settings that an engine runs with: no value is "automatic".
 *
 * @param backend {@link Backend#CPU} or {@link Backend#CUDA}
 * @param architecture name and settings of the architecture, {@code dense} or {@code parallel_track(4 tracks, D=2, mean)}
 * @param replicas copies of the model
 * @param ranks devices that share one copy
 * @param maxNumSeqs most sequences in one step of one replica
 * @param expectedTokens expected tokens of a sequence, for which {@code maxNumSeqs} was chosen; 0 if {@code maxNumSeqs} was given, and on CPUs
 * @param maxBatchTokens most tokens in one step of one replica
 * @param maxModelLen longest prompt plus output, in tokens
 * @param cache layout of one replica's cache
 * @param prefixCache whether to reuse shared prefixes: their keys and values, and snapshots of states
 * @param threadsPerRank CPU threads that drive one rank
 * @param notIn8Bits which matrices are not in 8 bits although 8 bits were asked for, and why; empty if there are none
 */
public record EnginePlan(
        Backend backend,
        String architecture,
        int replicas,
        int ranks,
        int maxNumSeqs,
        int expectedTokens,
        int maxBatchTokens,
        int maxModelLen,
        CacheLayout cache,
        boolean prefixCache,
        int threadsPerRank,
        String notIn8Bits)
        implements Serializable {
    /** Makes a plan with a cache of one group of pages. */
    public EnginePlan(
            Backend backend,
            String architecture,
            int replicas,
            int ranks,
            int maxNumSeqs,
            int maxBatchTokens,
            int maxModelLen,
            int pageTokens,
            int kvPages,
            boolean prefixCache,
            int threadsPerRank) {
        this(
                backend,
                architecture,
                replicas,
                ranks,
                maxNumSeqs,
                0,
                maxBatchTokens,
                maxModelLen,
                CacheLayout.ofPages(pageTokens, kvPages),
                prefixCache,
                threadsPerRank,
                "");
    }

    /** Tokens in one page of the KV cache. */
    public int pageTokens() {
        return cache.pageTokens();
    }

    /** Pages of one replica's KV cache, of all groups of layers. */
    public int kvPages() {
        return cache.pages();
    }

    /** Returns how many sequences of {@code tokens} tokens one replica's KV cache holds. */
    public double sequencesHeld(int tokens) {
        return cache.sequences(tokens);
    }

    /** Returns whether shared prefixes are reused: if asked for, and if the cache has room for them. */
    public boolean reusesPrefixes() {
        return prefixCache && cache.canSharePrefixes();
    }

    /**
     * Explains the choices that the engine made. Why {@link #maxNumSeqs} was chosen, with the number of snapshots of states: {@code max_num_seqs 768:
     * KV cache of 71 GiB holds 812 sequences of 640 tokens}. Why prefixes are not reused, or matrices not in 8 bits, although asked for.
     */
    public Optional<String> choice() {
        List<String> choices = new ArrayList<>();
        if (expectedTokens > 0) {
            choices.add(String.format(
                    Locale.ROOT,
                    "max_num_seqs %d: KV cache of %.1f GiB holds %.0f sequences of %d tokens%s",
                    maxNumSeqs,
                    cache.bytes() / (double) (1L << 30),
                    Math.floor(sequencesHeld(expectedTokens)),
                    expectedTokens,
                    cache.snapshots() > 0 ? " and " + cache.snapshots() + " snapshots of states" : ""));
        }
        if (prefixCache && !reusesPrefixes()) {
            choices.add("no reuse of prefixes: memory for one state, of which a snapshot would take another");
        }
        if (!notIn8Bits.isEmpty()) {
            choices.add(notIn8Bits);
        }
        return choices.isEmpty() ? Optional.empty() : Optional.of(String.join("; ", choices));
    }

    /** {@code replicas x ranks}, as users write it. */
    public String layout() {
        return replicas + "x" + ranks;
    }

    /** Forecasts how one replica answers {@code requests}, all of them present from the start, in this order. */
    public Forecast forecast(StepTime time, List<Forecast.Request> requests) {
        return Forecast.of(
                new StepLimits(maxNumSeqs, maxBatchTokens, 0, maxModelLen),
                new PageAllocator(cache(), prefixCache),
                time,
                requests);
    }
}
