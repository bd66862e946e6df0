package nighttrain.jobs;

import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * Where a command speaks.
 *
 * @param out results: the closing summary, help that was asked for
 * @param messages everything else
 * @param columns width of the terminal that {@code messages} goes to; 0 where it is none, and nothing may be redrawn
 */
record Terminal(PrintStream out, PrintStream messages, int columns) {
    /** That of this process. The launcher says what a JVM cannot find out: the width, and a way past its filter on stderr. */
    static Terminal system() {
        return new Terminal(
                new PrintStream(System.out, true, StandardCharsets.UTF_8),
                messages(System.getProperty("nighttrain.messages")),
                Integer.getInteger("nighttrain.terminal.columns", 0));
    }

    private static PrintStream messages(String path) {
        if (path == null) {
            return new PrintStream(System.err, true, StandardCharsets.UTF_8);
        }
        try {
            return new PrintStream(new FileOutputStream(path, true), true, StandardCharsets.UTF_8);
        } catch (FileNotFoundException e) {
            return messages(null); // a socket or another user's terminal cannot be opened by its path
        }
    }

    boolean redraws() {
        return columns > 0;
    }
}
