package nighttrain.jobs;

import java.util.concurrent.atomic.AtomicInteger;
import sun.misc.Signal;

/** SIGINT and SIGTERM while a job runs: the first asks it to stop in good order, the second ends the process. */
final class StopSignals implements AutoCloseable {
    private final AtomicInteger received = new AtomicInteger();
    private final Signal[] signals = {new Signal("INT"), new Signal("TERM")};
    private final sun.misc.SignalHandler[] before = new sun.misc.SignalHandler[signals.length];

    /** @param stop called once, on a thread of its own, at the first signal */
    StopSignals(Runnable stop) {
        for (int i = 0; i < signals.length; i++) {
            before[i] = Signal.handle(signals[i], signal -> {
                if (received.getAndIncrement() == 0) {
                    stop.run();
                } else {
                    Runtime.getRuntime().halt(ExitCode.STOPPED.code());
                }
            });
        }
    }

    boolean received() {
        return received.get() > 0;
    }

    @Override
    public void close() {
        for (int i = 0; i < signals.length; i++) {
            Signal.handle(signals[i], before[i]);
        }
    }
}
