package nighttrain.io.constraint;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import nighttrain.io.UserError;
import nighttrain.io.text.Vocabulary;

/**
 * Compiles constraints for one vocabulary. Each is compiled or refused once while its result is kept, and the most recently used results are kept: an
 * OpenAI batch file may have one schema per line. Safe for use by several threads.
 */
public final class Constraints {
    /** Levels of objects and lists in the constraint for any JSON object. */
    static final int OBJECT_DEPTH = 5;

    private static final int MAX_AFTER_CHARS = 200;

    /** Memory of the kept tables, in bytes. */
    private static final long MAX_KEPT_BYTES = 256L << 20;

    private static final long BYTES_OF_REFUSAL = 1L << 10;

    private final Vocabulary vocabulary;
    private final Map<String, Outcome> kept = new LinkedHashMap<>(16, 0.75f, true);
    private final Map<String, Outcome> underWay = new HashMap<>();
    private long keptBytes;

    /** The result of a constraint. The thread that compiles it holds its lock; others may wait for it. */
    private static final class Outcome {
        private TokenAutomaton automaton;
        private UserError refusal;

        synchronized void compile(Constraint constraint, Vocabulary vocabulary) {
            if (automaton == null && refusal == null) {
                try {
                    automaton = Constraints.compile(constraint, vocabulary);
                } catch (UserError unsupported) {
                    refusal = unsupported;
                }
            }
        }

        TokenAutomaton get() {
            if (refusal != null) {
                throw refusal;
            }
            return automaton;
        }

        long bytes() {
            return automaton == null ? BYTES_OF_REFUSAL : automaton.bytes();
        }
    }

    public Constraints(Vocabulary vocabulary) {
        this.vocabulary = vocabulary;
    }

    /**
     * Returns the tokens that a constraint allows, state by state. A thread waits for another only where both ask for the same constraint.
     *
     * @throws UserError where the constraint cannot be satisfied, is not supported, or is too large
     */
    public TokenAutomaton compile(Constraint constraint) {
        String hash = constraint.hash();
        Outcome outcome;
        synchronized (kept) {
            outcome = kept.get(hash);
            if (outcome != null) {
                return outcome.get();
            }
            outcome = underWay.computeIfAbsent(hash, key -> new Outcome());
        }
        try {
            outcome.compile(constraint, vocabulary);
        } catch (RuntimeException | Error failed) {
            synchronized (kept) {
                underWay.remove(hash, outcome);
            }
            throw failed;
        }
        synchronized (kept) {
            if (underWay.remove(hash, outcome)) {
                keep(hash, outcome);
            }
        }
        return outcome.get();
    }

    private void keep(String hash, Outcome outcome) {
        kept.put(hash, outcome);
        keptBytes += outcome.bytes();
        var oldest = kept.entrySet().iterator();
        while (keptBytes > MAX_KEPT_BYTES && kept.size() > 1) {
            keptBytes -= oldest.next().getValue().bytes();
            oldest.remove();
        }
    }

    /**
     * Checks a constraint as far as possible without a vocabulary.
     *
     * @throws UserError where the constraint cannot be satisfied, is not supported, or is too large
     */
    public static void check(Constraint constraint) {
        bytes(constraint);
    }

    private static TokenAutomaton compile(Constraint constraint, Vocabulary vocabulary) {
        if (!vocabulary.hasEnd()) {
            throw UserError.of(
                    "no end token",
                    "none",
                    "a constrained text must be able to end; name one in generation_config.json and use that");
        }
        return VocabularyWalk.of(bytes(constraint), constraint.after(), vocabulary);
    }

    private static ByteAutomaton bytes(Constraint constraint) {
        ByteAutomaton bytes;
        if (constraint instanceof Constraint.Choices choices) {
            bytes = ByteAutomaton.ofTexts(choices.choices());
        } else {
            bytes = bytesOf(constraint);
        }
        if (bytes.isEmpty()) {
            throw UserError.of(
                    "constraint that no text satisfies",
                    constraint instanceof Constraint.Regex regex ? regex.pattern() : "JSON schema",
                    "nothing matches; correct it");
        }
        return constraint.after().isEmpty() ? bytes : until(constraint.after()).then(bytes);
    }

    private static ByteAutomaton bytesOf(Constraint constraint) {
        if (constraint instanceof Constraint.Regex regex) {
            return ByteAutomaton.ofCharacters(
                    RegexParser.parse(regex.pattern(), "regular expression").whole());
        }
        return constraint instanceof Constraint.JsonSchema schema
                ? JsonTexts.of(SchemaParser.parse(schema.node()), JsonTexts.ANY_DEPTH)
                : JsonTexts.of(Shape.Known.ANY_OBJECT, OBJECT_DEPTH);
    }

    /** Accepts any text up to and including the first {@code mark} (Knuth, Morris, Pratt). */
    private static ByteAutomaton until(String mark) {
        int[] chars = mark.codePoints().toArray();
        if (chars.length > MAX_AFTER_CHARS) {
            throw UserError.of(
                    "text before the constraint too long",
                    chars.length + " characters",
                    "at most " + MAX_AFTER_CHARS + "; use a shorter one");
        }
        Nfa nfa = new Nfa();
        for (int i = 0; i <= chars.length; i++) {
            nfa.state();
        }
        for (int i = 0; i < chars.length; i++) {
            CodePoints others = CodePoints.ALL;
            for (int c : mark.codePoints().distinct().toArray()) {
                CodePoints one = CodePoints.of(c, c);
                others = others.minus(one);
                nfa.oneOf(i, one, matched(chars, i, c));
            }
            nfa.oneOf(i, others, 0);
        }
        return ByteAutomaton.ofCharacters(nfa.toAutomaton(0, chars.length));
    }

    /** Returns how many characters of the mark have been matched after its first {@code read} characters and {@code next}. */
    private static int matched(int[] mark, int read, int next) {
        for (int length = read + 1; length > 0; length--) {
            boolean matches = mark[length - 1] == next;
            for (int i = 0; matches && i < length - 1; i++) {
                matches = mark[i] == mark[read - length + 1 + i];
            }
            if (matches) {
                return length;
            }
        }
        return 0;
    }
}
