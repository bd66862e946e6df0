package nighttrain.io.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import nighttrain.io.UserError;
import nighttrain.io.template.ChatTemplate.ChatMessage;
import nighttrain.io.template.ChatTemplate.ChatTemplateException;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A chat template comes with a model of any origin. It may fail, but it cannot read files, run code, fill memory or loop forever. */
class HostileTemplateTest {
    private static final List<ChatMessage> MESSAGES =
            List.of(ChatMessage.of("user", "a"), ChatMessage.of("assistant", "a".repeat(1000)));

    @TempDir
    Path dir;

    private String render(String source) {
        try {
            Files.writeString(dir.resolve("chat_template.jinja"), source);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return ChatTemplate.open(dir).render(MESSAGES, true);
    }

    private AbstractThrowableAssert<?, ?> assertStopped(String source) {
        return assertThatThrownBy(() -> render(source)).isInstanceOf(ChatTemplateException.class);
    }

    @Test
    @Timeout(60)
    void endlessLoops() {
        String loops = "{% for a in range(9000) %}".repeat(6) + "{% set x = 1 %}" + "{% endfor %}".repeat(6);
        assertStopped(loops)
                .hasMessageMatching(
                        "chat template (does too much|takes too long): more than (500000 steps|5000 ms) \\(mend the template\\)");
    }

    @ParameterizedTest
    @Timeout(60)
    @ValueSource(
            strings = {
                "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
                "{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
            })
    void endlessRecursion(String source) {
        assertThat(outcome(source)).doesNotContain("java.lang");
    }

    private String outcome(String source) {
        try {
            String text = render(source);
            assertThat(text).hasSizeLessThan(1000);
            return text;
        } catch (ChatTemplateException | UserError e) {
            return e.getMessage();
        }
    }

    @ParameterizedTest
    @Timeout(60)
    @ValueSource(
            strings = {
                "{% for i in range(19000) %}{{ messages[1].content }}{% endfor %}",
                "{% set ns = namespace(s=messages[1].content) %}"
                        + "{% for i in range(40) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
                "{% set ns = namespace(s=messages[1].content) %}"
                        + "{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
                "{% set ns = namespace(s=messages[1].content) %}"
                        + "{% for i in range(40) %}{% set ns.s = ns.s.replace('a', ns.s) %}{% endfor %}{{ ns.s }}",
                "{% set ns = namespace(s=messages[1].content) %}"
                        + "{% for i in range(40) %}{% set ns.s = ns.s | replace('a', ns.s) %}{% endfor %}{{ ns.s }}",
                "{% set ns = namespace(l=[1, 2, 3, 4]) %}"
                        + "{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}{{ ns.l | length }}",
                "{{ range(19000) | join(messages[1].content) }}",
                "{{ messages[1].content | indent(2000000000, true) }}",
                "{{ messages[1].content * 2000000000 }}",
                "{{ [messages] * 2000000000 }}",
                "{{ 'a' * 2000000000 }}",
                "{{ '%1000000000d' % 1 }}",
                "{{ '%.1000000000f' % 1.5 }}",
                "{{ '%*d' % (1000000000, 1) }}",
                "{{ '{:1000000000}'.format(1) }}",
                "{{ '{:{}}'.format(1, 1000000000) }}",
                "{{ '{:01000000,}'.format(1) * 100 }}",
                "{{ 'a'.ljust(1000000000) }}",
                "{{ 'a'.zfill(1000000000) }}",
                "{{ '\t'.expandtabs(1000000000) }}",
                "{{ 'a' | center(1000000000) }}",
                "{{ [1] | batch(1000000000, 0) | list }}",
                "{{ [1] | slice(1000000000) | list }}",
                "{{ messages | tojson(indent=1000000000) }}",
                "{% set ns = namespace(l=[]) %}{% for i in range(19000) %}{% set ns.l = [ns.l, ns.l] %}"
                        + "{% if i == 40 %}{{ ns.l }}{% endif %}{% endfor %}",
                "{% set ns = namespace(l=[]) %}{% for i in range(9000) %}{% set ns.l = ns.l + [messages[1].content * 9000] %}"
                        + "{% endfor %}",
            })
    void memory(String source) {
        assertStopped(source)
                .hasMessageMatching(
                        "chat template (writes too much|takes too long|does too much|makes too long a list|takes too much memory): .*");
    }

    @ParameterizedTest
    @Timeout(60)
    @ValueSource(
            strings = {
                "{{ 10 ** (10 ** 10) }}",
                "{{ 2 ** 100000 }}",
                "{{ 9999999999 ** 9999999999 }}",
                "{% set ns = namespace(n=3) %}{% for i in range(40) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
            })
    void hugeIntegers(String source) {
        assertStopped(source)
                .hasMessage("chat template makes too large an integer: more than 32768 bits (mend the template)");
    }

    @ParameterizedTest
    @Timeout(60)
    @ValueSource(
            strings = {
                "{{ range(10 ** 9) | list }}",
                "{{ range(10 ** 30) }}",
                "{% for i in range(100001) %}{% endfor %}",
                "{{ 2 ** 20000 }}",
                "{{ 10.0 ** 1000 }}",
            })
    void asJinjaItself(String source) {
        assertStopped(source).hasMessageStartingWith("chat template failed: ");
    }

    @Test
    @Timeout(60)
    void comparisonsOfWhatIsDeepEnd() {
        String deep = "{% set ns = namespace(a=[], b=[]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}"
                + "{% set ns.b = [ns.b, ns.b] %}{% endfor %}";
        assertStopped(deep + "{{ ns.a == ns.b }}").hasMessageStartingWith("chat template does too much: ");
        assertStopped(deep + "{{ ns.a | tojson | length }}").hasMessageStartingWith("chat template does too much: ");
        assertStopped(deep + "{{ [ns.a, ns.b] | sort }}").hasMessageStartingWith("chat template does too much: ");
        assertStopped(
                        "{% set ns = namespace(a=[]) %}{% for i in range(15000) %}{% set ns.a = [ns.a] %}{% endfor %}{{ ns.a }}")
                .hasMessage("chat template is nested too deep: out of stack (mend the template)");
    }

    @Test
    void whatIsWrittenIsBounded() {
        assertStopped("{{ range(19000) | join(messages[1].content) }}")
                .hasMessageMatching(
                        "chat template (writes too much|takes too long): more than (16777216 characters|5000 ms) \\(mend the template\\)");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{{ messages.getClass() }}",
                "{{ messages.class }}",
                "{{ messages[0].content.getClass().forName('java.lang.Runtime') }}",
                "{{ ''.class.forName('java.lang.Runtime') }}",
                "{{ messages[0].content.bytes }}",
                "{{ messages[0].content.repeat(9) }}",
                "{{ messages[0].content.matches('(a+)+b') }}",
                "{{ messages[0].__class__.__mro__ }}",
                "{{ loop.class }}{% for m in messages %}{{ loop.getClass() }}{% endfor %}",
                "{{ ____int3rpr3t3r____.config }}",
                "{{ ____int3rpr3t3r____.getConfig() }}",
                "{% for bytes, empty in messages[0].content %}{{ bytes }}{% endfor %}",
                "{{ 'a' | attr('class') }}",
                "{{ namespace.class }}",
                "{{ 1 | string | filter('x') }}",
            })
    void noJavaIsReached(String source) {
        assertThat(outcome(source))
                .doesNotContain("class java")
                .doesNotContain("jinjava.Jinjava")
                .doesNotContain("aaaaaaaaa");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{% include 'tokenizer_config.json' %}",
                "{% import 'tokenizer_config.json' as x %}{{ x }}",
                "{% from 'tokenizer_config.json' import x %}{{ x }}",
                "{% extends 'tokenizer_config.json' %}",
                "{{ 'x' | render }}",
                "{{ '{{ 7 * 7 }}' | render }}",
                "{{ '{\"a\": 49}' | fromjson }}",
                "{{ 'a: 49' | fromyaml }}",
                "{{ range(3) | pprint }}",
                "{{ today() }}",
                "{{ type(messages) }}",
                "{{ fn:list('a') }}",
                "{% do messages.clear() %}",
                "{{ messages.clear() }}",
                "{{ messages[0].update({'a': 49}) }}",
                "{{ 'aaaa'.split('') }}",
            })
    void whatJinjaDoesNotHaveIsNotThere(String source) throws IOException {
        Files.writeString(dir.resolve("tokenizer_config.json"), "{\"secret\": 49}");
        assertThatThrownBy(() -> render(source))
                .isInstanceOfAny(ChatTemplateException.class, UserError.class)
                .message()
                .doesNotContain("secret", "\n");
    }

    @Test
    void nesting() {
        assertTooInvolved(
                "{{ " + "(".repeat(65) + "1" + ")".repeat(65) + " }}", "65 brackets within brackets (at most 64)");
        assertTooInvolved(
                "{% if true %}".repeat(65) + "x" + "{% endif %}".repeat(65),
                "65 statements within statements (at most 64)");
        assertTooInvolved("{{ 1" + " + 1".repeat(5000) + " }}", "20007 characters in one block (at most 16384)");
        assertThat(render("{{ " + "(".repeat(60) + "1" + ")".repeat(60) + " }}"))
                .isEqualTo("1");
        assertThat(render("{% if true %}".repeat(60) + "x" + "{% endif %}".repeat(60)))
                .isEqualTo("x");
        assertThat(outcome("{{ 1" + "+1".repeat(8000) + " }}")).doesNotContain("java.lang");
        assertThat(outcome("{{ " + "not ".repeat(4000) + "1 }}")).doesNotContain("java.lang");
        assertThat(outcome("{{ " + "-".repeat(16000) + "1 }}")).doesNotContain("java.lang");
        assertThat(outcome("{{ 1" + " if 1 else 1".repeat(1300) + " }}")).doesNotContain("java.lang");
        assertThat(outcome("{{ a" + ".a".repeat(8000) + " }}")).doesNotContain("java.lang");
        assertThat(outcome("{% if 0 %}" + "{% elif 0 %}".repeat(50_000) + "{% endif %}"))
                .doesNotContain("java.lang");
        assertThat(outcome("{{ '" + "\\n".repeat(8000) + "' | length }}")).isEqualTo("8000");
    }

    private void assertTooInvolved(String source, String reason) {
        assertThatThrownBy(() -> render(source))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "bad chat template in %s: chat template is too involved: %s (mend or replace it)",
                        dir.resolve("chat_template.jinja"), reason);
    }

    @Test
    void regexesAreTexts() {
        String evil = "(a+)+$";
        assertThat(render("{{ messages[1].content.split('" + evil + "') | length }}"))
                .isEqualTo("1");
        assertThat(render("{{ 'x(a+)+$y'.split('" + evil + "') | join('|') }}")).isEqualTo("x|y");
    }

    @Test
    void tooLongOrNoTemplate() throws IOException {
        Path file = Files.writeString(dir.resolve("chat_template.jinja"), "x".repeat((1 << 20) + 1));
        assertThatThrownBy(() -> ChatTemplate.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessage("chat template too long in %s: 1048577 characters (at most 1048576; mend the file)", file);
        Files.writeString(file, "{% for m in messages %}x");
        assertThatThrownBy(() -> ChatTemplate.open(dir))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("bad chat template in " + file + ": chat template failed: ")
                .hasMessageEndingWith("(mend or replace it)")
                .hasMessageNotContaining("\n");
    }
}
