package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.aggregate;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.lit;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.read.RowNames;
import nighttrain.pipeline.row.RowKind;
import nighttrain.pipeline.settings.GenerateOptions;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The columns of result files, which users rely on. */
public final class ResultColumns {
    private static final String TEXT = "text";
    /** Columns of the journal that results have only on request. */
    private static final List<String> ASKED_FOR =
            List.of(RowNames.SAMPLE, "logprobs", "prompt_logprobs", "token_ids", "answer");

    private static final StructType TOKEN = new StructType()
            .add("id", DataTypes.IntegerType)
            .add("token", DataTypes.StringType)
            .add("logprob", DataTypes.FloatType);

    private ResultColumns() {}

    /** Returns the names of all columns except kept ones. */
    public static List<String> names(GenerateOptions options) {
        List<String> names = new ArrayList<>();
        RowKind kind = options.input().kind();
        names.add(RowNames.ID);
        names.addAll(always());
        names.addAll(names.indexOf(TEXT) + 1, kind.columns().keySet());
        if (ParsedColumn.of(options).isPresent()) {
            names.add(names.indexOf(TEXT) + 1, ParsedColumn.NAME);
        }
        if (options.samples() > 1) {
            names.add(RowNames.SAMPLE);
        }
        if (options.decoding().sampling().logprobs() >= 0) {
            names.add("logprobs");
        }
        if (options.decoding().sampling().promptLogprobs()) {
            names.add("prompt_logprob");
            names.add("prompt_logprobs");
        }
        if (options.output().tokenIds()) {
            names.add("token_ids");
        }
        names.removeAll(kind.leftOut());
        return names;
    }

    /** Returns the journal's columns that all results have, without those that name the row. */
    private static List<String> always() {
        return ResultRow.TYPE.columns().stream()
                .map(nighttrain.io.rows.RowType.Column::name)
                .filter(name ->
                        !List.of(RowNames.FILE, RowNames.ROW, RowNames.ID).contains(name))
                .filter(name -> !ASKED_FOR.contains(name))
                .toList();
    }

    /** Selects the columns from merged rows, in the order in which users see them. */
    static Column[] select(GenerateOptions options) {
        Map<String, Column> own = new HashMap<>(options.input().kind().columns());
        ParsedColumn.of(options).ifPresent(parsed -> own.put(ParsedColumn.NAME, parsed));
        List<Column> columns = new ArrayList<>();
        for (String name : names(options)) {
            columns.add(own.containsKey(name) ? own.get(name).as(name) : column(name));
            if (name.equals(RowNames.ID)) {
                options.output().keepColumns().forEach(kept -> columns.add(kept(kept)));
            }
        }
        return columns.toArray(Column[]::new);
    }

    private static Column kept(String name) {
        return col(RowNames.KEPT).getField(name).as(name);
    }

    private static Column column(String name) {
        return switch (name) {
            case "logprobs", "prompt_logprobs" -> logprobs(name).as(name);
            // The sum over the prompt's tokens after the first, for scoring jobs.
            case "prompt_logprob" ->
                aggregate(
                                logprobs("prompt_logprobs"),
                                lit(0.0),
                                (sum, position) ->
                                        sum.plus(position.getField("logprob").cast(DataTypes.DoubleType)))
                        .as(name);
            default -> col(name);
        };
    }

    private static Column logprobs(String name) {
        StructType position = TOKEN.add("top", DataTypes.createArrayType(TOKEN));
        return from_json(col(name), DataTypes.createArrayType(position));
    }
}
