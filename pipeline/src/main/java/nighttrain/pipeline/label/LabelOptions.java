package nighttrain.pipeline.label;

import java.io.Serializable;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import nighttrain.io.UserError;

/**
 * The options of a label job.
 *
 * @param labels labels to choose from: at least two, with {@code multi} at least one
 * @param questions which labels a row gets: the most likely one, or each by a question of its own
 * @param abstainBelow confidence below which a row gets no label; 0: every row gets one
 * @param calibrate whether probabilities are divided by those of a prompt without content
 * @param lengthNormalise whether a label's log-probability is divided by its number of tokens
 * @param examples labelled rows that precede every prompt
 * @param gold column with the gold labels, or null
 * @param review number of least certain rows to show to people; 0: none
 * @param chat whether plain prompts become conversations
 */
public record LabelOptions(
        List<Label> labels,
        Questions questions,
        double abstainBelow,
        boolean calibrate,
        boolean lengthNormalise,
        List<Example> examples,
        String gold,
        int review,
        boolean chat)
        implements Serializable {
    private static final long serialVersionUID = 1L;

    /**
     * A label.
     *
     * @param name name in the results
     * @param text the exact text that is scored; null: the name, after a space where a plain prompt ends without one
     * @param description description for the prompt, or null
     */
    public record Label(String name, String text, String description) implements Serializable {
        private static final long serialVersionUID = 1L;

        /** Returns the label as the prompt lists it. */
        String listed() {
            return description == null ? name : name + ": " + description;
        }
    }

    /**
     * A labelled example row.
     *
     * @param columns values by column name; {@code text} stands for every column of the prompt that is missing here
     * @param labels names of labels; exactly one without {@code multi}
     */
    public record Example(Map<String, String> columns, List<String> labels) implements Serializable {
        private static final long serialVersionUID = 1L;

        public Example {
            columns = new LinkedHashMap<>(columns);
            labels = List.copyOf(labels);
        }
    }

    /**
     * Which labels a row gets.
     *
     * @param each whether each label is a question of its own, answered by yes or no; else the row gets the most likely label
     * @param threshold probability of yes from which on a row gets the label
     */
    public record Questions(boolean each, double threshold) implements Serializable {
        private static final long serialVersionUID = 1L;
    }

    public LabelOptions {
        labels = List.copyOf(labels);
        examples = List.copyOf(examples);
        checkNames(labels, questions.each());
        checkShare("threshold", questions.threshold());
        checkShare("abstain-below", abstainBelow);
        if (review < 0) {
            throw UserError.of("bad value of --review", review, "a number of rows; leave it out for none");
        }
        if (questions.each() && gold != null) {
            throw UserError.of(
                    "not with --multi", "--gold", "a gold column has one label a row; leave one of the two out");
        }
        for (Example example : examples) {
            checkExample(example, labels, questions.each());
        }
    }

    private static void checkNames(List<Label> labels, boolean each) {
        if (labels.size() < (each ? 1 : 2)) {
            throw UserError.of(
                    "too few labels",
                    labels.isEmpty() ? "none" : labels.get(0).name(),
                    each ? "at least 1; name it by --labels" : "at least 2; name more, or use --multi to ask for one");
        }
        Set<String> seen = new HashSet<>();
        for (Label label : labels) {
            if (label.name().isBlank() || (label.text() != null && label.text().isBlank())) {
                throw UserError.of(
                        "empty label",
                        "\"" + label.name() + "\"",
                        "a name and a text that is scored; give it one, or remove it");
            }
            if (!seen.add(label.name())) {
                throw UserError.of("label named twice", label.name(), "each label once; remove one of them");
            }
        }
    }

    private static void checkExample(Example example, List<Label> labels, boolean each) {
        List<String> names = labels.stream().map(Label::name).toList();
        for (String name : example.labels()) {
            if (!names.contains(name)) {
                throw UserError.of(
                        "unknown label in --examples", name, "labels are " + String.join(", ", names) + "; correct it");
            }
        }
        if (!each && example.labels().size() != 1) {
            throw UserError.of(
                    "bad line in --examples",
                    example.labels(),
                    "one label a row without --multi; correct it, or use --multi");
        }
    }

    private static void checkShare(String option, double share) {
        if (!(share >= 0 && share <= 1)) {
            throw UserError.of(
                    "bad value of --" + option, share, "a probability, 0 to 1; leave it out if you need none");
        }
    }

    List<String> names() {
        return labels.stream().map(Label::name).toList();
    }

    /** Returns the options that the result of a row depends on; those about all rows together are left out. */
    LabelOptions ofRows() {
        return new LabelOptions(labels, questions, abstainBelow, calibrate, lengthNormalise, examples, null, 0, chat);
    }
}
