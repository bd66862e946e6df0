package nighttrain.pipeline.settings;

import java.util.List;
import java.util.stream.Stream;
import nighttrain.pipeline.row.RowKind;

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

    /** Those of the kind of rows first. */
    private static List<String> keepColumns(SettingValues values) {
        List<String> asked = values.get(Settings.KEEP_COLUMNS);
        Stream<String> own = RowKind.ofFormat(values.get(Settings.FORMAT)).keptColumns().stream()
                .filter(name -> !asked.contains(name));
        return Stream.concat(own, asked.stream()).toList();
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
