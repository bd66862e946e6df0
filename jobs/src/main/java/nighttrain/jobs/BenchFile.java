package nighttrain.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.io.UserError;

/** The file of {@code --json}; whether it can be written is asked before anything is measured for it. */
record BenchFile(Path path) {
    static BenchFile at(Path path) {
        Path folder = path.toAbsolutePath().getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw cannotWrite(path, "its directory must be there; make it", null);
        }
        if (Files.exists(path) ? !Files.isRegularFile(path) || !Files.isWritable(path) : !Files.isWritable(folder)) {
            throw cannotWrite(path, "a file that may be written; choose another", null);
        }
        return new BenchFile(path);
    }

    void write(JsonNode json) {
        try {
            Files.writeString(path, json.toPrettyString() + "\n");
        } catch (IOException e) {
            throw cannotWrite(path, e.getClass().getSimpleName() + "; check space and permissions", e);
        }
    }

    private static UserError cannotWrite(Path path, String hint, IOException cause) {
        return UserError.of("cannot write the file of --json", path, hint, cause);
    }
}
