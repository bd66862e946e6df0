package nighttrain.executor.device.cuda.collective;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.tensor.CudaTensor;

/**
 * The addresses of a buffer on all ranks, {@code [ranks]}. The first request for a buffer makes the ranks exchange addresses on the host;
 * later requests are look-ups.
 */
public final class PeerBuffers {
    private final int rank;
    private final PeerGroup peers;
    private final DeviceMemory memory;
    private final Map<Integer, long[]> bases = new HashMap<>();
    private final Map<Integer, long[]> widths = new HashMap<>();
    private long[] shares = new long[0];
    private long[] staged = new long[0];
    private long shareBytes;
    private long stagedBytes;
    private int nextTopic;

    PeerBuffers(int rank, PeerGroup peers, DeviceMemory memory) {
        this.rank = rank;
        this.peers = peers;
        this.memory = memory;
    }

    /** The values that the ranks give at this point of their work, {@code [ranks]}. */
    long[] exchange(String what, long mine) {
        return peers.exchange(what + " " + nextTopic++, rank, mine);
    }

    long[] of(CudaTensor mine) {
        long[] all = bases.computeIfAbsent(
                mine.allocation(), allocation -> exchange("buffer", mine.base().address()));
        return Arrays.stream(all)
                .map(base -> base + mine.offset() * mine.elementBytes())
                .toArray();
    }

    /** How many columns each rank's part has. */
    long[] widths(CudaTensor mine) {
        return widths.computeIfAbsent(mine.allocation(), allocation -> exchange("columns", mine.cols()));
    }

    /** Buffers for each rank's share of an all-reduce of {@code bytes} bytes. */
    long[] shares(long bytes) {
        if (bytes > shareBytes) {
            shareBytes = bytes;
            shares = exchange(
                    "all-reduce shares",
                    memory.allocate("all-reduce shares", bytes).address());
        }
        return shares;
    }

    /** Two buffers for the sum of a rank's own tracks, {@link #stagedBytes} each, used alternately. */
    long[] staged(long bytes) {
        if (bytes > stagedBytes) {
            stagedBytes = bytes;
            staged = exchange(
                    "staged tracks", memory.allocate("staged tracks", 2 * bytes).address());
        }
        return staged;
    }

    long stagedBytes() {
        return stagedBytes;
    }
}
