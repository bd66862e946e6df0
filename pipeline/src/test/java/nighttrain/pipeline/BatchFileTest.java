package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.JobTest;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Test;

/** Reads and writes OpenAI batch files with an engine that echoes prompts, cut to the output's maximum length. */
class BatchFileTest extends JobTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<String> LINES = List.of(
            request("c", "/v1/completions", "\"prompt\": \"hello\", \"max_tokens\": 4"),
            request("a", "/v1/chat/completions", "\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}]"),
            "{\"custom_id\": \"torn\", ",
            request("b", "/v1/completions", "\"prompt\": \"stop here\", \"stop\": \" \", \"temperature\": 0"),
            request("tools", "/v1/chat/completions", "\"messages\": [], \"tools\": [{}]"),
            request("many", "/v1/completions", "\"prompt\": \"x\", \"n\": 2, \"stream\": false"),
            request("hot", "/v1/completions", "\"prompt\": \"x\", \"temperature\": -1"),
            request("embed", "/v1/embeddings", "\"input\": \"x\""),
            request("last", "/v1/completions", "\"prompt\": \"p\", \"model\": \"any\", \"n\": 1, \"seed\": 7"));

    @Test
    void everyRequestComesBackOnceInItsPlaceAndItsForm() throws IOException {
        batch(LINES);

        assertThat(run().errors()).isEqualTo(5);

        List<JsonNode> lines = responses();
        assertThat(lines)
                .extracting(line -> line.get("custom_id").asText())
                .containsExactly("c", "a", "batch.jsonl:2", "b", "tools", "many", "hot", "embed", "last");
        assertThat(lines.get(0).at("/response/body/choices/0/text").asText()).isEqualTo("hell");
        assertThat(lines.get(0).at("/response/body/object").asText()).isEqualTo("text_completion");
        assertThat(lines.get(0).at("/response/body/choices/0/finish_reason").asText())
                .isEqualTo("length");
        assertThat(lines.get(0).at("/response/body/usage").toString())
                .isEqualTo("{\"prompt_tokens\":5,\"completion_tokens\":4,\"total_tokens\":9}");
        assertThat(lines.get(0).get("error").isNull()).isTrue();
        assertThat(lines.get(1).at("/response/body/object").asText()).isEqualTo("chat.completion");
        assertThat(lines.get(1).at("/response/body/choices/0/message").toString())
                .isEqualTo("{\"role\":\"assistant\",\"content\":\"<user>hi<assistant>\"}");
        assertThat(lines.get(3).at("/response/body/choices/0/text").asText()).isEqualTo("stop");
        assertThat(lines.get(8).at("/response/body/choices/0/text").asText()).isEqualTo("p");
        assertThat(lines.get(8).at("/response/status_code").asInt()).isEqualTo(200);
    }

    @Test
    void whatALineAsksInVainIsItsOwnError() throws IOException {
        batch(LINES);
        run();

        List<JsonNode> lines = responses();
        assertThat(message(lines.get(2)))
                .startsWith("line 3: not JSON: ")
                .endsWith(" (one object a line; mend the line)");
        assertThat(message(lines.get(4)))
                .isEqualTo("line 5: unsupported parameter: tools [{}] (it would change the answer; leave it out)");
        assertThat(message(lines.get(5)))
                .isEqualTo("line 6: unsupported parameter: n 2 (1 alone is supported; leave it out)");
        assertThat(message(lines.get(6)))
                .isEqualTo("line 7: bad value of temperature: -1.0 (0 to 100; use 0 for greedy sampling)");
        assertThat(message(lines.get(7)))
                .isEqualTo(
                        "line 8: unknown url: /v1/embeddings (/v1/chat/completions or /v1/completions; mend the line)");
        assertThat(lines.get(4).at("/error/code").asText()).isEqualTo("unsupported_parameter");
        assertThat(lines.get(4).at("/response/status_code").asInt()).isEqualTo(400);
        assertThat(lines.get(4).at("/response/body/error/message").asText()).isEqualTo(message(lines.get(4)));
        assertThat(lines.get(4).at("/response/body/error/type").asText()).isEqualTo("invalid_request_error");
    }

    /** Each line of the answers parses as openai.types.chat.ChatCompletion or openai.types.Completion of openai 3.57. */
    @Test
    void answersHaveTheClientsForm() throws IOException {
        batch(List.of(
                request(
                        "chat",
                        "/v1/chat/completions",
                        "\"model\": \"mine\", \"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"text\","
                                + " \"text\": \"h\"}]}], \"logprobs\": true, \"top_logprobs\": 1, \"max_tokens\": 2"),
                "  ",
                request("text", "/v1/completions", "\"prompt\": [\"\u00e9a\"], \"logprobs\": 1, \"stop\": null"),
                request(
                        "bare",
                        "/v1/chat/completions",
                        "\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"logprobs\": true, \"max_tokens\": 1"),
                request("bad", "/v1/completions", "\"prompt\": \"x\", \"n\": 2"),
                ""));

        assertThat(run().rows()).as("blank lines are no rows").isEqualTo(4);

        assertThat(responses())
                .extracting(line -> line.toString()
                        .replaceAll("\"created\":1[0-9]{9},", "")
                        .replace(dir.resolve("model").toString(), "MODEL"))
                .containsExactlyElementsOf(
                        Files.readAllLines(Path.of("src/test/resources/cases/openai-batch-answers.jsonl")));
        assertThat(results().get(0).schema().fieldNames())
                .as("as the job asked")
                .doesNotContain("logprobs");
    }

    @Test
    void oddLinesAreAnsweredInTheirPlaces() throws IOException {
        Path cases = Path.of("src/test/resources/cases");
        values = values.with(
                        Settings.INPUT_PATH,
                        cases.resolve("openai-batch-odd-lines.jsonl").toString())
                .with(Settings.FORMAT, "openai-batch")
                .with(Settings.MAX_TOKENS, 8);

        run();

        List<JsonNode> lines = responses();
        assertThat(lines).hasSize(45);
        assertThat(lines.get(0).get("custom_id").asText())
                .as("after a byte order mark")
                .isEqualTo("bom");
        assertThat(lines.get(0).at("/response/body/choices/0/text").asText()).isEqualTo("C");
        assertThat(lines.get(0).at("/response/body/model").asText()).isEqualTo("m");
        assertThat(lines.get(44).get("custom_id").asText()).isEqualTo("badutf");
        assertThat(message(lines.get(44)))
                .isEqualTo(
                        "line 45: not UTF-8: bytes that are no character (batch files are UTF-8 text; mend the line)");
        assertThat(lines.get(32).at("/response/body/choices/0/logprobs/content").size())
                .isEqualTo(3);
    }

    @Test
    void aStopMayBeASpecialToken() throws IOException {
        batch(List.of(
                request("own", "/v1/completions", "\"prompt\": \"N<|im_end|>OP\", \"stop\": [\"<|im_end|>\"]"),
                request("none", "/v1/completions", "\"prompt\": \"N<|im_end|>OP\"")));
        run();
        List<JsonNode> lines = responses();
        assertThat(lines.get(0).at("/response/body/choices/0/text").asText()).isEqualTo("N");
        assertThat(lines.get(0).at("/response/body/choices/0/finish_reason").asText())
                .isEqualTo("stop");
        assertThat(lines.get(1).at("/response/body/choices/0/text").asText()).isEqualTo("NOP");
    }

    @Test
    void theResultsAreThereAsOfAnyOtherJob() throws IOException {
        batch(LINES);
        run();

        List<Row> rows = results();
        assertThat(rows).hasSize(LINES.size());
        assertThat(rows.get(0).<String>getAs("id")).isEqualTo("c");
        assertThat(rows.get(0).<String>getAs("text")).isEqualTo("hell");
    }

    @Test
    void promptsComeFromTheFileAlone() throws IOException {
        batch(LINES);
        values = values.with(Settings.SYSTEM, "be brief");

        refuses(
                "not with a batch file: a source of prompts or --system (each line brings its own request; leave it out)");
    }

    private void batch(List<String> lines) throws IOException {
        Path file = Files.write(dir.resolve("batch.jsonl"), lines);
        values = values.with(Settings.INPUT_PATH, file.toString())
                .with(Settings.FORMAT, "openai-batch")
                .with(Settings.MAX_TOKENS, 40);
    }

    private List<JsonNode> responses() throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        try (Stream<Path> parts = Files.list(output().resolve("responses"))) {
            for (Path part : parts.filter(file -> file.getFileName().toString().startsWith("part-"))
                    .sorted()
                    .toList()) {
                for (String line : Files.readAllLines(part)) {
                    lines.add(JSON.readTree(line));
                }
            }
        }
        return lines;
    }

    private static String message(JsonNode line) {
        return line.at("/error/message").asText();
    }

    private static String request(String id, String url, String body) {
        return "{\"custom_id\": \"%s\", \"method\": \"POST\", \"url\": \"%s\", \"body\": {%s}}"
                .formatted(id, url, body);
    }
}
