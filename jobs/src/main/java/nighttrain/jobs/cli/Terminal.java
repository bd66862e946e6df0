package nighttrain.jobs.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InaccessibleObjectException;
import java.nio.charset.StandardCharsets;

/**
 * The output streams of a command.
 *
 * @param out results: the closing summary, requested help
 * @param messages everything else
 * @param columns width of the terminal that {@code messages} goes to; 0 where it is no terminal, and lines cannot be redrawn
 */
public record Terminal(PrintStream out, PrintStream messages, int columns) {
    /**
     * Returns the terminal of this process. The launcher passes what a JVM cannot find out: the width, and a descriptor past its filter on stderr.
     */
    public static Terminal system() {
        return new Terminal(
                new PrintStream(System.out, true, StandardCharsets.UTF_8),
                messages(Integer.getInteger("nighttrain.messages.fd")),
                Integer.getInteger("nighttrain.terminal.columns", 0));
    }

    /** Opens the descriptor itself: a file opened by path would have a second position, and the two streams would overwrite each other. */
    private static PrintStream messages(Integer fd) {
        if (fd == null) {
            return new PrintStream(System.err, true, StandardCharsets.UTF_8);
        }
        try {
            Constructor<FileDescriptor> ofNumber = FileDescriptor.class.getDeclaredConstructor(int.class);
            ofNumber.setAccessible(true);
            return new PrintStream(new FileOutputStream(ofNumber.newInstance(fd)), true, StandardCharsets.UTF_8);
        } catch (ReflectiveOperationException | InaccessibleObjectException e) {
            return messages(null);
        }
    }

    public boolean redraws() {
        return columns > 0;
    }
}
