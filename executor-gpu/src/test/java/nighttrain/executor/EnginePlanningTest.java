package nighttrain.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import nighttrain.executor.EngineConfig.Backend;
import nighttrain.executor.EngineConfig.KvConfig;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.executor.EngineConfig.StepConfig;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.cache.CacheSpec;
import nighttrain.executor.perf.AllReduceLatency;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.StateFormat;
import nighttrain.io.spec.WeightFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tests how batch and step sizes follow from model, memory and lengths, on GPUs that this machine does not have. */
class EnginePlanningTest {
    private static final HardwareProfile H200 = gpu("H200", 141L << 30);
    private static final HardwareProfile SMALL = gpu("A100 40 GiB", 40L << 30);
    private static final ModelSpec DENSE_8B = shape("dense-8b");

    @Test
    void shortSequencesRunInTheLargestBatch() {
        EnginePlan plan = plan(H200, new Lengths(128, 128));
        assertThat(plan.maxNumSeqs()).isEqualTo(1024);
        assertThat(plan.sequencesHeld(256)).isGreaterThan(1024);
        assertThat(plan.choice())
                .hasValueSatisfying(line -> assertThat(line)
                        .matches("max_num_seqs 1024: KV cache of \\d+\\.\\d GiB holds \\d+ sequences of 256 tokens"));
    }

    @Test
    void longSequencesRunInAsManyAsTheCacheHolds() {
        EnginePlan plan = plan(H200, new Lengths(1500, 300));
        assertThat(plan.maxNumSeqs()).isBetween(256, 1023);
        assertThat(plan.maxNumSeqs() % 64).isZero();
        assertThat(plan.sequencesHeld(1800))
                .isGreaterThanOrEqualTo(plan.maxNumSeqs())
                .isLessThan(plan.maxNumSeqs() + 80);
    }

    @Test
    void neverFewerThanBefore() {
        assertThat(plan(H200, new Lengths(7000, 1000)).maxNumSeqs()).isEqualTo(256);
        assertThat(plan(SMALL, new Lengths(4000, 1000)).maxNumSeqs()).isEqualTo(256);
    }

    @Test
    void unknownPromptsCountAsLongAsOutputs() {
        assertThat(plan(H200, new Lengths(0, 900))).isEqualTo(plan(H200, new Lengths(900, 900)));
        assertThat(plan(H200, Lengths.UNKNOWN).choice().orElseThrow()).endsWith("of 512 tokens");
        assertThat(plan(H200, new Lengths(0, 1)).choice().orElseThrow())
                .as("answers that are short say nothing of their prompts")
                .endsWith("of 257 tokens");
    }

    @Test
    void aGivenNumberHolds() {
        EngineConfig asked = EngineConfig.defaults().with(new Lengths(128, 128));
        EnginePlan plan = Engines.planOn(H200, 1, asked.withMaxNumSeqs(300), DENSE_8B);
        assertThat(plan.maxNumSeqs()).isEqualTo(300);
        assertThat(plan.choice()).isEmpty();
        EnginePlan few =
                Engines.planOn(H200, 1, EngineConfig.on(Backend.CUDA).with(new StepConfig(0, 512, 0)), DENSE_8B);
        assertThat(few.maxNumSeqs()).as("no more than --max-num-batched-tokens").isEqualTo(512);
        assertThat(few.maxBatchTokens()).isEqualTo(512);
    }

    /** The layout leaves each replica room for 256 sequences; the buffers of a larger batch must also fit. */
    @Test
    void theBuffersOfMoreSequencesFitBesideTheCache() {
        EngineConfig asked = EngineConfig.defaults().with(new Lengths(128, 128));
        EnginePlan plan = Engines.planOn(SMALL, 1, asked, DENSE_8B);
        GpuMemory memory = Engines.memoryOn(SMALL, 1, asked.withMaxNumSeqs(plan.maxNumSeqs()), DENSE_8B);
        assertThat(memory.usedBytes(plan)).isLessThanOrEqualTo(memory.budgetBytes());
    }

    /** The memory in use may be that of another engine on the same GPU. */
    @Test
    void memoryThatIsTakenIsToldOf() {
        EngineConfig config = EngineConfig.on(Backend.CUDA);
        assertThatThrownBy(() ->
                        EnginePlanning.onGpus(config, DENSE_8B, 4096, 0, new EnginePlanning.Room(1, 0, 78L << 30)))
                .hasMessage(
                        "model does not fit the GPUs: 14 GiB of weights (on 1 GPUs 0 GiB each may be used, since 78 GiB are in"
                                + " use already; use more GPUs, raise --gpu-memory-utilization, or lower --max-num-seqs or"
                                + " --max-num-batched-tokens)");
    }

    @Test
    void mixturesOfExpertsArePlanned() {
        EnginePlan one = Engines.planOn(H200, 1, EngineConfig.defaults(), shape("qwen3-30b-a3b"));
        assertThat(one.ranks()).isEqualTo(1);
        assertThat(one.cache().bytes()).isBetween(60L << 30, 68L << 30);
        assertThat(Engines.planOn(SMALL, 4, EngineConfig.defaults(), shape("qwen3-30b-a3b"))
                        .ranks())
                .as("61 GB of weights")
                .isEqualTo(2);
        assertThat(Engines.planOn(H200, 8, EngineConfig.defaults(), shape("pt-moe-large"))
                        .ranks())
                .as("296 GB of weights")
                .isEqualTo(4);
    }

    /** A page in 8 bits takes 129 bytes for every 256 bytes in bf16, so memory holds nearly twice as many pages. */
    @Test
    void pagesOfEightBitsAreTwiceAsMany() {
        EngineConfig asked =
                EngineConfig.defaults().with(new Lengths(2048, 128)).withMaxNumSeqs(256);
        EngineConfig fp8 = asked.with(new KvConfig(16, 0, true, KvFormat.Choice.FP8));
        EnginePlan bf16 = Engines.planOn(SMALL, 1, asked, DENSE_8B);
        EnginePlan half = Engines.planOn(SMALL, 1, fp8, DENSE_8B);
        assertThat((double) half.kvPages() / bf16.kvPages()).isBetween(256 / 129.0 - 0.01, 256 / 129.0 + 0.01);
        assertThat((double) half.cache().bytes() / bf16.cache().bytes()).isBetween(0.999, 1.001);
        assertThat(Engines.memoryOn(SMALL, 1, fp8, DENSE_8B).usefulCacheBytes() * 256)
                .isEqualTo(Engines.memoryOn(SMALL, 1, asked, DENSE_8B).usefulCacheBytes() * 129);
    }

    /** CPUs store the rounded numbers as fp32. */
    @Test
    void pagesOfEightBitsTakeOnCpusWhatOthersTake() {
        EngineConfig cpu =
                EngineConfig.on(Backend.CPU).with(new StepConfig(4, 0, 512)).withThreads(1);
        EngineConfig fp8 = cpu.with(new KvConfig(16, 0, true, KvFormat.Choice.FP8));
        ModelSpec model = shape("bench-100m");
        assertThat(Engines.plan(fp8, model).cache().bytes())
                .isEqualTo(Engines.plan(cpu, model).cache().bytes());
    }

    /** On 8 ranks a rank's part of the first matrix in each of granite's 36 Mamba-2 layers has 512 + 2 x 128 + 512 + 8 rows. */
    @Test
    void matricesThatCannotBeIn8BitsAreTold() {
        EngineConfig fp8 = EngineConfig.on(Backend.CUDA).with(WeightFormat.Choice.FP8);
        ModelSpec granite = shape("granite-4.0-h-micro");
        assertThat(planOn(8, fp8, granite).choice().orElseThrow())
                .endsWith("; matrices of a rank not in 8 bits: 36 of 1288 x 2048 (8 bits need sides that are multiples"
                        + " of 16)");
        assertThat(planOn(8, EngineConfig.on(Backend.CUDA), granite).notIn8Bits())
                .isEmpty();
        assertThat(planOn(4, fp8, granite).notIn8Bits()).isEmpty();
        assertThat(planOn(2, fp8, shape("gpt-oss-20b")).notIn8Bits()).isEmpty();
    }

    private static EnginePlan planOn(int ranks, EngineConfig asked, ModelSpec model) {
        return Engines.planOn(H200, ranks, asked.with(new Layout(1, ranks)), model);
    }

    @Test
    void aModelLargerThanTheHeapIsRefused() {
        long heap = Runtime.getRuntime().maxMemory() >> 30;
        assertThatThrownBy(() -> Engines.plan(EngineConfig.on(Backend.CPU), shape("dense-30b")))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "model does not fit the memory: 111 GiB of weights in fp32 (the heap of this JVM may grow to "
                                + heap + " GiB; raise -Xmx or --executor-memory, lower --replicas, or run it on GPUs)");
    }

    @ParameterizedTest
    @CsvSource({
        "2147483647, 0, 0, steps, --max-num-seqs or --max-num-batched-tokens",
        "0, 2147483647, 0, steps, --max-num-seqs or --max-num-batched-tokens",
        "0, 0, 2147483647, pages, --kv-pages"
    })
    void sizesLargerThanTheHeapAreRefused(int sequences, int tokens, int pages, String what, String options) {
        EngineConfig config = EngineConfig.on(Backend.CPU)
                .with(new StepConfig(sequences, tokens, 512))
                .with(new KvConfig(16, pages, true));
        assertThatThrownBy(() -> Engines.plan(config, shape("dense-tiny")))
                .isInstanceOf(UserError.class)
                .hasMessageMatching(what
                        + " do not fit the memory: .+ \\(at least \\d+ GiB, of which the heap of this JVM"
                        + " has \\d+ beside the weights; lower " + options + ", or raise -Xmx or --executor-memory\\)");
    }

    @Test
    void onCpusItIsTheSameAsEver() {
        EngineConfig cpu =
                EngineConfig.on(Backend.CPU).with(new StepConfig(0, 0, 512)).withThreads(1);
        EnginePlan plan = Engines.plan(cpu, shape("dense-tiny"));
        assertThat(plan.maxNumSeqs()).isEqualTo(256);
        assertThat(plan.choice()).isEmpty();
    }

    /** Weights take half of an 80 GiB card; the rest holds about a hundred states. */
    @Test
    void slotsAreFewerThanSequencesWhereStatesAreLarge() {
        ModelSpec model = shape("qwen3.5-27b");
        HardwareProfile card = gpu("H100", 80L << 30);
        EngineConfig asked = EngineConfig.defaults().with(new Lengths(384, 128));
        EnginePlan plan = Engines.planOn(card, 1, asked.with(new Layout(1, 1)), model);
        assertThat(plan.cache().slots()).isBetween(70, 130);
        assertThat(plan.sequencesHeld(512)).isBetween(70.0, 130.0);
        assertThat(plan.reusesPrefixes()).isTrue();
        GpuMemory memory = Engines.memoryOn(card, 1, asked, model);
        assertThat(memory.usedBytes(plan)).isLessThanOrEqualTo(memory.budgetBytes());
        assertThat(memory.isUseful()).as("256 states do not fit").isFalse();
        assertThat(Engines.planOn(card, 2, asked, model).ranks()).isEqualTo(2);
    }

    /** Apart from weights, activations and the keys of one longest sequence, the same memory holds twice as many states of half the size. */
    @Test
    void statesOfHalfTheSizeHaveTwiceAsManySlots() {
        ModelSpec model = shape("qwen3.5-27b");
        HardwareProfile card = gpu("H100", 80L << 30);
        EngineConfig asked = EngineConfig.defaults()
                .with(new Layout(1, 1))
                .with(new StepConfig(0, 0, 512))
                .with(new Lengths(384, 128));
        EnginePlan exact = Engines.planOn(card, 1, asked, model);
        EnginePlan half = Engines.planOn(card, 1, asked.with(StateFormat.BF16), model);
        assertThat(2 * half.cache().slotBytes()).isEqualTo(exact.cache().slotBytes());
        assertThat((double) half.cache().slots() / exact.cache().slots()).isBetween(1.6, 2.0);
        GpuMemory memory = Engines.memoryOn(card, 1, asked, model);
        assertThat(memory.usedBytes(half)).isLessThanOrEqualTo(memory.budgetBytes());
        long keys = 256L * 256 * model.kvElementsPerToken() * 2;
        assertThat(memory.usefulCacheBytes() - keys)
                .isEqualTo(2
                        * (Engines.memoryOn(card, 1, asked.with(StateFormat.BF16), model)
                                        .usefulCacheBytes()
                                - keys));
    }

    @Test
    void aSmallerModelOfTheKindHasASlotForEverySequence() {
        EnginePlan plan =
                Engines.planOn(H200, 1, EngineConfig.defaults().with(new Lengths(384, 128)), shape("qwen3.5-9b"));
        assertThat(plan.ranks()).isEqualTo(1);
        assertThat(plan.cache().slots()).isEqualTo(plan.maxNumSeqs()).isGreaterThanOrEqualTo(1024);
    }

    /** Plenty of memory holds 8 snapshots; in little memory they take a sixteenth of all slots. A model without states has none. */
    @Test
    void snapshotsOfStatesTakeLittle() {
        ModelSpec small = shape("qwen3.5-9b");
        ModelSpec large = shape("qwen3.5-27b");
        HardwareProfile card = gpu("H100", 80L << 30);
        EngineConfig asked = EngineConfig.on(Backend.CUDA).with(new StepConfig(256, 0, 512));
        EngineConfig without = asked.with(new KvConfig(16, 0, false));
        EnginePlan plenty = Engines.planOn(H200, 1, asked, small);
        assertThat(plenty.cache().slots()).isEqualTo(256);
        assertThat(plenty.cache().snapshots()).isEqualTo(CacheLayout.ENOUGH_SNAPSHOTS);
        assertThat(plenty.reusesPrefixes()).isTrue();
        assertThat(plenty.choice()).isEmpty();
        assertThat(Engines.planOn(H200, 1, without, small).cache().snapshots()).isZero();

        EngineConfig oneRank = asked.with(new Layout(1, 1));
        CacheLayout little = Engines.planOn(card, 1, oneRank, large).cache();
        CacheLayout none =
                Engines.planOn(card, 1, without.with(new Layout(1, 1)), large).cache();
        assertThat(little.snapshots()).isBetween(1, little.slots() / 15);
        assertThat(little.slots() + little.snapshots()).isEqualTo(none.slots());
        assertThat(little.bytes()).isLessThanOrEqualTo(none.bytes() + little.slotBytes());
        assertThat(Engines.planOn(H200, 1, asked, DENSE_8B).cache().snapshots()).isZero();
    }

    @Test
    void oneStateLeavesNoRoomForASnapshot() {
        CacheLayout one = CacheLayout.of(List.of(new CacheSpec.RecurrentState(64)), 16, 0, 1);
        assertThat(plan(one, true).reusesPrefixes()).isFalse();
        assertThat(plan(one, true).choice())
                .contains("no reuse of prefixes: memory for one state, of which a snapshot would take another");
        assertThat(plan(one, false).choice()).isEmpty();
        assertThat(plan(one.withSnapshots(1), true).reusesPrefixes()).isTrue();
        assertThat(plan(one.withSnapshots(1), true).choice()).isEmpty();
    }

    private static EnginePlan plan(CacheLayout cache, boolean prefixCache) {
        return new EnginePlan(Backend.CPU, "dense", 1, 1, 1, 0, 64, 64, cache, prefixCache, 1, "");
    }

    /** An option is accepted if one model uses it, since all models of a comparison have the same options. */
    @Test
    void anOptionThatNoModelHasAUseForIsRefused() {
        ModelSpec recurrent = shape("gla-1.3b");
        EngineConfig half = EngineConfig.defaults().with(StateFormat.BF16);
        EngineConfig fp8 = EngineConfig.defaults().with(new KvConfig(16, 0, true, KvFormat.Choice.FP8));
        EngineConfig int8 = EngineConfig.defaults().with(new KvConfig(16, 0, true, KvFormat.Choice.INT8));
        EngineConfig pages = EngineConfig.defaults().with(new KvConfig(16, 64, true));
        assertUseless(half, DENSE_8B, "--state-dtype: bf16 (it is for recurrent layers, of which there are none;");
        assertUseless(fp8, recurrent, "--kv-cache-dtype: fp8 (it is for attention layers, of which there are none;");
        assertUseless(int8, recurrent, "--kv-cache-dtype: int8 (it is for attention layers, of which there are none;");
        assertUseless(pages, recurrent, "--kv-pages: 64 (it is for attention layers, of which there are none;");
        for (EngineConfig asked : List.of(half, fp8, int8, pages)) {
            Engines.checkUses(asked, List.of(DENSE_8B, recurrent));
            Engines.checkUses(asked, List.of(shape("granite-4.0-h-micro")));
        }
        Engines.checkUses(EngineConfig.defaults(), List.of(DENSE_8B));
        Engines.checkUses(EngineConfig.defaults(), List.of(recurrent));
    }

    private static void assertUseless(EngineConfig asked, ModelSpec model, String message) {
        assertThatThrownBy(() -> Engines.checkUses(asked, List.of(model)))
                .isInstanceOf(UserError.class)
                .hasMessage("bad value of " + message + " leave it out)");
    }

    @Test
    void aNegativeNumberIsRefused() {
        assertThatThrownBy(() -> EngineConfig.defaults().withMaxNumSeqs(-1))
                .isInstanceOf(UserError.class)
                .hasMessage("bad value of --max-num-seqs: -1 (at least 0; leave it out to have it chosen)");
    }

    private static EnginePlan plan(HardwareProfile hardware, Lengths lengths) {
        return Engines.planOn(hardware, 1, EngineConfig.defaults().with(lengths), DENSE_8B);
    }

    private static HardwareProfile gpu(String name, long bytes) {
        return new HardwareProfile(name, bytes, 4e12, 700e12, 1, 0.85, 40e-6, new AllReduceLatency(Map.of()), 2);
    }

    private static ModelSpec shape(String name) {
        try (Checkpoint checkpoint =
                Checkpoints.dummy(Path.of(System.getProperty("nighttrain.root"), "conf", "shapes", name))) {
            return checkpoint.spec();
        }
    }
}
