package nighttrain.pipeline.settings;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import nighttrain.io.UserError;

/**
 * A setting that a user can set. Its option, Spark conf key and config file key all derive from its name.
 *
 * @param name in lowerCamel: {@code maxNumSeqs}
 * @param type how values are written
 * @param defaultValue value when the user sets none; empty where there is no default
 * @param placeholder the value in help: {@code N}; empty for a switch
 * @param help one line
 * @param group group under which help shows it
 * @param aliases other names in lowerCamel
 * @param effect whether it changes the output
 */
public record Setting<T>(
        String name,
        SettingType<T> type,
        Optional<T> defaultValue,
        String placeholder,
        String help,
        SettingGroup group,
        List<String> aliases,
        OutputEffect effect) {
    /** Prefix of every Spark conf key of Night Train. */
    public static final String CONF_PREFIX = "spark.nighttrain.";

    public Setting {
        Objects.requireNonNull(effect, "effect");
    }

    /** Returns the command line option, such as {@code --max-num-seqs}. */
    public String option() {
        return option(name);
    }

    /** The aliases as options. */
    public List<String> aliasOptions() {
        return aliases.stream().map(Setting::option).toList();
    }

    /** Returns the Spark conf key, such as {@code spark.nighttrain.maxNumSeqs}. */
    public String confKey() {
        return CONF_PREFIX + name;
    }

    /** Reads a value as written by a user. */
    public T parse(String text) {
        try {
            return type.parse().apply(text);
        } catch (IllegalArgumentException wrong) {
            String way = defaultValue
                    .map(value -> "leave it out for " + type.print().apply(value))
                    .orElse("leave it out if you need none");
            throw UserError.of("bad value of " + option(), text, type.expected() + "; " + way, wrong);
        }
    }

    /** Writes a value so that {@link #parse} reads it. */
    public String print(T value) {
        return type.print().apply(value);
    }

    private static String option(String name) {
        return "--" + name.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    }

    /** Settings that belong together, in the order in which help shows them. */
    public enum SettingGroup {
        MODEL("Model"),
        INPUT("Input"),
        PROMPT("Prompt"),
        /** Settings of {@code label} alone; {@code generate} has none of them. */
        LABELS("Labels"),
        SAMPLING("Sampling"),
        OUTPUT("Output"),
        TIME("Time"),
        ENGINE("Engine"),
        /** Settings of {@code bench} alone. */
        WORKLOAD("Workload"),
        /** Settings of {@code plan} alone. */
        PLAN("Plan");

        private final String title;

        SettingGroup(String title) {
            this.title = title;
        }

        /** Returns the heading of the group in help. */
        public String title() {
            return title;
        }
    }

    /** Whether a setting changes the output of a job, and so whether a job may be resumed with another value of it. */
    public enum OutputEffect {
        /** Its value changes the output and is part of a job's fingerprint. */
        BY_VALUE,
        /**
         * As {@link #BY_VALUE}, but left out of the fingerprint at its default: jobs of versions without this setting keep their
         * fingerprint.
         */
        BY_OTHER_VALUE,
        /**
         * It changes the output through what it selects: the fingerprint holds the model, the input, the prompts or the context length
         * itself.
         */
        BY_CONTENT,
        /** It changes what is computed from all rows together: an unfinished job can be resumed with another value. */
        OF_ALL_ROWS,
        /** It changes where, when or how fast a job runs, and at most the rounding of sums. */
        NONE
    }
}
