package nighttrain.jobs.cli;

import java.time.Duration;
import java.util.Locale;
import nighttrain.pipeline.monitor.ProgressListener;
import nighttrain.pipeline.monitor.ProgressListener.Progress;

/** A progress line, redrawn on a terminal; elsewhere (a scheduler's log) a new line every ten seconds. */
public final class ProgressBar implements ProgressListener, AutoCloseable {
    private static final Duration PLAIN_INTERVAL = Duration.ofSeconds(10);
    private static final int BAR_CELLS = 24;

    /** Rows of a batch end together, so the pace predicts the time left only once one row in this many is done. */
    private static final int ETA_FROM_ONE_IN = 20;

    private static final String CLEAR_LINE = "\r\u001b[K";

    private final Terminal terminal;
    private long nextPlainNanos = System.nanoTime() + PLAIN_INTERVAL.toNanos();
    private boolean closed;

    public ProgressBar(Terminal terminal) {
        this.terminal = terminal;
    }

    /** Shows the current phase while there is nothing to count yet. */
    public synchronized void phase(String what) {
        if (terminal.redraws() && !closed) {
            draw(what + " ...");
        }
    }

    /** Prints a line that is not redrawn. */
    public synchronized void line(String what) {
        if (!closed) {
            terminal.messages().println((terminal.redraws() ? CLEAR_LINE : "") + what);
        }
    }

    @Override
    public void waits(String what) {
        line(what);
    }

    @Override
    public void warns(String what) {
        line(what);
    }

    @Override
    public synchronized void at(Progress progress) {
        if (closed || progress.rowsTotal() == 0) {
            return;
        }
        if (terminal.redraws()) {
            draw(bar(progress.rowsDone(), progress.rowsTotal()) + "  " + line(progress));
        } else if (System.nanoTime() >= nextPlainNanos) {
            nextPlainNanos = System.nanoTime() + PLAIN_INTERVAL.toNanos();
            terminal.messages().println(line(progress));
        }
    }

    /** Leaves the cursor at the start of an empty line. */
    @Override
    public synchronized void close() {
        if (terminal.redraws() && !closed) {
            terminal.messages().print(CLEAR_LINE);
        }
        closed = true;
    }

    public static String line(Progress progress) {
        long done = progress.rowsDone();
        long total = progress.rowsTotal();
        StringBuilder line = new StringBuilder(String.format(
                Locale.ROOT, "%3d %%  %s of %s rows", 100 * done / total, Figures.count(done), Figures.count(total)));
        if (progress.errors() > 0) {
            line.append("  ").append(Figures.count(progress.errors(), "error"));
        }
        if (done == total) {
            return line.append("  writing results").toString();
        }
        if (progress.tokensPerSecond() > 0) {
            line.append("  ").append(Figures.rate(progress.tokensPerSecond())).append(" tokens/s");
        }
        if (done * ETA_FROM_ONE_IN >= total) {
            progress.eta()
                    .ifPresent(
                            eta -> line.append("  ").append(Figures.clock(eta)).append(" left"));
        }
        return line.toString();
    }

    public static String bar(long done, long total) {
        int full = (int) (BAR_CELLS * Math.min(done, total) / total);
        return "\u2588".repeat(full) + "\u2591".repeat(BAR_CELLS - full);
    }

    private void draw(String text) {
        boolean fits = text.length() < terminal.columns();
        terminal.messages().print(CLEAR_LINE + (fits ? text : text.substring(0, terminal.columns() - 1)));
        terminal.messages().flush();
    }
}
