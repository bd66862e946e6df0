package nighttrain.jobs.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.perf.AllReduceLatency;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.ModelSpec;
import nighttrain.jobs.plan.Plan.Option;
import nighttrain.jobs.plan.Sample.Length;
import nighttrain.pipeline.row.RowKind.Branch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Ranks layouts of absent GPUs: which comes first, and the reason given for each. */
@Timeout(30)
class LayoutRankingTest {
    private static final HardwareProfile H100 = new HardwareProfile(
            "H100",
            80L << 30,
            2.98e12,
            783e12,
            1,
            0.85,
            40e-6,
            new AllReduceLatency(Map.of(2, Map.of(8192L, 5.4e-6, 33_554_432L, 107e-6))),
            2);

    @Test
    void manyRowsWantCopies() {
        assertThat(options("dense-8b", 8, 100_000).ranked())
                .extracting(option -> option.layout().toString())
                .startsWith("8x1")
                .endsWith("1x8");
        assertThat(options("dense-8b", 8, 100_000).ranked())
                .allSatisfy(option -> assertThat(option.why()).doesNotContain("a replica"));
    }

    /** With few rows a step reads all weights for a few sequences, and ranks share that reading: 4 rows on each of 8 replicas take longer. */
    @Test
    void fewRowsWantShortSteps() {
        List<Option> ranked = options("dense-8b", 8, 32).ranked();

        assertThat(ranked.get(0).layout().ranks()).isGreaterThan(1);
        assertThat(ranked)
                .filteredOn(option -> option.layout().ranks() == 1)
                .singleElement()
                .satisfies(option -> assertThat(option.why())
                        .startsWith("no all-reduces; only 4 rows a replica, which 1024 would fill"));
    }

    @Test
    void theBatchIsChosenForTheSampleAndToldWhy() {
        Option best = options("dense-8b", 1, 100_000).ranked().get(0);
        assertThat(best.expected().orElseThrow().maxNumSeqs()).isEqualTo(1024);
        assertThat(best.expected().orElseThrow().choice().orElseThrow())
                .matches("max_num_seqs 1024: KV cache of [\\d.]+ GiB holds \\d+ sequences of 218 tokens");
    }

    /** Each sequence has 144 MiB of states, and the weights take 50 GiB: a GPU of 80 GiB holds fewer sequences than a full batch. */
    @Test
    void statesCountAsMemory() {
        List<Option> ranked = options("qwen3.5-27b", 2, 100_000).ranked();
        assertThat(ranked.get(0).layout()).hasToString("1x2");
        assertThat(ranked.get(0).why()).doesNotContain("GPUs compute no");
        assertThat(ranked)
                .filteredOn(option -> option.layout().ranks() == 1)
                .singleElement()
                .satisfies(option -> assertThat(option.why())
                        .matches("does not fit: [\\d.]+ GiB needed of 72\\.0 GiB \\(weights 50\\.\\d GiB\\);"
                                + " --max-num-seqs \\d+ would"));
    }

    @Test
    void aModelThatFitsNowhereIsToldWhatWouldHoldIt() {
        LayoutRanking one = options("dense-30b", 1, 500);

        assertThatThrownBy(one::ranked)
                .isInstanceOf(UserError.class)
                .hasMessageMatching(
                        "model fits no layout: 1 x H100 \\(1x1: does not fit: [\\d.]+ GiB needed of 72\\.0 GiB"
                                + " \\(weights [\\d.]+ GiB\\)(; --max-num-seqs \\d+ would)?; use --gpus-per-node 2 to fit it\\)");
    }

    private static LayoutRanking options(String shape, int gpus, int rows) {
        Sample sample = new Sample(rows, 0, List.of(new Length(90, 128)), 0, List.of(Branch.PROMPT), "");
        EngineConfig config = EngineConfig.defaults().with(new Lengths(90, 128));
        return new LayoutRanking(model(shape), H100, gpus, config, sample, 1, 1);
    }

    private static ModelSpec model(String shape) {
        try (Checkpoint checkpoint =
                Checkpoints.dummy(Path.of(System.getProperty("nighttrain.root"), "conf", "shapes", shape))) {
            return checkpoint.spec();
        }
    }
}
