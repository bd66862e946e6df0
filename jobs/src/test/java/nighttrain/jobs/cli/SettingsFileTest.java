package nighttrain.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.SettingValues;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsFileTest {
    @TempDir
    Path folder;

    @Test
    void readsTextsNumbersSwitchesAndLists() throws Exception {
        assertThat(
                        read(
                                "model: /m\ntemperature: 0.70\nmaxTokens: 64\nignoreEos: true\nstop: [x]\nprompt: |\n  Hi\n  {a}\n"))
                .isEqualTo(Map.of(
                        "model", "/m",
                        "temperature", "0.70",
                        "maxTokens", "64",
                        "ignoreEos", "true",
                        "stop", List.of("x"),
                        "prompt", "Hi\n{a}\n"));
    }

    /** YAML takes yes for true, 007 for 7 and 1.10 for 1.1. */
    @Test
    void textsAreAsTheyAreWritten() throws Exception {
        assertThat(read("labels: [yes, no, Off, 007, 0x1F, 1_000, 1.10, 1e5, TRUE]\nstop: [no, 2]\nlimit: 010\n"))
                .isEqualTo(Map.of(
                        "labels", List.of("yes", "no", "Off", "007", "0x1F", "1_000", "1.10", "1e5", "TRUE"),
                        "stop", List.of("no", "2"),
                        "limit", "010"));
        assertThatThrownBy(
                        () -> SettingValues.resolve(Map.of(), key -> Optional.empty(), read("choices: ['a, b', c]\n")))
                .hasMessage("bad item of a list: a, b (commas separate the items and spaces at their ends are lost; use"
                        + " --labels-file or --choices-file for such labels or choices)");
        assertThat(read("jsonSchema: {enum: [yes, no, true, 1]}")).containsValue("{\"enum\":[\"yes\",\"no\",true,1]}");
    }

    @Test
    void whatIsJsonMayBeYaml() throws Exception {
        assertThat(read("""
                        jsonSchema:
                          type: object
                          properties: {n: {type: [integer, "null"], minimum: 0.5}}
                        chatTemplateArgs: {enable_thinking: false}
                        """))
                .isEqualTo(Map.of(
                        "jsonSchema",
                        "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":[\"integer\",\"null\"],\"minimum\":0.5}}}",
                        "chatTemplateArgs",
                        "{\"enable_thinking\":false}"));
        assertThat(read("jsonSchema: '{\"type\": \"object\"}'")).containsValue("{\"type\": \"object\"}");
    }

    @Test
    void mayBeEmptyOrAllComments() throws Exception {
        assertThat(read("")).isEmpty();
        assertThat(read("# none\n")).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a list         | [1]              | cannot read the settings file: FILE (YAML, one \"setting: value\" a line; found ARRAY)",
                "not YAML       | 'model: [x'      | cannot read the settings file: FILE (YAML, one \"setting: value\" a line: while parsing a flow sequence; mend it in line 1)",
                "nested         | 'model: {a: b}'  | bad value of model in FILE: {\"a\":\"b\"} (text, a number, true, false, or a list of these; mend it, and write a text with braces in quotes)",
                "a key twice    | 'seed: 1\nseed: 2' | cannot read the settings file: FILE (YAML, one \"setting: value\" a line: Duplicate field 'seed'; mend it in line 2)",
                "two documents  | 'seed: 1\n---\nn: 2' | cannot read the settings file: FILE (YAML, one \"setting: value\" a line: a second document; mend it in line 3)",
                "an alias       | 'stop: *bold'    | cannot read the settings file: FILE (YAML, one \"setting: value\" a line: alias * is not supported, a text with this sign is written in quotes; mend it in line 1)",
                "a tag          | 'stop: !now x'   | cannot read the settings file: FILE (YAML, one \"setting: value\" a line: tag ! is not supported, a text with this sign is written in quotes; mend it in line 1)",
                "no value       | 'model: '        | bad value of model in FILE: null (text, a number, true, false, or a list of these; mend it, and write a text with braces in quotes)",
            })
    void otherContentIsToldInOneLine(String what, String content, String message) {
        assertThatThrownBy(() -> read(content.replace("\\n", "\n")))
                .as(what)
                .isInstanceOf(UserError.class)
                .hasMessage(message.replace("FILE", folder.resolve("s.yaml").toString()));
    }

    private Map<String, Object> read(String content) throws Exception {
        return SettingsFile.read(Files.writeString(folder.resolve("s.yaml"), content));
    }
}
