package nighttrain.pipeline.read;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import nighttrain.io.UserError;
import nighttrain.pipeline.read.InputFiles.InputFile;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.compress.CompressionCodec;
import org.apache.hadoop.io.compress.CompressionCodecFactory;

/** A JSON file that is one array over several lines. Spark takes every line for a row of its own, and none of them is one. */
final class JsonArray {
    /** Longer first lines hold whole rows. */
    private static final int LINE_CHARS = 1 << 16;

    private JsonArray() {}

    /** Looks at the first file: those of a folder are of one kind, and a row of another kind is an error of its own. */
    static void refuse(InputFiles files, Configuration hadoop) {
        InputFile first = files.files().get(0);
        String line = firstLine(first, hadoop).strip();
        if (line.startsWith("[") && !line.endsWith("]") && line.length() < LINE_CHARS - 1) {
            throw UserError.of(
                    "input is one JSON array",
                    first.name(),
                    "one object per line is needed; use --format-option multiLine=true to read an array");
        }
    }

    private static String firstLine(InputFile file, Configuration hadoop) {
        Path path = new Path(URI.create(file.uri()));
        CompressionCodec codec = new CompressionCodecFactory(hadoop).getCodec(path);
        try (InputStream plain = path.getFileSystem(hadoop).open(path);
                InputStream bytes = codec == null ? plain : codec.createInputStream(plain);
                BufferedReader text = new BufferedReader(new InputStreamReader(bytes, StandardCharsets.UTF_8))) {
            StringBuilder line = new StringBuilder();
            for (int c = text.read(); c >= 0 && line.length() < LINE_CHARS; c = text.read()) {
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
