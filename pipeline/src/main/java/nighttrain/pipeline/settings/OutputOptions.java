package nighttrain.pipeline.settings;

import java.util.List;
import java.util.stream.Stream;

/**
 * Where results go and what they carry.
 *
 * @param path directory
 * @param keepColumns input columns to copy
 * @param tokenIds whether to write token ids
 * @param overwrite delete an earlier run's output first
 * @param resume go on with an unfinished earlier run
 * @param maxRowErrors how many rows may fail
 */
public record OutputOptions(
        String path,
        List<String> keepColumns,
        boolean tokenIds,
        boolean overwrite,
        boolean resume,
        MaxRowErrors maxRowErrors) {
    public OutputOptions {
        keepColumns = List.copyOf(keepColumns);
    }

    /** The answers to a batch's requests depend on what was asked for. */
    private static List<String> keepColumns(SettingValues values) {
        List<String> asked = values.get(Settings.KEEP_COLUMNS);
        boolean addUrl = InputOptions.isBatch(values.get(Settings.FORMAT)) && !asked.contains("url");
        return addUrl ? Stream.concat(Stream.of("url"), asked.stream()).toList() : asked;
    }

    static OutputOptions of(SettingValues values) {
        return new OutputOptions(
                values.get(Settings.OUTPUT_PATH),
                keepColumns(values),
                values.get(Settings.TOKEN_IDS),
                values.get(Settings.OVERWRITE),
                values.get(Settings.RESUME),
                values.get(Settings.MAX_ROW_ERRORS));
    }
}
