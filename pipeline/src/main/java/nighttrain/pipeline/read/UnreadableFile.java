package nighttrain.pipeline.read;

import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nighttrain.io.Causes;
import nighttrain.io.UserError;
import nighttrain.pipeline.read.Footer.Obstacle;

/**
 * Finds failures of tasks that an input file caused and its footer did not show: torn pages, and codecs or encodings that Spark's reader
 * lacks.
 */
public final class UnreadableFile {
    private static final Pattern FILE = Pattern.compile("\\[FAILED_READ_FILE[^]]*].*? reading file (\\S+)\\.(\\s|$)");
    private static final Pattern ENCODING = Pattern.compile("Unsupported encoding: (\\w+)");
    private static final Pattern CODEC = Pattern.compile("Class (\\S*\\.(\\w+)Codec) was not found");
    private static final String UNIVOCITY = "com.univocity.parsers.common.TextParsingException";
    /** Begins a message of the CSV reader, before its whole configuration and the row. */
    private static final Pattern CSV_LIMIT = Pattern.compile("defined in your parser settings \\((?<chars>\\d+)\\)"
            + "|ArrayIndexOutOfBoundsException - Index (?<fields>\\d+) out of bounds");
    /** Beginnings of exception texts, class names and some messages, that blame the file and not the access to it. */
    private static final List<String> BLAME = List.of(
            "org.apache.parquet.",
            "org.apache.spark.sql.execution.datasources.SchemaColumnConvertNotSupportedException",
            "org.xerial.snappy.",
            "com.github.luben.zstd.",
            UNIVOCITY,
            "java.util.zip.",
            "java.io.IOException: can not read class org.apache.parquet.",
            "java.io.IOException: Could not read page ",
            "java.io.EOFException: Unexpected end of input stream");
    /** Part of the path of a job's own files, which are not the user's input. */
    private static final String OURS = "/_nighttrain/";

    private UnreadableFile() {}

    /**
     * Throws a user error if an unreadable input file caused the failure.
     *
     * @throws UserError an error that names the file
     */
    public static void throwIfBehind(Throwable failure) {
        Optional<String> file =
                Causes.of(failure).flatMap(cause -> file(cause).stream()).findFirst();
        Optional<Throwable> reason =
                Causes.of(failure).filter(UnreadableFile::blamesTheFile).findFirst();
        if (file.isEmpty() || reason.isEmpty() || file.get().contains(OURS)) {
            return;
        }
        String said = Causes.message(reason.get());
        Matcher csv = CSV_LIMIT.matcher(said);
        if (csv.find()) {
            throw UserError.of(
                    "cannot read input file",
                    file.get(),
                    csv.group("chars") != null
                            ? "a field has over " + csv.group("chars")
                                    + " characters; raise it by --format-option maxCharsPerColumn=N, or close a quote that is left open"
                            : "a row has over " + csv.group("fields")
                                    + " fields; raise it by --format-option maxColumns=N, or correct the row",
                    failure);
        }
        throw UserError.of(
                "cannot read input file",
                file.get(),
                obstacle(said)
                        .map(it -> "Spark's Parquet reader lacks " + it.what() + "; " + it.remedy())
                        .orElse(said + "; write the file again or remove it"),
                failure);
    }

    private static Optional<String> file(Throwable cause) {
        Matcher matcher = FILE.matcher(String.valueOf(cause.getMessage()));
        return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
    }

    private static boolean blamesTheFile(Throwable cause) {
        String text = cause.toString();
        return BLAME.stream().anyMatch(text::startsWith)
                || ENCODING.matcher(text).find()
                || text.contains(" is not a Parquet file.");
    }

    private static Optional<Obstacle> obstacle(String said) {
        Matcher encoding = ENCODING.matcher(said);
        if (encoding.find()) {
            return Optional.of(Obstacle.encoding(encoding.group(1)));
        }
        Matcher codec = CODEC.matcher(said);
        return codec.find() ? Optional.of(Obstacle.codec(codec.group(2), codec.group(1))) : Optional.empty();
    }
}
