package nighttrain.io.template;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import nighttrain.io.template.ChatTemplate.ChatMessage;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Measures the time to render 10,000 conversations of 5 turns with a ChatML-like template, as the median of 5 rounds after 2 to warm up: {@code mvn
 * -pl io test -Dtest=ChatTemplateBenchmark -Dgroups=benchmark}.
 */
@Tag("benchmark")
class ChatTemplateBenchmark {
    private static final String TEMPLATE = """
            {% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>\\n' }}\
            {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}""";

    private static final int CONVERSATIONS = 10_000;
    private static final int ROUNDS = 7;
    private static final int WARM_UP = 2;

    @TempDir
    Path dir;

    @Test
    void conversations() throws IOException {
        Files.writeString(dir.resolve("chat_template.jinja"), TEMPLATE);
        ChatTemplate template = ChatTemplate.open(dir);
        List<List<ChatMessage>> conversations = new ArrayList<>();
        for (int i = 0; i < CONVERSATIONS; i++) {
            conversations.add(List.of(
                    ChatMessage.of("system", "You are a helpful assistant of row " + i),
                    ChatMessage.of("user", "What is " + i + " plus " + i + "? ".repeat(20)),
                    ChatMessage.of("assistant", "It is " + 2 * i + ". ".repeat(40)),
                    ChatMessage.of("user", "And why? ".repeat(30)),
                    ChatMessage.of("user", "Be brief.")));
        }
        long[] millis = new long[ROUNDS];
        long chars = 0;
        for (int round = 0; round < ROUNDS; round++) {
            long begin = System.nanoTime();
            for (List<ChatMessage> conversation : conversations) {
                chars += template.render(conversation, true).length();
            }
            millis[round] = (System.nanoTime() - begin) / 1_000_000;
        }
        long[] counted = Arrays.copyOfRange(millis, WARM_UP, ROUNDS);
        Arrays.sort(counted);
        System.out.println("median ms: " + counted[counted.length / 2] + ", rounds: " + Arrays.toString(millis)
                + ", characters: " + chars / ROUNDS);
    }
}
