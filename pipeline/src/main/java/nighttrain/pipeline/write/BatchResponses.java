package nighttrain.pipeline.write;

import static org.apache.spark.sql.functions.array;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.to_json;
import static org.apache.spark.sql.functions.unix_timestamp;
import static org.apache.spark.sql.functions.when;

import java.util.Map;
import nighttrain.pipeline.read.RowNames;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.types.DataTypes;

/** Results as the lines of an OpenAI batch's output: a response to every request, or why there is none. */
final class BatchResponses {
    private static final Map<String, String> WITH_NULLS = Map.of("ignoreNullFields", "false");
    private static final int OK = 200;
    private static final int BAD_REQUEST = 400;

    private BatchResponses() {}

    /** One line, from a merged row. */
    static Column line(String model) {
        Column url = col(RowNames.KEPT).getField(RowNames.URL);
        return when(col("error").isNotNull(), json(failed(), error()))
                .when(url.endsWith("/chat/completions"), json(answered(chat(model)), none()))
                .otherwise(json(answered(completion(model)), none()));
    }

    private static Column json(Column response, Column error) {
        return to_json(
                struct(
                        concat(lit("batch_req_"), col(RowNames.POSITION)).as("id"),
                        col(RowNames.ID).as("custom_id"),
                        response.as("response"),
                        error.as("error")),
                WITH_NULLS);
    }

    private static Column answered(Column body) {
        return struct(lit(OK).as("status_code"), requestId(), body.as("body"));
    }

    private static Column failed() {
        return struct(lit(BAD_REQUEST).as("status_code"), requestId(), none().as("body"));
    }

    private static Column error() {
        return struct(col("error").as("code"), col("error_message").as("message"));
    }

    private static Column chat(String model) {
        Column message = struct(lit("assistant").as("role"), col("text").as("content"));
        return body("chat.completion", model, message.as("message"));
    }

    private static Column completion(String model) {
        return body("text_completion", model, col("text").as("text"));
    }

    private static Column body(String object, String model, Column output) {
        return struct(
                concat(lit("cmpl-"), col(RowNames.POSITION)).as("id"),
                lit(object).as("object"),
                unix_timestamp().as("created"),
                lit(model).as("model"),
                array(struct(
                                lit(0).as("index"),
                                output,
                                none().as("logprobs"),
                                col("finish_reason").as("finish_reason")))
                        .as("choices"),
                struct(
                                col("prompt_tokens").as("prompt_tokens"),
                                col("output_tokens").as("completion_tokens"),
                                col("prompt_tokens").plus(col("output_tokens")).as("total_tokens"))
                        .as("usage"));
    }

    private static Column requestId() {
        return concat(lit("req_"), col(RowNames.POSITION)).as("request_id");
    }

    private static Column none() {
        return lit(null).cast(DataTypes.StringType);
    }
}
