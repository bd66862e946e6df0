package nighttrain.jobs.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InaccessibleObjectException;
import java.nio.charset.StandardCharsets;

/**
 * Where a command speaks.
 *
 * @param out results: the closing summary, help that was asked for
 * @param messages everything else
 * @param columns width of the terminal that {@code messages} goes to; 0 where it is none, and nothing may be redrawn
 */
public record Terminal(PrintStream out, PrintStream messages, int columns) {
    /** That of this process. The launcher says what a JVM cannot find out: the width, and a way past its filter on stderr. */
    public static Terminal system() {
        return new Terminal(
                new PrintStream(System.out, true, StandardCharsets.UTF_8),
                messages(Integer.getInteger("nighttrain.messages.fd")),
                Integer.getInteger("nighttrain.terminal.columns", 0));
    }

    /** By the descriptor itself: opened by a path, the file would have a second position, and the two would overwrite. */
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
