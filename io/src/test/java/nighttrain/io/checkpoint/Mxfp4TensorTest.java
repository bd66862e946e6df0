package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Random;
import nighttrain.io.ModelDir;
import nighttrain.io.UserError;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Expert;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.TensorSpec.Stacked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Reads every weight of every expert of gpt-oss, stored in MXFP4 or transposed, whole and in any piece. */
class Mxfp4TensorTest {
    private static final String DOWN = "model.layers.0.mlp.experts.down_proj";
    private static final String GATE_UP = "model.layers.0.mlp.experts.gate_up_proj";
    private static final float[] E2M1 = {0, .5f, 1, 1.5f, 2, 3, 4, 6};

    @TempDir
    Path dir;

    private final SafetensorsFile file = new SafetensorsFile();
    private final Random random = new Random(3);

    private ModelDir model(String quantization) {
        return ModelDir.of(dir, "gpt_oss")
                .with("num_hidden_layers", "1")
                .with("vocab_size", "4")
                .with("hidden_size", "32")
                .with("intermediate_size", "96")
                .with("num_local_experts", "3")
                .with("num_experts_per_tok", "2")
                .with("quantization_config", quantization);
    }

    /** Returns the value of element {@code i} of a tensor, in stored order. */
    private static Float value(byte[] blocks, byte[] scales, int i) {
        int code = (blocks[i / 2] >> (4 * (i % 2))) & 15;
        int exponent = scales[i / 32] & 255;
        float magnitude = E2M1[code & 7] * (float) Math.pow(2, exponent - 127);
        return exponent == 255 ? Float.NaN : (code & 8) == 0 ? magnitude : -magnitude;
    }

    private byte[] bytes(String name, String shape, int count) {
        byte[] bytes = new byte[count];
        random.nextBytes(bytes);
        file.tensor(name, "U8", shape, bytes);
        return bytes;
    }

    /** Adds every tensor but the experts' matrices, as zeros. */
    private void others(ModelSpec spec) {
        for (TensorSpec tensor : spec.tensors()) {
            String name = Stacked.whole(tensor.name());
            if (name.equals(tensor.name())) {
                file.fp32(name, tensor.shape().toString(), new float[(int) tensor.size()]);
            } else if (name.endsWith("_bias") && tensor.name().endsWith("[0/3]")) {
                file.fp32(name, "[3, " + tensor.size() + "]", new float[3 * (int) tensor.size()]);
            }
        }
    }

    private static Expert expert(ModelSpec spec, int number) {
        return ((MixtureOfExperts) spec.layers().get(0).feedForward()).experts().get(number);
    }

    private static float[] values(Checkpoint checkpoint, Linear linear) {
        CheckpointTensor weight = checkpoint.weight(linear, 0);
        assertThat(weight.shape()).containsExactly((long) linear.outputs(), (long) linear.inputs());
        float[] values = new float[(int) weight.size()];
        weight.copyTo(0, values, 0, values.length);
        return values;
    }

    @Test
    void valuesAreNumbersTimesTheirGroupsScale() {
        ModelSpec spec = model("{\"quant_method\": \"mxfp4\"}").read();
        others(spec);
        byte[] down = bytes(DOWN + "_blocks", "[3, 32, 3, 16]", 3 * 32 * 48);
        byte[] downScales = bytes(DOWN + "_scales", "[3, 32, 3]", 3 * 32 * 3);
        byte[] up = bytes(GATE_UP + "_blocks", "[3, 192, 1, 16]", 3 * 192 * 16);
        byte[] upScales = bytes(GATE_UP + "_scales", "[3, 192, 1]", 3 * 192);
        file.write(dir.resolve("model.safetensors"));
        try (Checkpoint checkpoint = Checkpoints.open(dir)) {
            Checkpoints.checkTensors(checkpoint);
            for (int e = 0; e < 3; e++) {
                float[] ofDown = values(checkpoint, expert(spec, e).down());
                for (int i = 0; i < 32 * 96; i++) {
                    assertThat(ofDown[i]).isEqualTo(value(down, downScales, e * 32 * 96 + i));
                }
                float[] gate = values(checkpoint, expert(spec, e).gate().orElseThrow());
                float[] ofUp = values(checkpoint, expert(spec, e).up());
                for (int i = 0; i < 96 * 32; i++) {
                    int stored = e * 192 * 32 + i / 32 * 64 + i % 32;
                    assertThat(gate[i]).as("gate's rows are the even ones").isEqualTo(value(up, upScales, stored));
                    assertThat(ofUp[i]).as("up's rows are the odd ones").isEqualTo(value(up, upScales, stored + 32));
                }
                pieces(checkpoint.weight(expert(spec, e).down(), 0), ofDown);
                pieces(checkpoint.weight(expert(spec, e).up(), 0), ofUp);
            }
        }
    }

    private void pieces(CheckpointTensor tensor, float[] all) {
        for (int i = 0; i < 50; i++) {
            int from = random.nextInt(all.length);
            int count = random.nextInt(all.length - from + 1);
            float[] piece = new float[count + 2];
            tensor.copyTo(from, piece, 1, count);
            for (int at = 0; at < count; at++) {
                assertThat(piece[at + 1]).isEqualTo(Float.valueOf(all[from + at]));
            }
            assertThat(piece[0]).isZero();
            assertThat(piece[count + 1]).isZero();
        }
    }

    @Test
    void turnedOverExpertsAreTurnedBack() {
        ModelSpec spec = model("null").read();
        others(spec);
        float[] down = random(3 * 96 * 32);
        float[] up = random(3 * 32 * 192);
        file.fp32(DOWN, "[3, 96, 32]", down).fp32(GATE_UP, "[3, 32, 192]", up);
        file.write(dir.resolve("model.safetensors"));
        try (Checkpoint checkpoint = Checkpoints.open(dir)) {
            Checkpoints.checkTensors(checkpoint);
            for (int e = 0; e < 3; e++) {
                float[] ofDown = values(checkpoint, expert(spec, e).down());
                float[] gate = values(checkpoint, expert(spec, e).gate().orElseThrow());
                float[] ofUp = values(checkpoint, expert(spec, e).up());
                for (int i = 0; i < 32 * 96; i++) {
                    assertThat(ofDown[i]).isEqualTo(down[e * 96 * 32 + i % 96 * 32 + i / 96]);
                    assertThat(gate[i]).isEqualTo(up[e * 32 * 192 + i % 32 * 192 + i / 32 * 2]);
                    assertThat(ofUp[i]).isEqualTo(up[e * 32 * 192 + i % 32 * 192 + i / 32 * 2 + 1]);
                }
            }
        }
    }

    private float[] random(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextFloat();
        }
        return values;
    }

    @Test
    void blocksWithoutScalesOrOfAnotherShape() {
        ModelSpec spec = model("{\"quant_method\": \"mxfp4\"}").read();
        others(spec);
        bytes(DOWN + "_blocks", "[3, 32, 3, 16]", 3 * 32 * 48);
        bytes(GATE_UP + "_blocks", "[3, 192, 16]", 3 * 192 * 16);
        bytes(GATE_UP + "_scales", "[3, 192, 1]", 3 * 192);
        Path weights = dir.resolve("model.safetensors");
        file.write(weights);
        try (Checkpoint checkpoint = Checkpoints.open(dir)) {
            assertThatThrownBy(() -> checkpoint.weight(expert(spec, 0).down(), 0))
                    .isInstanceOf(UserError.class)
                    .hasMessage(
                            "missing tensor in %s: %s (expected shape [3, 32, 96]; config.json and weights do not"
                                    + " belong together; copy both again)",
                            dir, DOWN + "_scales");
            assertThatThrownBy(() -> checkpoint.weight(expert(spec, 0).up(), 0))
                    .isInstanceOf(UserError.class)
                    .hasMessage(
                            "wrong shape of tensor %s in %s: [3, 192, 16] (expected [3, 192, 1, 16]; config.json"
                                    + " and weights do not belong together; copy both again)",
                            GATE_UP + "_blocks", weights);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"lm_head.weight", "model.embed_tokens.weight"})
    void bytesAreNoNumbers(String name) {
        ModelSpec spec = model("{\"quant_method\": \"mxfp4\"}").read();
        for (TensorSpec tensor : spec.tensors()) {
            if (tensor.name().equals(name)) {
                bytes(name, tensor.shape().toString(), (int) tensor.size());
            }
        }
        file.write(dir.resolve("model.safetensors"));
        try (Checkpoint checkpoint = Checkpoints.open(dir)) {
            assertThatThrownBy(() -> checkpoint.tensor(name, 4, 32))
                    .isInstanceOf(UserError.class)
                    .hasMessage(
                            "wrong dtype of tensor %s in %s: U8 (bytes are read only as MXFP4; use the model's"
                                    + " unquantised checkpoint or one published in fp8)",
                            name, dir.resolve("model.safetensors"));
        }
    }

    @Test
    void sizesThatGroupsDoNotFill() {
        ModelDir odd = model("{\"quant_method\": \"mxfp4\"}").with("intermediate_size", "80");
        assertThatThrownBy(odd::read)
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "bad intermediate_size in %s: 80 (a multiple of 32, where experts are stored in MXFP4;"
                                + " correct it)",
                        odd.configFile());
    }
}
