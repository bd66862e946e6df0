package nighttrain.pipeline.read;

import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.GenerateOptions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;

/**
 * The columns and rows that a job uses of its input.
 *
 * @param prompt how prompts are made
 * @param id column that names rows
 * @param kept columns to copy to the results
 * @param corrupt column that marks rows that could not be parsed, where the input's format is text
 * @param samples outputs per row
 * @param limit number of rows to read from the start
 */
public record InputColumns(
        PromptColumns prompt,
        Optional<String> id,
        List<String> kept,
        Optional<CorruptColumn> corrupt,
        int samples,
        long limit) {
    /** A field of the kept struct that is never null, so that the struct of a row without kept columns is not empty. */
    public static final String PRESENT = "_nt_present";

    /**
     * Finds the columns in a table.
     *
     * @param taken column names that results already have
     * @throws UserError for a column that is not there, of the wrong type, or whose name is taken
     */
    public static InputColumns of(StructType schema, GenerateOptions options, List<String> taken) {
        List<String> kept = options.output().keepColumns();
        Set<String> seen = new HashSet<>();
        for (String name : kept) {
            Columns.type(schema, name, options.input().kind().keptColumns().getOrDefault(name, "--keep-columns"));
            if (taken.stream().anyMatch(name::equalsIgnoreCase)) {
                throw UserError.of(
                        "cannot keep column",
                        name,
                        "results have a column of that name; rename it in the input"
                                + (name.equals(RowNames.ID) ? ", or use --id-column id" : ""));
            }
            if (!seen.add(name)) {
                throw UserError.of("column named twice", name, "by --keep-columns; name it once");
            }
        }
        options.input().idColumn().ifPresent(name -> checkId(schema, name));
        PromptColumns prompts = prompts(schema, options);
        prompts.needed().forEach(name -> Flaw.refuseLacking(schema.apply(name)));
        return new InputColumns(
                prompts,
                options.input().idColumn(),
                kept,
                CorruptColumn.in(schema),
                options.samples(),
                options.input().limit().orElse(Long.MAX_VALUE));
    }

    private static PromptColumns prompts(StructType schema, GenerateOptions options) {
        Optional<String> request = options.input().kind().requestColumn();
        if (request.isEmpty()) {
            return PromptColumns.of(schema, options.prompts());
        }
        if (options.prompts().isGiven() || options.samples() > 1) {
            throw UserError.of(
                    "not with a batch file",
                    options.samples() > 1 ? "--n" : "a source of prompts or --system",
                    "each line brings its own request; leave it out");
        }
        return PromptColumns.requests(request.get());
    }

    /** Returns the input columns in use, each once. */
    public List<String> used() {
        Set<String> used = new LinkedHashSet<>(prompt.needed());
        id.ifPresent(used::add);
        used.addAll(kept);
        corrupt.map(CorruptColumn::name).ifPresent(used::add);
        return List.copyOf(used);
    }

    private static void checkId(StructType schema, String name) {
        DataType type = Columns.type(schema, name, "--id-column");
        boolean nested = type instanceof StructType || type instanceof ArrayType || type instanceof MapType;
        if (nested || type.equals(DataTypes.BinaryType)) {
            throw UserError.of(
                    "wrong column type",
                    name + " is " + type.simpleString(),
                    "an id is a number or text; name another --id-column, or none for file and row position"
                            + (nested ? "" : ", or " + Columns.BINARY_IS_TEXT));
        }
    }
}
