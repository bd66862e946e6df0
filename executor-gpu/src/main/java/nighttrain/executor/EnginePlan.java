package nighttrain.executor;

import java.io.Serializable;

/**
 * What an engine settled on: nothing here is "automatic" any more.
 *
 * @param backend {@link Backend#CPU} or {@link Backend#CUDA}
 * @param architecture how tensors travel between ranks, {@code dense} or {@code parallel_track(4 tracks, D=2, mean)}
 * @param replicas copies of the model
 * @param ranks devices that share one copy
 * @param maxNumSeqs most sequences in one step of one replica
 * @param maxBatchTokens most tokens in one step of one replica
 * @param maxModelLen longest prompt plus output, in tokens
 * @param pageTokens tokens in one page of the KV cache
 * @param kvPages pages of one replica's KV cache
 * @param prefixCache whether the keys and values of shared prefixes are reused
 * @param threadsPerRank CPU threads that drive one rank
 */
public record EnginePlan(
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
        int threadsPerRank)
        implements Serializable {
    /** {@code replicas x ranks}, as users write it. */
    public String layout() {
        return replicas + "x" + ranks;
    }
}
