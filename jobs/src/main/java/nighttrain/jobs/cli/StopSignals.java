package nighttrain.jobs.cli;

import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import sun.misc.Signal;
import sun.misc.SignalHandler;

/**
 * SIGINT, SIGTERM and SIGHUP while a job runs. The first stops it in good order: what is finished is in the journal, so the same command
 * goes on from there. The second, or twenty seconds, end the process at once; that loses nothing more. Java leaves alone what is
 * ignored from the start, as nohup has it with SIGHUP.
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

    /** @param kept what is in the journal: {@code rows} */
    public StopSignals(Terminal terminal, ProgressBar bar, String kept) {
        this.terminal = terminal;
        this.bar = bar;
        this.kept = kept;
        before = signals.stream()
                .map(signal -> Signal.handle(signal, this::handle))
                .toList();
    }

    /** From now on, what stops the job; until then a signal just ends the process. */
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
