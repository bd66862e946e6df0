package nighttrain.io.constraint;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import nighttrain.io.text.Vocabulary;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Measures how long constraints take to compile for a vocabulary of 150,000 tokens: {@code mvn -pl io test -Dtest=CompileBenchmark
 * -DexcludedTestGroups=}. Third round on two cores shared with six other builds, 2026-11-29, in CPU time of the thread: schema of 50 properties 249
 * ms, 151 MB allocated in all (5,768 states, 463 classes, table of 10.7 MB); any JSON object 134 ms; text of at most 1,000 characters 175 ms; choices
 * 5 ms. All of it runs in a heap of 64 MB ({@code -Xmx64m}), including vocabulary and JUnit.
 */
@Tag("benchmark")
class CompileBenchmark {
    /**
     * Returns a vocabulary of bytes, words of one to four syllables with and without a space, numbers, signs, punctuation of JSON, and other scripts.
     */
    static Vocabulary vocabulary(int size) {
        Random random = new Random(3);
        String[] syllables =
                "a e i o u an en in on un ra re ri ro ru st th ch sh tion ing ed ly er al is it us name type value date "
                        .split(" ", -1);
        String[] seams = {
            "{", "}", "[", "]", ":", ",", "\"", "\":", "\",", "\"}", "\":\"", "\",\"", "\n", "\\n", " ", "  "
        };
        Set<String> words = new LinkedHashSet<>(List.of(seams));
        while (words.size() < size - 257) {
            StringBuilder word = new StringBuilder(random.nextInt(3) > 0 ? " " : "");
            int kind = random.nextInt(10);
            if (kind == 0) {
                word.append(random.nextInt(1000));
            } else if (kind == 1) {
                for (int i = random.nextInt(3); i >= 0; i--) {
                    word.appendCodePoint(0x4E00 + random.nextInt(5000));
                }
            } else if (kind == 2) {
                for (int i = random.nextInt(5); i >= 0; i--) {
                    word.appendCodePoint(0x0410 + random.nextInt(64));
                }
            } else {
                for (int i = random.nextInt(4); i >= 0; i--) {
                    word.append(syllables[random.nextInt(syllables.length)]);
                }
                word.append(random.nextInt(8) == 0 ? seams[random.nextInt(seams.length)] : "");
            }
            words.add(word.toString());
        }
        byte[][] bytes = new byte[size][];
        int id = 0;
        for (int b = 0; b < 256; b++) {
            bytes[id++] = new byte[] {(byte) b};
        }
        for (String word : words) {
            bytes[id++] = word.getBytes(StandardCharsets.UTF_8);
        }
        return Vocabulary.of(bytes, Set.of(size - 1));
    }

    static String schemaOf50() {
        StringBuilder schema = new StringBuilder("{\"type\":\"object\",\"properties\":{");
        String[] types = {
            "{\"type\":\"string\"}",
            "{\"type\":\"integer\"}",
            "{\"type\":\"number\"}",
            "{\"enum\":[\"low\",\"medium\",\"high\"]}",
            "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}",
            "{\"type\":\"string\",\"format\":\"date\"}",
            "{\"type\":\"boolean\"}",
            "{\"type\":[\"string\",\"null\"],\"maxLength\":40}"
        };
        for (int i = 0; i < 50; i++) {
            schema.append(i == 0 ? "" : ",")
                    .append("\"property_name_")
                    .append(i)
                    .append("\":")
                    .append(types[i % types.length]);
        }
        return schema.append("},\"required\":[\"property_name_3\",\"property_name_7\"]}")
                .toString();
    }

    @Test
    void compile() {
        Vocabulary vocabulary = vocabulary(150_000);
        List<Constraint> constraints = List.of(
                new Constraint.Choices(List.of("billing", "outage", "account"), ""),
                new Constraint.JsonSchema(schemaOf50(), ""),
                new Constraint.JsonObject(""),
                new Constraint.JsonSchema("{\"type\":\"string\",\"maxLength\":1000}", ""),
                new Constraint.Regex("\\p{L}+( \\p{L}+){0,20}", ""),
                new Constraint.JsonSchema(schemaOf50(), "</think>"));
        for (int round = 0; round < 3; round++) {
            for (Constraint constraint : constraints) {
                measure(constraint, vocabulary);
            }
        }
    }

    private static void measure(Constraint constraint, Vocabulary vocabulary) {
        System.gc();
        com.sun.management.ThreadMXBean threads =
                (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
        long allocated = threads.getCurrentThreadAllocatedBytes();
        long begin = System.nanoTime();
        long cpu = threads.getCurrentThreadCpuTime();
        TokenAutomaton automaton = new Constraints(vocabulary).compile(constraint);
        System.out.printf(
                "%-12s %6.0f ms %6.0f CPU-ms %5d MB allocated %6d states %5d classes %5.1f MB table%n",
                constraint.getClass().getSimpleName(),
                (System.nanoTime() - begin) / 1e6,
                (threads.getCurrentThreadCpuTime() - cpu) / 1e6,
                (threads.getCurrentThreadAllocatedBytes() - allocated) >> 20,
                automaton.states(),
                automaton.classes(),
                automaton.next().length * 4 / 1e6);
    }
}
