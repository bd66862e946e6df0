package nighttrain.pipeline.label;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.concat_ws;
import static org.apache.spark.sql.functions.from_json;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.nullif;
import static org.apache.spark.sql.functions.substring;
import static org.apache.spark.sql.functions.when;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.UserError;
import nighttrain.io.template.ChatTemplate.ChatMessage;
import nighttrain.pipeline.label.LabelOptions.Label;
import nighttrain.pipeline.row.Conversation;
import nighttrain.pipeline.row.PromptText;
import nighttrain.pipeline.row.RowFault;
import nighttrain.pipeline.row.RowKind;
import nighttrain.pipeline.row.RowRequest;
import nighttrain.pipeline.row.RowRequest.Continuation;
import nighttrain.pipeline.row.RowRequest.Decoding;
import nighttrain.pipeline.row.RowRequest.Prompt;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * The kind of rows that get a label with its probability: the product of its tokens' conditional probabilities after the prompt, computed
 * exactly for every label and normalised over the labels. Nothing is sampled. Each task has its own object.
 */
public final class Labels implements RowKind {
    private static final long serialVersionUID = 1L;
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Characters that stand in a template for a label, its description and the list of all labels; no text contains them. */
    private static final String LABEL_MARK = "\uFDD0";

    private static final String DESCRIPTION_MARK = "\uFDD1";
    private static final String LABELS_MARK = "\uFDD2";

    /** Content-free texts for calibration (arXiv 2102.09690, section 5). */
    private static final List<String> CONTENT_FREE = List.of("N/A", "", "[MASK]");

    private static final List<String> YES_NO = List.of("Yes", "No");
    private static final int YES = 0;
    private static final int SHOWN_CHARS = 80;

    private final LabelOptions options;
    /** Facts that depend on the model; null before it is known. */
    private final Compiled compiled;
    /**
     * Log-probabilities of each question's answers, averaged over the content-free texts; null until a row of this task has requested them.
     */
    private transient List<double[]> contentFree;

    /**
     * The facts that depend on the model and on how prompts are made.
     *
     * @param isTemplate whether prompts are complete; else they are texts to put into a prompt
     * @param answers texts that are scored: those of the labels, or yes and no
     * @param trie trie of the answers' tokens
     * @param contentFree content-free prompts; empty if they are not needed
     * @param examples the prompts of the examples
     * @param branches how the requests of a row relate to its first prompt
     */
    private record Compiled(
            boolean isTemplate,
            List<String> answers,
            LabelTrie trie,
            List<String> contentFree,
            List<String> examples,
            List<Branch> branches)
            implements Serializable {
        private static final long serialVersionUID = 1L;
    }

    private Labels(LabelOptions options, Compiled compiled) {
        this.options = options;
        this.compiled = compiled;
    }

    /** Returns the kind for these options, before the model is known. */
    public static Labels of(LabelOptions options) {
        return new Labels(options, null);
    }

    /**
     * Returns a template in which marks replace {@code {labels}}, or {@code {label}} and {@code {description}} if each label is a question,
     * so that these are no columns.
     */
    public static String marked(String template, boolean each) {
        if (!each) {
            return marked(template, "labels", LABELS_MARK);
        }
        String asking = marked(template, "label", LABEL_MARK);
        if (asking.equals(template)) {
            throw UserError.of(
                    "no {label} in the prompt",
                    template,
                    "--multi asks a question about each label; write {label} where its name belongs");
        }
        return marked(asking, "description", DESCRIPTION_MARK);
    }

    /** Replaces a placeholder by its mark. Two braces stand for one brace, as everywhere in a template. */
    private static String marked(String template, String name, String mark) {
        return template.replaceAll("(?<!\\{)((?:\\{\\{)*)\\{" + name + "}", "$1" + mark);
    }

    private boolean each() {
        return options.questions().each();
    }

    @Override
    public Map<String, String> keptColumns() {
        return options.gold() == null ? Map.of() : Map.of(options.gold(), "--gold");
    }

    @Override
    public Map<String, String> facts() {
        return Map.of("labels", JSON.valueToTree(options.ofRows()).toString());
    }

    // --- What is scored ---

    @Override
    public Labels prepared(PromptText text, PromptForm form) {
        refuseConversations(form);
        boolean spaced = !options.chat() && !form.isConversation() && !endsInSpace(form);
        List<String> answers = each()
                ? YES_NO.stream().map(word -> spaced ? " " + word : word).toList()
                : options.labels().stream()
                        .map(label -> label.text() != null ? label.text() : spaced ? " " + label.name() : label.name())
                        .toList();
        List<String> without =
                options.calibrate() ? CONTENT_FREE.stream().map(form::of).toList() : List.of();
        Compiled known = new Compiled(
                form.isTemplate() || form.isConversation(),
                answers,
                null,
                without,
                options.examples().stream()
                        .map(example -> form.of(example.columns()))
                        .toList(),
                List.of());
        Labels kind = new Labels(options, known);
        Prompt before = form.isConversation()
                ? kind.conversation(List.of(ChatMessage.of("user", CONTENT_FREE.get(0))))
                : kind.prompt(form.of(CONTENT_FREE.get(0)), options.labels().get(0));
        LabelTrie trie = trie(answers, text, before);
        return new Labels(
                options,
                new Compiled(
                        known.isTemplate(),
                        answers,
                        trie,
                        without.stream()
                                .filter(it -> !it.isEmpty() || !known.isTemplate())
                                .toList(),
                        known.examples(),
                        kind.branches(text, form, trie)));
    }

    private void refuseConversations(PromptForm form) {
        String option = each() ? "--multi" : options.calibrate() ? "--calibrate" : null;
        if (form.isConversation() && option != null) {
            throw UserError.of(
                    "not with conversations",
                    option,
                    "its prompts are made of the text of a row; use --prompt-column or --prompt");
        }
    }

    private static boolean endsInSpace(PromptForm form) {
        String sample = form.of(CONTENT_FREE.get(0));
        return form.isTemplate() && Character.isWhitespace(sample.charAt(sample.length() - 1));
    }

    /** Builds the trie of the answers. Each answer's tokens are those that the model would generate after the prompt. */
    private LabelTrie trie(List<String> answers, PromptText text, Prompt before) {
        List<List<Integer>> tokens = new ArrayList<>();
        int[] prompt = encoded(text, before, "");
        for (String answer : answers) {
            int[] both = encoded(text, before, answer);
            boolean follows =
                    both.length > prompt.length && Arrays.equals(both, 0, prompt.length, prompt, 0, prompt.length);
            if (!follows) {
                throw UserError.of(
                        "label does not follow the prompt",
                        "\"" + answer + "\"",
                        "its first token joins the end of the prompt; use a prompt that ends without a space, or"
                                + " another text");
            }
            List<Integer> own =
                    Arrays.stream(both, prompt.length, both.length).boxed().toList();
            int same = tokens.indexOf(own);
            if (same >= 0) {
                throw UserError.of(
                        "labels with equal tokens",
                        options.names().get(same) + " and " + options.names().get(tokens.size()),
                        "the model cannot tell them apart; give one of them another text");
            }
            tokens.add(own);
        }
        return LabelTrie.of(tokens);
    }

    private static int[] encoded(PromptText text, Prompt prompt, String more) {
        try {
            return text.encode(prompt, more);
        } catch (RowFault refused) {
            throw UserError.of(
                    "cannot make a prompt for labels",
                    refused.getMessage().replaceFirst(" \\([^()]*\\)$", ""), // drops the hint, which is about rows
                    "with the text " + CONTENT_FREE.get(0) + "; check --prompt and --chat-template",
                    refused);
        }
    }

    // --- What a row costs ---

    @Override
    public List<Branch> branches() {
        return compiled.branches();
    }

    /** Returns the branches of a row, without the prompts of {@code --calibrate}, which a task requests once. */
    private List<Branch> branches(PromptText text, PromptForm form, LabelTrie trie) {
        List<Branch> branches = new ArrayList<>();
        for (int i = 0; i < asked().size(); i++) {
            Branch question = i == 0 ? Branch.PROMPT : questionBesideTheFirst(text, form, asked().get(i));
            for (Continuation path : trie.requests()) {
                branches.add(new Branch(
                        question.apart(), question.longer() + path.tokens().size()));
            }
        }
        return branches;
    }

    /** Compares a question with the first one. Texts of two lengths show whether the shared beginning grows with the text. */
    private Branch questionBesideTheFirst(PromptText text, PromptForm form, Label label) {
        int[][] questions = questions(text, form.of(CONTENT_FREE.get(0)), label);
        int[][] ofMore = questions(text, form.of(CONTENT_FREE.get(0).repeat(8)), label);
        int shared = shared(questions);
        return new Branch(
                shared(ofMore) > shared ? questions[0].length - shared : Integer.MAX_VALUE,
                questions[1].length - questions[0].length);
    }

    /** Returns the tokens of the first question about a row and of the question about {@code label}. */
    private int[][] questions(PromptText text, String row, Label label) {
        return Stream.of(options.labels().get(0), label)
                .map(about -> encoded(text, prompt(row, about), ""))
                .toArray(int[][]::new);
    }

    private static int shared(int[][] questions) {
        int mismatch = Arrays.mismatch(questions[0], questions[1]);
        return mismatch < 0 ? questions[0].length : mismatch;
    }

    // --- Prompts ---

    /** Returns the prompt for a row's text, about {@code label} if each label is a question. */
    private Prompt prompt(String row, Label label) {
        List<String> asked = new ArrayList<>();
        for (String example : compiled.examples()) {
            asked.add(question(example, label));
        }
        asked.add(question(row, label));
        String head = compiled.isTemplate() || each() ? "" : instructions();
        if (options.chat()) {
            asked.set(0, head + asked.get(0));
            return new Prompt.Chat(turns(asked, label), Map.of());
        }
        StringBuilder text = new StringBuilder(head);
        for (int i = 0; i < asked.size() - 1; i++) {
            text.append(asked.get(i)).append(answer(i, label)).append("\n\n");
        }
        return new Prompt.Text(text.append(asked.get(asked.size() - 1)).toString());
    }

    private List<ChatMessage> turns(List<String> asked, Label label) {
        List<ChatMessage> turns = new ArrayList<>();
        for (int i = 0; i < asked.size(); i++) {
            turns.add(ChatMessage.of("user", asked.get(i)));
            if (i < asked.size() - 1) {
                turns.add(ChatMessage.of("assistant", answer(i, label)));
            }
        }
        return turns;
    }

    private String question(String row, Label label) {
        if (compiled.isTemplate()) {
            return row.replace(LABEL_MARK, label.name())
                    .replace(DESCRIPTION_MARK, label.description() == null ? label.name() : label.description())
                    .replace(LABELS_MARK, list());
        }
        return each()
                // The text comes first, so that questions about one row share it as a prefix.
                ? "Text: " + row + "\n\nDoes this label fit the text? Answer Yes or No.\nLabel: " + label.listed()
                        + "\nAnswer:"
                : "Text: " + row + "\nLabel:";
    }

    private String instructions() {
        return "Choose the label that fits the text best. Labels:\n" + list() + "\n\n";
    }

    private String list() {
        return String.join(
                "\n",
                options.labels().stream().map(label -> "- " + label.listed()).toList());
    }

    /** Returns the right answer of an example. */
    private String answer(int example, Label label) {
        List<String> right = options.examples().get(example).labels();
        return each()
                ? compiled.answers().get(right.contains(label.name()) ? YES : 1 - YES)
                : compiled.answers().get(options.names().indexOf(right.get(0)));
    }

    /** Returns a row's own conversation with the examples inserted after its system message. */
    private Prompt conversation(List<ChatMessage> row) {
        List<ChatMessage> messages = new ArrayList<>(row);
        int at = !row.isEmpty() && "system".equals(row.get(0).fields().get("role")) ? 1 : 0;
        List<ChatMessage> examples = new ArrayList<>();
        for (int i = 0; i < compiled.examples().size(); i++) {
            examples.add(ChatMessage.of("user", compiled.examples().get(i)));
            examples.add(ChatMessage.of("assistant", answer(i, options.labels().get(0))));
        }
        messages.addAll(at, examples);
        return new Prompt.Chat(messages, Map.of());
    }

    @Override
    public List<RowRequest> requests(RowInput row, Decoding job) throws RowFault {
        List<Prompt> prompts = new ArrayList<>();
        if (row.messages() != null) {
            prompts.add(conversation(Conversation.parse(row.messages())));
        } else {
            prompts.addAll(questions(row.prompt()));
        }
        if (contentFree == null) {
            compiled.contentFree().forEach(text -> prompts.addAll(questions(text)));
        }
        Decoding room = new Decoding(SamplingParams.greedy(compiled.trie().mostTokens()), List.of(), job.seed());
        List<RowRequest> requests = new ArrayList<>();
        for (Prompt prompt : prompts) {
            for (Continuation path : compiled.trie().requests()) {
                requests.add(new RowRequest(prompt, room, path));
            }
        }
        return requests;
    }

    private List<Prompt> questions(String row) {
        return asked().stream().map(label -> prompt(row, label)).toList();
    }

    /** Returns a label for each question; the first label stands for the single question if labels are not asked one by one. */
    private List<Label> asked() {
        return each() ? options.labels() : options.labels().subList(0, 1);
    }

    // --- Probabilities ---

    @Override
    public Optional<String> answer(List<Output> outputs) {
        List<double[]> scored = new ArrayList<>();
        int paths = compiled.trie().requests().size();
        for (int i = 0; i < outputs.size(); i += paths) {
            List<Float> edges = outputs.subList(i, i + paths).stream()
                    .flatMap(output -> output.generation().scores().stream())
                    .toList();
            scored.add(normalised(compiled.trie().logprobs(edges)));
        }
        int questions = each() ? options.labels().size() : 1;
        if (scored.size() > questions && contentFree == null) {
            contentFree = averages(scored.subList(questions, scored.size()), questions);
        }
        List<double[]> own = scored.subList(0, questions);
        if (contentFree != null) {
            own = IntStream.range(0, questions)
                    .mapToObj(i -> calibrated(scored.get(i), contentFree.get(i)))
                    .toList();
        }
        return Optional.of((each() ? ofEach(own) : ofOne(own.get(0))).toString());
    }

    /** Returns log-probabilities normalised so that the probabilities of the answers add up to one. */
    private double[] normalised(double[] logprobs) {
        double[] each = logprobs.clone();
        if (options.lengthNormalise()) {
            for (int i = 0; i < each.length; i++) {
                each[i] /= compiled.trie().edges().get(i).size();
            }
        }
        return logSoftmax(each);
    }

    static double[] logSoftmax(double[] values) {
        double most = Arrays.stream(values).max().orElseThrow();
        double sum = Arrays.stream(values).map(value -> Math.exp(value - most)).sum();
        return Arrays.stream(values).map(value -> value - most - Math.log(sum)).toArray();
    }

    private static double[] calibrated(double[] logprobs, double[] without) {
        return logSoftmax(IntStream.range(0, logprobs.length)
                .mapToDouble(i -> logprobs[i] - without[i])
                .toArray());
    }

    /** Returns for each question the logarithm of each answer's mean probability over the content-free prompts. */
    private static List<double[]> averages(List<double[]> scored, int questions) {
        int texts = scored.size() / questions;
        return IntStream.range(0, questions)
                .mapToObj(question -> IntStream.range(0, scored.get(question).length)
                        .mapToDouble(answer -> Math.log(IntStream.range(0, texts)
                                .mapToDouble(text -> Math.exp(scored.get(text * questions + question)[answer]))
                                .average()
                                .orElseThrow()))
                        .toArray())
                .toList();
    }

    private ObjectNode ofOne(double[] logprobs) {
        double[] shares = Arrays.stream(logprobs).map(Math::exp).toArray();
        int best = 0;
        for (int i = 1; i < shares.length; i++) {
            best = shares[i] > shares[best] ? i : best;
        }
        ObjectNode answer = JSON.createObjectNode();
        if (!Double.isFinite(shares[best])) {
            return answer.put("label_error", "no label is possible: all have probability 0 (choose other labels)");
        }
        int first = best;
        double second = IntStream.range(0, shares.length)
                .filter(i -> i != first)
                .mapToDouble(i -> shares[i])
                .max()
                .orElse(0);
        boolean abstains = shares[best] < options.abstainBelow();
        if (abstains) {
            answer.put("label_error", unsure(shares[best]));
        } else {
            answer.put("label", options.names().get(best));
        }
        answer.put("confidence", shares[best]).put("margin", shares[best] - second);
        ObjectNode probabilities = answer.putObject("probabilities");
        for (int i = 0; i < shares.length; i++) {
            probabilities.put(options.names().get(i), shares[i]);
        }
        return answer;
    }

    /** Makes the answer of a row with a question per label. Its confidence is that of its least certain question. */
    private ObjectNode ofEach(List<double[]> logprobs) {
        ObjectNode answer = JSON.createObjectNode();
        ObjectNode probabilities = JSON.createObjectNode();
        ArrayNode labels = JSON.createArrayNode();
        double confidence = 1;
        double margin = 1;
        double threshold = options.questions().threshold();
        for (int i = 0; i < logprobs.size(); i++) {
            double yes = Math.exp(logprobs.get(i)[YES]);
            if (!Double.isFinite(yes)) {
                return answer.put(
                        "label_error", "no answer is possible: yes and no have probability 0 (choose another prompt)");
            }
            probabilities.put(options.names().get(i), yes);
            confidence = Math.min(confidence, Math.max(yes, 1 - yes));
            margin = Math.min(margin, Math.abs(yes - threshold));
            if (yes >= threshold) {
                labels.add(options.names().get(i));
            }
        }
        if (confidence < options.abstainBelow()) {
            answer.put("label_error", unsure(confidence));
        } else {
            answer.set("labels", labels);
        }
        answer.put("confidence", confidence).put("margin", margin).set("probabilities", probabilities);
        return answer;
    }

    private String unsure(double confidence) {
        return String.format(
                Locale.ROOT,
                "confidence too low: %.4f (below --abstain-below %s; see probabilities)",
                confidence,
                options.abstainBelow());
    }

    // --- Columns ---

    @Override
    public Map<String, Column> columns() {
        StructType form = new StructType()
                .add("label", DataTypes.StringType)
                .add("labels", DataTypes.createArrayType(DataTypes.StringType))
                .add("confidence", DataTypes.DoubleType)
                .add("margin", DataTypes.DoubleType)
                .add("probabilities", DataTypes.createMapType(DataTypes.StringType, DataTypes.DoubleType))
                .add("label_error", DataTypes.StringType);
        Column answer = from_json(col("answer"), form);
        Map<String, Column> columns = new LinkedHashMap<>();
        Stream.of(each() ? "labels" : "label", "confidence", "margin", "probabilities", "label_error")
                .forEach(name -> columns.put(name, answer.getField(name)));
        if (options.gold() != null) {
            columns.put("label_error", nullif(concat_ws("; ", columns.get("label_error"), unknownGold()), lit("")));
        }
        return columns;
    }

    private Column unknownGold() {
        Column gold = col("kept").getField(options.gold()).cast(DataTypes.StringType);
        return when(
                col("error")
                        .isNull()
                        .and(gold.isNotNull())
                        .and(gold.isInCollection(options.names()).equalTo(lit(false))),
                concat(
                        lit("unknown gold label: "),
                        substring(gold, 1, SHOWN_CHARS),
                        lit(" (labels are " + String.join(", ", options.names()) + "; correct the row or --labels)")));
    }

    /** Nothing is sampled, so there is no text, no finish reason and no time per token. */
    @Override
    public Set<String> leftOut() {
        return Set.of("text", "finish_reason", "ttft_ms", "tpot_ms", "token_ids");
    }

    @Override
    public Optional<Findings> findings(Supplier<Dataset<Row>> results) {
        return Optional.of(LabelFindings.of(results.get(), options));
    }

    @Override
    public String toString() {
        JsonNode names = JSON.valueToTree(options.names());
        return "labels " + names;
    }
}
