package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.from_json;

import java.util.ArrayList;
import java.util.List;
import nighttrain.pipeline.read.RowNames;
import nighttrain.pipeline.settings.GenerateOptions;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The columns of result files, which users rely on. */
public final class ResultColumns {
    private static final List<String> ALWAYS = List.of(
            "text",
            "finish_reason",
            "prompt_tokens",
            "output_tokens",
            "error",
            "error_message",
            "ttft_ms",
            "tpot_ms",
            "e2e_ms",
            "attempts",
            "executor");
    private static final StructType TOKEN = new StructType()
            .add("id", DataTypes.IntegerType)
            .add("token", DataTypes.StringType)
            .add("logprob", DataTypes.FloatType);

    private ResultColumns() {}

    /** Names of all columns, kept ones aside. */
    public static List<String> names(GenerateOptions options) {
        List<String> names = new ArrayList<>();
        names.add(RowNames.ID);
        names.addAll(ALWAYS);
        if (options.samples() > 1) {
            names.add(RowNames.SAMPLE);
        }
        if (options.sampling().logprobs() >= 0) {
            names.add("logprobs");
        }
        if (options.output().tokenIds()) {
            names.add("token_ids");
        }
        return names;
    }

    /** From merged rows, in the order in which users see them. */
    static Column[] select(GenerateOptions options) {
        List<Column> columns = new ArrayList<>();
        for (String name : names(options)) {
            columns.add(name.equals("logprobs") ? logprobs() : col(name));
            if (name.equals(RowNames.ID)) {
                options.output().keepColumns().forEach(kept -> columns.add(kept(kept)));
            }
        }
        return columns.toArray(Column[]::new);
    }

    private static Column kept(String name) {
        return col(RowNames.KEPT).getField(name).as(name);
    }

    private static Column logprobs() {
        StructType position = TOKEN.add("top", DataTypes.createArrayType(TOKEN));
        return from_json(col("logprobs"), DataTypes.createArrayType(position)).as("logprobs");
    }
}
