package nighttrain.pipeline.row;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.SamplingParams.Filter;
import nighttrain.executor.request.SamplingParams.Penalties;
import nighttrain.io.constraint.Constraint;
import nighttrain.pipeline.row.RowRequest.Decoding;
import nighttrain.pipeline.row.RowRequest.Prompt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BatchRequestTest {
    private static final Decoding JOB = new Decoding(SamplingParams.greedy(16), List.of(), 11);
    private static final String HELLO = "\"messages\": [{\"role\": \"user\", \"content\": \"Say hello.\"}]";

    @Test
    void linesOfTheClientsOwnTypesAreObeyedOrRefusedByName() throws IOException {
        Map<Integer, String> refused = Map.ofEntries(
                Map.entry(
                        6,
                        "unsupported content part: image_url (parts are {\"type\": \"text\", \"text\": \"...\"}; leave others out)"),
                Map.entry(
                        7,
                        "unsupported parameter: tools [{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"parameters\":{\"type\":\"objec..."
                                + " (it would change the answer; leave it out)"),
                Map.entry(10, "unsupported parameter: n 2 (1 alone is supported; leave it out)"),
                Map.entry(
                        22,
                        "unsupported parameter: logit_bias {\"5\":-100} (it would change the answer; leave it out)"),
                Map.entry(24, "unsupported parameter: stream true (false alone is supported; leave it out)"),
                Map.entry(36, "bad value of max_tokens: 0 (at least 1; mend the line)"),
                Map.entry(
                        42,
                        "more than one prompt: [\"a\",\"b\"] (one text a line; write a line for each; mend the line)"),
                Map.entry(44, "prompt of token ids: [1,2,3] (text is supported; mend the line)"),
                Map.entry(45, "unsupported parameter: echo true (false alone is supported; leave it out)"),
                Map.entry(46, "unsupported parameter: suffix \"y\" (it would change the answer; leave it out)"),
                Map.entry(49, "unknown url: /v1/embeddings (/v1/chat/completions or /v1/completions; mend the line)"),
                Map.entry(50, "unknown url: /v1/responses (/v1/chat/completions or /v1/completions; mend the line)"),
                Map.entry(53, "unsupported parameter: verbosity \"low\" (medium alone is supported; leave it out)"),
                Map.entry(56, "bad value of max_completion_tokens: 5.7 (an integer; mend the line)"),
                Map.entry(66, "unknown method: \"GET\" (POST; mend the line)"),
                Map.entry(67, "no custom_id: 17 (a text that names the request is needed; mend the line)"),
                Map.entry(68, "no custom_id: null (a text that names the request is needed; mend the line)"),
                Map.entry(
                        69,
                        "unknown url: v1/chat/completions (/v1/chat/completions or /v1/completions; mend the line)"),
                Map.entry(
                        70,
                        "unknown url: https://api.openai.com/v1/chat/completions (/v1/chat/completions or /v1/completions; mend the line)"),
                Map.entry(
                        72,
                        "not JSON: Unexpected end-of-input: was expecting closing quote for a string value (one object a line; mend the line)"),
                Map.entry(73, "no body: nothing (an object with the request's parameters is needed; mend the line)"));

        List<String> lines = lines("openai-batch-all-77-lines");

        assertThat(lines).hasSize(76); // the last of the 77 is blank
        assertThat(faults(lines)).isEqualTo(numbered(refused));
    }

    @Test
    void ofTheNeutralOnesOnlyTwoAreRefused() throws IOException {
        assertThat(faults(lines("openai-batch-neutral-or-common-refused"))).containsOnlyKeys(11, 15);
        assertThat(faults(lines("openai-batch-blank-last-line"))).isEmpty();
    }

    @Test
    void oddLinesAreErrorsOfTheirOwn() throws IOException, RowFault {
        Map<Integer, String> refused = new HashMap<>();
        refused.put(2, "no custom_id: nothing (a text that names the request is needed; mend the line)");
        refused.put(3, "no custom_id: nothing (a text that names the request is needed; mend the line)");
        refused.put(4, "no custom_id: nothing (a text that names the request is needed; mend the line)");
        refused.put(
                5,
                "not JSON: Unexpected character ('t' (code 116)): was expecting double-quote to start field... (one object a line; mend the line)");
        refused.put(8, "no body: \"notanobject\" (an object with the request's parameters is needed; mend the line)");
        refused.put(9, "no body: nothing (an object with the request's parameters is needed; mend the line)");
        refused.put(10, "no custom_id: 123 (a text that names the request is needed; mend the line)");
        refused.put(11, "no custom_id: nothing (a text that names the request is needed; mend the line)");
        refused.put(13, "more than one prompt: [\"C\",\"M\"] (one text a line; write a line for each; mend the line)");
        refused.put(14, "prompt of token ids: [67,68] (text is supported; mend the line)");
        refused.put(18, "bad value of max_tokens: 0 (at least 1; mend the line)");
        refused.put(19, "bad value of max_tokens: -1 (at least 1; mend the line)");
        refused.put(22, "bad value of max_tokens: \"5\" (an integer; mend the line)");
        refused.put(
                27,
                "bad conversation: {\"role\":\"assistant\",\"content\":null} (a list of objects with role and content, both text; mend the row)");
        refused.put(34, "unsupported parameter: echo true (false alone is supported; leave it out)");
        refused.put(35, "unknown url: /v1/embeddings (/v1/chat/completions or /v1/completions; mend the line)");
        refused.put(
                41,
                "not JSON: Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to ... (one object a line; mend the line)");
        refused.put(
                43,
                "not JSON: Document nesting depth (1001) exceeds the maximum allowed (1000, from `StreamRea... (one object a line; mend the line)");
        refused.put(45, "not UTF-8: bytes that are no character (batch files are UTF-8 text; mend the line)");

        List<String> lines = lines("openai-batch-odd-lines");

        assertThat(faults(lines)).isEqualTo(numbered(refused));
        assertThat(BatchRequest.parse(lines.get(38), 39, JOB)
                        .decoding()
                        .sampling()
                        .maxTokens())
                .as("of a key that is there twice the last counts")
                .isEqualTo(5);
    }

    /** Every parameter of the client's two calls that {@link BatchRequest} does not read, with a value that changes nothing. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "\"frequency_penalty\": 0",
                "\"function_call\": \"none\"",
                "\"functions\": []",
                "\"logit_bias\": {}",
                "\"metadata\": {\"k\": \"v\"}",
                "\"modalities\": [\"text\"]",
                "\"n\": 1",
                "\"parallel_tool_calls\": false",
                "\"prediction\": {\"type\": \"content\", \"content\": \"x\"}",
                "\"presence_penalty\": 0.0",
                "\"prompt_cache_key\": \"k\"",
                "\"prompt_cache_options\": {\"mode\": \"explicit\"}",
                "\"prompt_cache_retention\": \"24h\"",
                "\"reasoning_effort\": null",
                "\"response_format\": {\"type\": \"text\"}",
                "\"safety_identifier\": \"s\"",
                "\"service_tier\": \"flex\"",
                "\"store\": true",
                "\"stream\": false",
                "\"stream_options\": {\"include_usage\": true}",
                "\"tool_choice\": \"none\"",
                "\"tool_choice\": \"auto\"",
                "\"tools\": []",
                "\"user\": \"u\"",
                "\"verbosity\": \"medium\"",
                "\"audio\": null",
                "\"moderation\": null",
                "\"web_search_options\": null",
                "\"best_of\": 1",
                "\"echo\": false",
                "\"suffix\": null",
                "\"suffix\": \"\"",
                "\"logprobs\": false",
                "\"logprobs\": null",
                "\"an_unknown_one\": null",
            })
    void neutralValuesChangeNothing(String parameter) throws RowFault {
        assertThat(chat(parameter)).isEqualTo(chat("\"n\": 1"));
        assertThat(completion(parameter)).isEqualTo(completion("\"n\": 1"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "audio|{\"voice\":\"ash\",\"format\":\"wav\"}|it would change the answer",
                "function_call|{\"name\":\"f\"}|it would change the answer",
                "functions|[{\"name\":\"f\"}]|it would change the answer",
                "logit_bias|{\"5\":1}|it would change the answer",
                "modalities|[\"text\",\"audio\"]|[\"text\"] alone is supported",
                "moderation|{\"model\":\"m\"}|it would change the answer",
                "n|2|1 alone is supported",
                "n|\"1\"|1 alone is supported",
                "response_format|{\"type\":\"json_schema\"}|type text, json_object or json_schema alone is supported",
                "response_format|{\"type\":\"xml\"}|type text, json_object or json_schema alone is supported",
                "stream|true|false alone is supported",
                "tool_choice|\"required\"|it would change the answer",
                "tools|[{}]|it would change the answer",
                "verbosity|\"high\"|medium alone is supported",
                "web_search_options|{}|it would change the answer",
                "best_of|3|1 alone is supported",
                "echo|true|false alone is supported",
                "suffix|\"end\"|it would change the answer",
                "an_unknown_one|0|it would change the answer",
            })
    void othersAreRefusedByName(String name, String value, String why) {
        String message = "line 3: unsupported parameter: %s %s (%s; leave it out)".formatted(name, value, why);
        RowFault inChat = catchThrowableOfType(RowFault.class, () -> chat("\"%s\": %s".formatted(name, value)));
        assertThat(inChat).hasMessage(message);
        assertThat(inChat.kind()).isEqualTo("unsupported_parameter");
        assertThat(catchThrowableOfType(RowFault.class, () -> completion("\"%s\": %s".formatted(name, value))))
                .hasMessage(message);
    }

    /** The message names the field, not an option of the command line. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"max_completion_tokens\": 5.7|bad value of max_completion_tokens: 5.7 (an integer; mend the line)",
                "\"max_completion_tokens\": 0|bad value of max_completion_tokens: 0 (at least 1; mend the line)",
                "\"max_tokens\": 9999999999|bad value of max_tokens: 9999999999 (at least 1; mend the line)",
                "\"max_tokens\": true|bad value of max_tokens: true (an integer; mend the line)",
                "\"temperature\": -1|bad value of temperature: -1.0 (0 to 100; use 0 for greedy sampling)",
                "\"temperature\": \"hot\"|bad value of temperature: \"hot\" (a number; mend the line)",
                "\"top_p\": 1.5|bad value of top_p: 1.5 (above 0, at most 1; use 1 to keep every token)",
                "\"presence_penalty\": 1e9|bad value of presence_penalty: 1.0E9 (-100 to 100; use 0 for none)",
                "\"seed\": 1.5|bad value of seed: 1.5 (an integer of 64 bits; mend the line)",
                "\"seed\": 9223372036854775808|bad value of seed: 9223372036854775808 (an integer of 64 bits; mend the line)",
                "\"stop\": [\"\"]|bad value of stop: [\"\"] (a text or a list of texts; mend the line)",
                "\"ignore_eos\": \"yes\"|bad value of ignore_eos: \"yes\" (true or false; mend the line)",
                "\"logprobs\": 2|bad value of logprobs: 2 (true or false; mend the line)",
                "\"top_logprobs\": 2|bad value of top_logprobs: 2 (it needs logprobs: true; mend the line)",
                "\"logprobs\": true, \"top_logprobs\": 21|bad value of top_logprobs: 21 (0 to 20; mend the line)",
                "\"reasoning_effort\": 1|bad value of reasoning_effort: 1 (a text; mend the line)",
                "\"chat_template_kwargs\": []|bad value of chat_template_kwargs: [] (an object without messages; mend the line)",
                "\"chat_template_kwargs\": {\"messages\": 1}|bad value of chat_template_kwargs: {\"messages\":1} (an object without messages; mend the line)",
            })
    void badValuesAreRefusedByTheFieldsName(String parameters, String message) {
        assertThat(catchThrowableOfType(RowFault.class, () -> chat(parameters))).hasMessage("line 3: " + message);
    }

    @Test
    void aResponseFormatIsAConstraint() throws RowFault {
        String schema =
                "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"strict\":true,\"schema\":{\"type\": \"integer\"}}}";
        assertThat(chat("\"response_format\": " + schema).decoding().constraint())
                .isEqualTo(new Constraint.JsonSchema("{\"type\":\"integer\"}", ""));
        assertThat(chat("\"response_format\": {\"type\":\"json_object\"}")
                        .decoding()
                        .constraint())
                .isEqualTo(new Constraint.JsonObject(""));
        assertThat(chat("\"response_format\": {\"type\":\"text\"}").decoding().constraint())
                .isNull();
        Constraint regex = new Constraint.Regex("a", "</think>");
        Decoding job = new Decoding(SamplingParams.greedy(16), List.of(), 11, regex, true);
        String line = line(BatchRequest.CHAT, HELLO);
        assertThat(BatchRequest.parse(line, 1, job).decoding()).isEqualTo(job);
        assertThat(BatchRequest.parse(
                                line(BatchRequest.CHAT, HELLO + ", \"response_format\": {\"type\":\"json_object\"}"),
                                1,
                                job)
                        .decoding()
                        .constraint())
                .as("after the same text")
                .isEqualTo(new Constraint.JsonObject("</think>"));
        assertThat(catchThrowableOfType(
                        RowFault.class,
                        () -> chat("\"response_format\": {\"type\":\"json_object\"}, \"ignore_eos\": true")))
                .hasMessageContaining("ignore_eos with a response_format");
        assertThat(catchThrowableOfType(
                        RowFault.class, () -> chat("\"response_format\": {\"type\":\"json_object\"}, \"stop\": \"a\"")))
                .hasMessageContaining("stop with a response_format");
    }

    @Test
    void whatALineLeavesOutIsTheJobs() throws RowFault {
        SamplingParams job = SamplingParams.greedy(7)
                .withTemperature(0.5)
                .with(new Filter(3, 0.9, 0.1))
                .with(new Penalties(1.2, 0.3, 0.4))
                .withLogprobs(2)
                .withIgnoreEos(true);

        RowRequest line = BatchRequest.parse(line(BatchRequest.CHAT, HELLO), 1, new Decoding(job, List.of("END"), 5));

        assertThat(line.decoding().sampling()).isEqualTo(job);
        assertThat(line.decoding().stop()).containsExactly("END");
        assertThat(line.decoding().seed()).isEqualTo(5);
    }

    @Test
    void whatALineSaysCounts() throws RowFault {
        RowRequest line = chat(
                "\"max_completion_tokens\": 5.0, \"max_tokens\": 9, \"temperature\": 1, \"top_p\": 0.5,"
                        + " \"top_k\": 4, \"min_p\": 0.1, \"repetition_penalty\": 1.1, \"presence_penalty\": 0.2,"
                        + " \"frequency_penalty\": 0.3, \"ignore_eos\": true, \"seed\": 9007199254740993, \"stop\": [\"a\", \"b\"]");

        assertThat(line.decoding().sampling())
                .isEqualTo(SamplingParams.greedy(5)
                        .withTemperature(1)
                        .with(new Filter(4, 0.5, 0.1))
                        .with(new Penalties(1.1, 0.2, 0.3))
                        .withIgnoreEos(true));
        assertThat(line.decoding().seed()).as("to the last bit").isEqualTo(9007199254740993L);
        assertThat(line.decoding().stop()).containsExactly("a", "b");
    }

    @Test
    void logprobsAreAskedForByEitherForm() throws RowFault {
        assertThat(chat("\"logprobs\": true, \"top_logprobs\": 3")
                        .decoding()
                        .sampling()
                        .logprobs())
                .isEqualTo(3);
        assertThat(chat("\"logprobs\": true").decoding().sampling().logprobs()).isZero();
        assertThat(completion("\"logprobs\": 2").decoding().sampling().logprobs())
                .isEqualTo(2);
        assertThat(completion("\"logprobs\": 0").decoding().sampling().logprobs())
                .isZero();
    }

    @Test
    void templatesGetTheReasoningEffortAndTheirOwnArguments() throws RowFault {
        RowRequest line = chat(
                "\"reasoning_effort\": \"low\", \"chat_template_kwargs\": {\"enable_thinking\": false, \"depth\": 2}");

        assertThat(((Prompt.Chat) line.prompt()).arguments())
                .isEqualTo(Map.of("reasoning_effort", "low", "enable_thinking", false, "depth", 2));
    }

    @Test
    void theArgumentsOfAToolCallAreAnObjectForTheTemplate() throws IOException, RowFault {
        String line = lines("openai-batch-all-77-lines").get(30);

        Prompt.Chat chat = (Prompt.Chat) BatchRequest.parse(line, 31, JOB).prompt();

        Map<String, Object> call = Map.of(
                "id", "t1",
                "type", "function",
                "function", Map.of("name", "get_weather", "arguments", Map.of("city", "Rome")));
        assertThat(chat.messages().get(1).fields()).isEqualTo(Map.of("role", "assistant", "tool_calls", List.of(call)));
    }

    private static RowRequest chat(String parameters) throws RowFault {
        return BatchRequest.parse(line(BatchRequest.CHAT, HELLO + ", " + parameters), 3, JOB);
    }

    private static RowRequest completion(String parameters) throws RowFault {
        return BatchRequest.parse(line(BatchRequest.COMPLETION, "\"prompt\": \"Say hello.\", " + parameters), 3, JOB);
    }

    private static String line(String url, String body) {
        return "{\"custom_id\": \"a\", \"method\": \"POST\", \"url\": \"%s\", \"body\": {\"model\": \"m\", %s}}"
                .formatted(url, body);
    }

    private static Map<Integer, String> numbered(Map<Integer, String> faults) {
        Map<Integer, String> numbered = new TreeMap<>();
        faults.forEach((number, message) -> numbered.put(number, "line " + number + ": " + message));
        return numbered;
    }

    /** Returns the faults by line number, from 1. */
    private static Map<Integer, String> faults(List<String> lines) {
        Map<Integer, String> faults = new TreeMap<>();
        for (int number = 1; number <= lines.size(); number++) {
            try {
                BatchRequest.parse(lines.get(number - 1), number, JOB);
            } catch (RowFault fault) {
                faults.put(number, fault.getMessage());
            }
        }
        return faults;
    }

    /** Returns the lines that are not blank, as a table of the file has them. */
    private static List<String> lines(String name) throws IOException {
        byte[] file = Files.readAllBytes(Path.of("src/test/resources/cases/" + name + ".jsonl"));
        List<String> lines = new ArrayList<>();
        for (int from = 0, end; from < file.length; from = end + 1) {
            end = from;
            while (end < file.length && file[end] != '\n') {
                end++;
            }
            String line = OpenAiBatch.text(Arrays.copyOfRange(file, from, end));
            if (!line.isBlank()) {
                lines.add(line);
            }
        }
        return lines;
    }
}
