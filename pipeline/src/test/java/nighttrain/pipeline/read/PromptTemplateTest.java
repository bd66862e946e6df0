package nighttrain.pipeline.read;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import nighttrain.io.UserError;
import nighttrain.pipeline.read.PromptTemplate.Part;
import org.junit.jupiter.api.Test;

class PromptTemplateTest {
    @Test
    void textAndColumns() {
        assertThat(PromptTemplate.parse("a {b c} d{e}").parts())
                .containsExactly(
                        new Part("a ", false), new Part("b c", true), new Part(" d", false), new Part("e", true));
    }

    @Test
    void doubledBracesAreBraces() {
        assertThat(PromptTemplate.parse("{{\"x\": {x}}}").parts())
                .containsExactly(new Part("{\"x\": ", false), new Part("x", true), new Part("}", false));
    }

    @Test
    void brokenTemplatesAreRefused() {
        refuses("a {b", "{ without }");
        refuses("a }", "} without {");
        refuses("a {}", "{} without a column's name");
        assertThatThrownBy(() -> PromptTemplate.parse(""))
                .hasMessage(
                        "bad value of --prompt: \"\" (it is empty; write {column} for a column, {{ and }} for braces)");
    }

    private static void refuses(String template, String what) {
        assertThatThrownBy(() -> PromptTemplate.parse(template))
                .isInstanceOf(UserError.class)
                .hasMessage("bad value of --prompt: " + template + " (" + what
                        + "; write {column} for a column, {{ and }} for braces)");
    }
}
