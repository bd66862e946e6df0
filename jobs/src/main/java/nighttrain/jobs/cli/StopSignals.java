package nighttrain.jobs.cli;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * Handles SIGINT, SIGTERM and SIGHUP while a job runs. The first signal stops the job in order: finished work is in the journal, so the same command
 * resumes there. After a second signal, or after twenty seconds, the process ends at once; this loses nothing more. Java does not handle a signal
 * that is ignored from the start, such as SIGHUP under nohup.
 */
public final class StopSignals implements AutoCloseable {
    private static final long PATIENCE_MS = TimeUnit.SECONDS.toMillis(20);

    private final Terminal terminal;
    private final ProgressBar bar;
    private final String kept;
    private final AtomicBoolean received = new AtomicBoolean();
    private final AtomicReference<Runnable> stop = new AtomicReference<>(StopSignals::exit);
    private final List<Signal> signals = List.of(new Signal("INT"), new Signal("TERM"), new Signal("HUP"));
    private final List<SignalHandler> before;

    /** @param kept what the journal keeps: {@code rows} */
    public StopSignals(Terminal terminal, ProgressBar bar, String kept) {
        this.terminal = terminal;
        this.bar = bar;
        this.kept = kept;
        before = signals.stream()
                .map(signal -> Signal.handle(signal, this::handle))
                .toList();
    }

    /** Sets what stops the job; until this call a signal just ends the process. */
    public void onStop(Runnable action) {
        stop.set(action);
    }

    public boolean received() {
        return received.get();
    }

    private void handle(Signal signal) {
        if (!received.compareAndSet(false, true)) {
            exit();
        }
        bar.close();
        terminal.messages().println("Stopping. Finished " + kept + " are kept: the same command goes on from here.");
        stop.get().run();
        try {
            Thread.sleep(PATIENCE_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        exit();
    }

    private static void exit() {
        Runtime.getRuntime().halt(ExitCode.STOPPED.code());
    }

    @Override
    public void close() {
        for (int i = 0; i < signals.size(); i++) {
            Signal.handle(signals.get(i), before.get(i));
        }
    }
}
