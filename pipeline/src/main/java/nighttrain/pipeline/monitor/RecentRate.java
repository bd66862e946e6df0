package nighttrain.pipeline.monitor;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;

/** The recent growth of an amount per second. */
public final class RecentRate {
    private static final long LATELY_NANOS = Duration.ofSeconds(5).toNanos();
    private static final double NANOS_PER_S = 1e9;

    private final Deque<Sample> lately = new ArrayDeque<>();

    private record Sample(long nanos, long amount) {}

    /** Records an amount, and returns its growth per second over the last five seconds. */
    public synchronized double at(long nanos, long amount) {
        lately.addLast(new Sample(nanos, amount));
        while (lately.size() > 2 && nanos - lately.getFirst().nanos() > LATELY_NANOS) {
            lately.removeFirst();
        }
        Sample first = lately.getFirst();
        double seconds = (nanos - first.nanos()) / NANOS_PER_S;
        return seconds <= 0 ? 0 : Math.max(0, amount - first.amount()) / seconds;
    }
}
