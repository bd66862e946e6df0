package nighttrain.jobs.cli;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** Options of one run rather than of the job: they are not settings and cannot be set in a file. */
public final class RunOptions {
    private static final String MASTER = "--master";
    private static final String CONF = "--conf";
    private static final String CONFIG = "--config";

    private RunOptions() {}

    public static List<OptionSpec> all() {
        return List.of(
                master("Spark inside this process"),
                conf("; settings too, as spark.nighttrain.maxTokens=64"),
                config(),
                Help.option());
    }

    /**
     * {@code --master}.
     *
     * @param otherwise where the command runs without this option
     */
    public static OptionSpec master(String otherwise) {
        return option(MASTER, "M", "cluster to run on, such as spark://host:7077 (default: " + otherwise + ")");
    }

    /**
     * {@code --conf}.
     *
     * @param more what else the option accepts, for help
     */
    public static OptionSpec conf(String more) {
        return OptionSpec.builder(CONF)
                .paramLabel("K=V")
                .type(List.class)
                .auxiliaryTypes(String.class)
                .description("Spark conf; may be repeated" + more)
                .build();
    }

    /** {@code --config}. */
    public static OptionSpec config() {
        return option(CONFIG, "FILE", "YAML file with settings, such as maxTokens: 64; conf and options win over it");
    }

    public static Optional<String> master(ParseResult given) {
        return Optional.ofNullable(given.matchedOptionValue(MASTER, null));
    }

    /** Returns the settings in the file of {@code --config}; empty where no file is given. */
    public static Map<String, Object> config(ParseResult given) {
        return Optional.<String>ofNullable(given.matchedOptionValue(CONFIG, null))
                .map(Path::of)
                .map(SettingsFile::read)
                .orElse(Map.of());
    }

    public static Map<String, String> conf(ParseResult given) {
        Map<String, String> conf = new LinkedHashMap<>();
        for (String entry : given.matchedOptionValue(CONF, List.<String>of())) {
            int equals = entry.indexOf('=');
            if (equals < 1) {
                throw UserError.of(
                        "bad value of --conf",
                        secretsAside(entry),
                        "KEY=VALUE; write for example spark.executor.memory=8g");
            }
            conf.put(entry.substring(0, equals), entry.substring(equals + 1));
        }
        return conf;
    }

    /** Hides a secret's value even where another sign stands in place of the equals sign. */
    private static String secretsAside(String entry) {
        return entry.replaceFirst("(?i)^(.*?(?:secret|password|token|key)[\\w.]*)\\W.*", "$1 ***");
    }

    /** Returns an option with one text value. */
    public static OptionSpec option(String name, String label, String help) {
        return OptionSpec.builder(name)
                .paramLabel(label)
                .type(String.class)
                .description(help)
                .build();
    }
}
