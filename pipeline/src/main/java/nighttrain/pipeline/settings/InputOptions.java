package nighttrain.pipeline.settings;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.pipeline.row.RowKind;

/**
 * Where rows come from.
 *
 * @param path file, directory or pattern; empty where a Dataset is given instead
 * @param format a Spark source
 * @param formatOptions options of that source
 * @param idColumn names rows in the results; empty: file and position
 * @param limit only that many rows from the start
 */
public record InputOptions(
        Optional<String> path,
        String format,
        Map<String, String> formatOptions,
        Optional<String> idColumn,
        Optional<Long> limit) {
    public InputOptions {
        formatOptions = Map.copyOf(formatOptions);
        limit.filter(rows -> rows < 1).ifPresent(rows -> {
            throw UserError.of("bad value of --limit", rows, "at least 1; leave it out for all rows");
        });
    }

    /** What each row becomes. */
    public RowKind kind() {
        return RowKind.ofFormat(format);
    }

    /** JSON with an object a line has three names, of which Spark knows one. */
    private static String format(String name) {
        return name.equalsIgnoreCase("jsonl") || name.equalsIgnoreCase("ndjson") ? "json" : name;
    }

    static InputOptions of(SettingValues values) {
        Map<String, String> options = new LinkedHashMap<>();
        for (String option : values.get(Settings.FORMAT_OPTION)) {
            int equals = option.indexOf('=');
            if (equals < 1) {
                throw UserError.of("bad value of --format-option", option, "K=V; write for example header=false");
            }
            options.put(option.substring(0, equals), option.substring(equals + 1));
        }
        return new InputOptions(
                values.find(Settings.INPUT_PATH),
                format(values.get(Settings.FORMAT)),
                options,
                values.find(Settings.ID_COLUMN).or(RowKind.ofFormat(values.get(Settings.FORMAT))::idColumn),
                values.find(Settings.LIMIT));
    }
}
