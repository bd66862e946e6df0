package nighttrain.io.journal;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import nighttrain.io.table.RowAttempt;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** What the {@link AttemptLog}s of a journal left behind. */
public final class AttemptFiles {
    static final String PREFIX = "tries-";
    static final String SUFFIX = ".jsonl";
    private static final ObjectMapper JSON = new ObjectMapper();

    private AttemptFiles() {}

    /** Files of attempts whose name begins with {@code writers}; none where the folder does not exist. */
    public static List<Path> list(Journal journal, String writers) {
        try {
            FileStatus[] found = JournalFileSystem.raw(journal.fs())
                    .listStatus(
                            journal.dir(),
                            path -> path.getName().startsWith(PREFIX + writers)
                                    && path.getName().endsWith(SUFFIX));
            return Arrays.stream(found).map(FileStatus::getPath).sorted().toList();
        } catch (FileNotFoundException noFolder) {
            return List.of();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list the journal: " + journal.dir(), e);
        }
    }

    /** The rows of one file; half a line at its end, left by a killed writer, is no row. */
    public static List<RowAttempt> read(FileSystem fs, Path file) {
        List<RowAttempt> rows = new ArrayList<>();
        try (BufferedReader lines = new BufferedReader(
                new InputStreamReader(JournalFileSystem.raw(fs).open(file), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                rows.add(JSON.readValue(line, RowAttempt.class));
            }
        } catch (JsonProcessingException torn) {
            return rows;
        } catch (FileNotFoundException replaced) {
            return List.of(); // by its writer, since it was listed
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read the journal: " + file, e);
        }
        return rows;
    }
}
