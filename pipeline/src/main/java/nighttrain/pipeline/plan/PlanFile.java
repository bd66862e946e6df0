package nighttrain.pipeline.plan;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import nighttrain.io.UserError;

/** What {@code plan --json} wrote, read again for the run that follows it. */
public final class PlanFile {
    private PlanFile() {}

    /**
     * What the plan in a file foresaw.
     *
     * @throws UserError where it is not there, or no plan
     */
    public static Prediction read(String file) {
        try {
            return Prediction.read(new ObjectMapper().readTree(Files.readString(Path.of(file))));
        } catch (IOException | IllegalArgumentException e) {
            throw UserError.of(
                    "cannot read the plan", file, "a file of nighttrain plan --json is needed; check --plan", e);
        }
    }
}
