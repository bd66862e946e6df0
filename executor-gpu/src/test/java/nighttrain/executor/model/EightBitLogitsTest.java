package nighttrain.executor.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import nighttrain.executor.Goldens;
import nighttrain.executor.reference.PoisonedCheckpoint;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.WeightFormat.Choice;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares the CPU's forward pass with weights and activations in 8 bits with PyTorch's under the same rounding. */
class EightBitLogitsTest {
    private static final int PROMPT = 2;

    /** A different order of summation sometimes moves a value across the midpoint of two 8-bit numbers. */
    private static final double TOLERANCE = 2e-2;

    /** With AUTO, weights with these kinds of scale are used in 8 bits as stored; weights with block scales are not. */
    @ParameterizedTest
    @CsvSource({"fp8-tensor,AUTO", "fp8-channel,AUTO", "fp8-channel,FP8", "fp8-static,AUTO"})
    void asPyTorch(String name, Choice choice) {
        float[][] expected = Goldens.byToken(name, PROMPT);
        assertThat(error(expected, logits(name, choice))).isLessThan(TOLERANCE);
        assertThat(error(expected, logits(name, Choice.NONE))).isGreaterThan(2 * TOLERANCE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"fp8-block", "fp8-scale-inv", "llama-gqa"})
    void autoLeavesOthers(String name) {
        assertThat(logits(name, Choice.AUTO)).isEqualTo(logits(name, Choice.NONE));
    }

    /** Rounding block-scaled weights a second time costs a little more accuracy. */
    @ParameterizedTest
    @ValueSource(strings = {"fp8-block", "fp8-scale-inv"})
    void blocksCanBeRoundedByOutput(String name) {
        double error = error(Goldens.byToken(name, PROMPT), logits(name, Choice.FP8));
        assertThat(error).isBetween(TOLERANCE, 0.4);
    }

    /** Tensors that interleave gates with queries, or hold Mamba-2's five parts, lose as much to rounding as others. */
    @ParameterizedTest
    @ValueSource(strings = {"qwen3_5-multimodal", "granitemoehybrid", "qwen3"})
    void recurrentModelsInEightBits(String name) {
        float[][] expected = Goldens.of(name).get(PROMPT).logits();
        assertThat(error(expected, logits(name, Choice.FP8))).isBetween(TOLERANCE, 0.4);
    }

    /**
     * Values, and keys after rotary embedding, in 8 bits move the logits of these random models as far as in PyTorch 2.15. There the same
     * rounding precedes transformers' {@code eager_attention_forward}: to {@code float8_e4m3fn} or to integers, with keys multiplied by a
     * Hadamard matrix, and scales that are powers of two.
     */
    @ParameterizedTest
    @CsvSource({
        "FP8,llama-gqa,0.16021",
        "FP8,qwen3,0.08923",
        "FP8,mistral-sliding-window,0.11436",
        "FP8,gpt-oss,0.22231",
        "INT8,llama-gqa,0.03571",
        "INT8,qwen3,0.02703",
        "INT8,mistral-sliding-window,0.02589",
        "INT8,gpt-oss,0.15290"
    })
    void keysAndValuesAsPyTorch(KvFormat.Choice format, String name, double expected) {
        try (Checkpoint exact = Checkpoints.open(Goldens.checkpoint(name))) {
            Checkpoint rounded = exact.with(exact.spec().with(format));
            int[] ids = Goldens.of(name).get(PROMPT).ids();
            double error = error(Goldens.of(name).get(PROMPT).logits(), DecoderHarness.logits(rounded, 1, ids));
            assertThat(error).isCloseTo(expected, within(1e-4));
        }
    }

    /** Large biases of key dimensions that hardly rotate, as in Qwen 2.5, cost the other key dimensions none of their 8 bits. */
    @ParameterizedTest
    @CsvSource({"FP8,1", "FP8,2", "INT8,1", "INT8,2"})
    void largeBiasesOfKeys(KvFormat.Choice format, int ranks) {
        int[] ids = Goldens.of("qwen2").get(PROMPT).ids();
        try (Checkpoint sound = Checkpoints.open(Goldens.checkpoint("qwen2"))) {
            Checkpoint biased = sound;
            for (int layer = 0; layer < sound.spec().layers().size(); layer++) {
                for (int i = 3; i < 16; i += 4) { // the pair of each head that rotates least; two heads of 8
                    String bias = "model.layers." + layer + ".self_attn.k_proj.bias";
                    biased = new PoisonedCheckpoint(biased, bias, i, 1, 300);
                }
            }
            float[] exact = DecoderHarness.logits(biased, ranks, ids);
            Checkpoint rounded = biased.with(biased.spec().with(format));
            assertThat(error(new float[][] {exact}, DecoderHarness.logits(rounded, ranks, ids)))
                    .isLessThan(0.15);
        }
    }

    /** Expert weights are in 8 bits where their sides allow it. */
    @ParameterizedTest
    @ValueSource(strings = {"qwen3-moe", "gpt-oss"})
    void expertsInEightBits(String name) {
        float[][] expected = Goldens.of(name).get(PROMPT).logits();
        assertThat(error(expected, logits(name, Choice.FP8))).isBetween(TOLERANCE, 0.4);
    }

    private static float[] logits(String name, Choice choice) {
        try (Checkpoint checkpoint = Checkpoints.open(Goldens.checkpoint(name)).with(choice)) {
            return DecoderHarness.logits(
                    checkpoint, 1, Goldens.of(name).get(PROMPT).ids());
        }
    }

    private static double error(float[][] expected, float[] actual) {
        double squares = 0;
        double norm = 0;
        for (int i = 0; i < actual.length; i++) {
            double wanted = expected[i / expected[0].length][i % expected[0].length];
            squares += (actual[i] - wanted) * (actual[i] - wanted);
            norm += wanted * wanted;
        }
        return Math.sqrt(squares / norm);
    }
}
