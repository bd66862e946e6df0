package nighttrain.pipeline.read;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.Charset;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.compress.CompressionCodec;
import org.apache.hadoop.io.compress.CompressionCodecFactory;

/** Reads the first line of a text file. */
final class FirstLine {
    /** Limit on the line's length; a longer first line holds whole rows. */
    static final int MOST_CHARS = 1 << 16;

    private FirstLine() {}

    /** Returns the first line that is not blank, at most {@link #MOST_CHARS} of it; empty if there is none. */
    static String of(String uri, Configuration hadoop, Charset charset) {
        Path path = new Path(URI.create(uri));
        CompressionCodec codec = new CompressionCodecFactory(hadoop).getCodec(path);
        try (InputStream plain = path.getFileSystem(hadoop).open(path);
                InputStream bytes = codec == null ? plain : codec.createInputStream(plain);
                BufferedReader text = new BufferedReader(new InputStreamReader(bytes, charset))) {
            StringBuilder line = new StringBuilder();
            for (int c = text.read(); c >= 0 && line.length() < MOST_CHARS; c = text.read()) {
                boolean ends = c == '\n' || c == '\r';
                if (ends && !line.toString().isBlank()) {
                    break;
                }
                if (c != '\uFEFF') {
                    line.append((char) c);
                }
            }
            return line.toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
