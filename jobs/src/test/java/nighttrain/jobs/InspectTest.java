package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import nighttrain.jobs.cli.ExitCode;
import org.junit.jupiter.api.Test;

class InspectTest {
    @Test
    void showsSizesAndSyncsFromTheConfigAlone() {
        Outcome outcome = Outcome.of(
                "inspect",
                "--model",
                Project.CONF.resolve("shapes/track-30b-d8").toString());
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.FINISHED);
        assertThat(outcome.out())
                .contains("parallel_track(8 tracks, D=8, mean)")
                .contains("30,151,805,440 (60.3 GB in bf16)")
                .contains("196,608 bytes per token in bf16")
                .contains("6 per forward pass: 6 that the next module waits for, 0 overlapped")
                .contains("30,720 bytes per token and rank");
    }

    @Test
    void tellsTotalAndActiveParametersOfExperts() {
        assertThat(Outcome.of(
                                "inspect",
                                "--model",
                                Project.CONF.resolve("shapes/qwen3-30b-a3b").toString())
                        .out())
                .contains("30,532,122,624 (61.1 GB in bf16)")
                .contains("3,353,032,704 parameters per token, embedding included")
                .contains("8 of 128 experts 768");
        assertThat(Outcome.of(
                                "inspect",
                                "--model",
                                Project.CONF.resolve("shapes/dense-8b").toString())
                        .out())
                .doesNotContain("active");
    }

    @Test
    void showsHowOftenTheTracksOfRelativesMeet() {
        Outcome desync = Outcome.of(
                "inspect", "--model", Project.CONF.resolve("shapes/desync-30b").toString());
        assertThat(desync.out())
                .contains("desync_residual(8 tracks, every 4 modules)")
                .contains("48 layers, 8 tracks, each hidden 7168, 8 heads (1 KV) of 128, MLP 2752")
                .contains("24 per forward pass: 24 that the next module waits for, 0 overlapped");
        Outcome delayed = Outcome.of(
                "inspect", "--model", Project.CONF.resolve("shapes/delayed-30b").toString());
        assertThat(delayed.out())
                .contains("delayed_all_reduce(8 tracks, d=2)")
                .contains("93 per forward pass: 1 that the next module waits for, 92 overlapped");
    }

    @Test
    void showsWhatASequenceKeepsHoweverLongItIs() {
        Outcome outcome = Outcome.of(
                "inspect", "--model", Project.CONF.resolve("shapes/qwen3.5-9b").toString());
        assertThat(outcome.out())
                .contains("gated delta net of 32 heads (16 QK) of 128, MLP 12288 or 16 heads (4 KV) of 256, MLP 12288")
                .contains("8,953,803,264 (17.9 GB in bf16)")
                .contains("32,768 bytes per token in bf16")
                .contains(
                        "52,690,944 bytes per sequence in fp32, of any length, and per snapshot (--prefix-cache); half in bf16 (--state-dtype)");
    }

    @Test
    void offersNoFormatOfKeysAndValuesWhereThereAreNone() {
        Outcome outcome = Outcome.of(
                "inspect", "--model", Project.CONF.resolve("shapes/gla-1.3b").toString());
        assertThat(outcome.out()).contains("bytes per sequence in fp32").doesNotContain("--kv-cache-dtype");
    }

    @Test
    void countsSumsWithinModules() {
        assertThat(Outcome.of(
                                "inspect",
                                "--model",
                                Project.CONF
                                        .resolve("shapes/granite-4.0-h-micro")
                                        .toString())
                        .out())
                .contains("116 per forward pass: 116 that the next module waits for, 0 overlapped")
                .contains("327,824 bytes per token and rank");
    }

    @Test
    void saysWhichMatricesCannotBeIn8Bits() {
        Outcome outcome = Outcome.of(
                "inspect",
                "--model",
                Project.CONF.resolve("shapes/granite-4.0-h-micro").toString());
        assertThat(outcome.out())
                .contains(
                        "fp8, 8 ranks  matrices of a rank not in 8 bits: 36 of 1288 x 2048 (8 bits need sides that are"
                                + " multiples of 16)")
                .doesNotContain("fp8, 4 ranks");
        assertThat(Outcome.of(
                                "inspect",
                                "--model",
                                Project.CONF.resolve("shapes/dense-tiny").toString())
                        .out())
                .contains("fp8, 1 rank   matrices of a rank not in 8 bits: 3 of 128 x 344 (8 bits")
                .contains("fp8, 2 ranks  matrices of a rank not in 8 bits: 3 of 344 x 128 and 3 of 128 x 172 (8 bits");
    }

    @Test
    void saysWhichRanksDoNotDivide() {
        Outcome outcome = Outcome.of(
                "inspect", "--model", Project.CONF.resolve("demo/model").toString());
        assertThat(outcome.out()).containsPattern(" 4 +1,").containsPattern(" 8 +does not divide");
    }

    @Test
    void aMissingModelIsAUsersFault() {
        Outcome outcome = Outcome.of("inspect", "--model", "nowhere");
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.BAD_INPUT);
        assertThat(outcome.messages()).singleElement().asString().startsWith("model directory not found: ");
    }
}
