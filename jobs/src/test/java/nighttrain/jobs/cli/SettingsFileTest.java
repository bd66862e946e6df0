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
                        "temperature", "0.7",
                        "maxTokens", "64",
                        "ignoreEos", "true",
                        "stop", List.of("x"),
                        "prompt", "Hi\n{a}\n"));
    }

    /** A label is what is written, not what YAML takes it for. */
    @Test
    void textsAreAsWritten() throws Exception {
        assertThat(read("labels: [1.10, 007, yes, No, 1e3, 'a b']\nchoices: 1.10\noverwrite: yes\nmaxTokens: 1_000\n"))
                .isEqualTo(Map.of(
                        "labels", List.of("1.10", "007", "yes", "No", "1e3", "a b"),
                        "choices", "1.10",
                        "overwrite", "true",
                        "maxTokens", "1000"));
        assertThatThrownBy(
                        () -> SettingValues.resolve(Map.of(), key -> Optional.empty(), read("choices: ['a, b', c]\n")))
                .hasMessage("comma in an item of a list: a, b (commas separate the items; use --labels-file or"
                        + " --choices-file for such labels or choices)");
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
                "not YAML       | 'model: [x'      | cannot read the settings file: FILE (YAML, one \"setting: value\" a line; mend it in line 1)",
                "nested         | 'model: {a: b}'  | bad value of model in FILE: {\"a\":\"b\"} (text, a number, true, false, or a list of these; mend it)",
                "no value       | 'model: '        | bad value of model in FILE: null (text, a number, true, false, or a list of these; mend it)",
            })
    void otherContentIsToldInOneLine(String what, String content, String message) {
        assertThatThrownBy(() -> read(content))
                .as(what)
                .isInstanceOf(UserError.class)
                .hasMessage(message.replace("FILE", folder.resolve("s.yaml").toString()));
    }

    private Map<String, Object> read(String content) throws Exception {
        return SettingsFile.read(Files.writeString(folder.resolve("s.yaml"), content));
    }
}
