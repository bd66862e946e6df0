package nighttrain.pipeline.label;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.executor.request.SamplingParams;
import nighttrain.io.text.Tokenizer;
import nighttrain.pipeline.read.InputColumns;
import nighttrain.pipeline.row.PromptText;
import nighttrain.pipeline.row.Prompts;
import nighttrain.pipeline.row.RowKind;
import nighttrain.pipeline.row.RowKind.Branch;
import nighttrain.pipeline.row.RowKind.RowInput;
import nighttrain.pipeline.row.RowRequest;
import nighttrain.pipeline.row.RowRequest.Decoding;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.testing.TinyJob;
import nighttrain.pipeline.write.ResultColumns;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tests what a plan knows of a row's requests in addition to the requests' tokens. */
class LabelBranchesTest {
    private static final List<String> LABELS = List.of("outage", "out", "billing");
    private static final String TEXT = "no light since this morning";
    private static final int CONTEXT_TOKENS = 600;

    @TempDir
    private Path dir;

    private SettingValues values;

    @BeforeEach
    void labels() {
        values = TinyJob.in(dir, CONTEXT_TOKENS).with(Settings.LABELS, LABELS);
    }

    @Test
    void oneForEachWayOfTheTrie() throws Exception {
        assertThat(branchesAsRequested())
                .as("what comes before the last byte of outage and of billing")
                .containsExactly(new Branch(0, " billin".length()), new Branch(0, " outag".length()));
    }

    @Test
    void questionsShareTheTextBeforeThem() throws Exception {
        values = values.with(Settings.MULTI, true);
        int behindTheLabel = "outage\nAnswer:".length();
        assertThat(branchesAsRequested())
                .contains(
                        new Branch(behindTheLabel, "billing".length() - "outage".length() + " Ye".length()),
                        new Branch(
                                behindTheLabel - "out".length(), "out".length() - "outage".length() + " N".length()));
    }

    @Test
    void questionsAboutALabelThatComesFirstShareNothingThatGrows() throws Exception {
        values = values.with(Settings.MULTI, true).with(Settings.PROMPT_TEXT, "Is it {label}? {prompt}");
        List<Branch> branches = kind(text()).branches();
        assertThat(branches).hasSize(6);
        assertThat(branches.subList(2, 6)).allMatch(branch -> branch.apart() == Integer.MAX_VALUE);
    }

    @Test
    void aTextIsOneRequest() {
        assertThat(new Prompts().branches()).containsExactly(Branch.PROMPT);
    }

    /** Returns the branches, after checking each against its request to the token. */
    private List<Branch> branchesAsRequested() throws Exception {
        PromptText text = text();
        RowKind kind = kind(text);
        List<RowRequest> asked =
                kind.requests(new RowInput(0, TEXT, null), new Decoding(SamplingParams.greedy(1), List.of(), 0));
        int[] prompt = text.encode(asked.get(0).prompt());
        List<int[]> requests = new ArrayList<>();
        for (RowRequest request : asked) {
            requests.add(IntStream.concat(
                            Arrays.stream(text.encode(request.prompt())),
                            request.continuation().tokens().stream().mapToInt(Integer::intValue))
                    .toArray());
        }
        List<Branch> branches = kind.branches();
        assertThat(branches).hasSameSizeAs(requests);
        for (int i = 0; i < branches.size(); i++) {
            int mismatch = Arrays.mismatch(prompt, requests.get(i));
            assertThat(requests.get(i)).hasSize(prompt.length + branches.get(i).longer());
            assertThat(branches.get(i).apart()).isEqualTo(prompt.length - mismatch);
        }
        return branches;
    }

    private PromptText text() {
        return new PromptText(Tokenizer.open(dir.resolve("model")), () -> null, Optional.empty());
    }

    private RowKind kind(PromptText text) {
        GenerateOptions options = GenerateOptions.of(values);
        StructType schema = new StructType().add("prompt", DataTypes.StringType);
        return options.kind(
                text.tokenizer(),
                InputColumns.of(schema, options, ResultColumns.names(options)).prompt());
    }
}
