package nighttrain.pipeline.benchmark;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import nighttrain.pipeline.monitor.PeriodicTask;

/** Measures the CPU time of every thread that runs meanwhile, by name without numbers; may miss a thread's last tenth of a second. */
final class ThreadCpu implements AutoCloseable {
    private record Used(String name, long beforeNanos, long nanos) {}

    private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    private final OperatingSystemMXBean process = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    private final Map<Long, Used> used = new ConcurrentHashMap<>();
    private final long processBeforeNanos = process.getProcessCpuTime();
    private final PeriodicTask ticker;
    private boolean first = true;

    ThreadCpu() {
        look();
        ticker = PeriodicTask.every(Duration.ofMillis(100), "thread-cpu", this::look);
    }

    private synchronized void look() {
        for (ThreadInfo thread : threads.getThreadInfo(threads.getAllThreadIds())) {
            if (thread != null) {
                long nanos = threads.getThreadCpuTime(thread.getThreadId());
                long before = first ? nanos : 0;
                used.merge(
                        thread.getThreadId(),
                        new Used(thread.getThreadName(), before, nanos),
                        (old, now) -> new Used(old.name(), old.beforeNanos(), Math.max(old.nanos(), nanos)));
            }
        }
        first = false;
    }

    /** Returns seconds by thread name. */
    Map<String, Double> seconds() {
        look();
        Map<String, Double> seconds = new TreeMap<>();
        used.values()
                .forEach(it -> seconds.merge(
                        it.name().replaceAll("[-#]?[0-9]+", ""), (it.nanos() - it.beforeNanos()) / 1e9, Double::sum));
        return seconds;
    }

    /** Returns seconds of the whole process, including the compiler and the garbage collector. */
    double processSeconds() {
        return (process.getProcessCpuTime() - processBeforeNanos) / 1e9;
    }

    @Override
    public void close() {
        ticker.close();
    }
}
