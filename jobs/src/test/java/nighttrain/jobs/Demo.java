package nighttrain.jobs;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Arguments of {@code generate} for small models and inputs. */
final class Demo {
    private Demo() {}

    static String[] command(Path model, Path input, Path output, String... options) {
        List<String> arguments = new ArrayList<>(List.of(
                "generate", "--model", model.toString(), "--input", input.toString(), "--output", output.toString()));
        BriefRun.SPARK_CONF.forEach((key, value) -> arguments.addAll(List.of("--conf", key + "=" + value)));
        arguments.addAll(List.of(options));
        return arguments.toArray(String[]::new);
    }
}
