package nighttrain.jobs.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import nighttrain.io.UserError;
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
                "a comma        | 'labels: [\"a, b\", c]' | bad value of labels in FILE: [\"a, b\",\"c\"] (an item has no comma; use labelsFile or choicesFile for such labels or choices)",
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
