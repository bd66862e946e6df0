package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.function.IntBinaryOperator;
import nighttrain.io.ModelDir;
import nighttrain.io.UserError;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.TensorSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Reads 8-bit weights with every kind of scale. */
class ScaledTensorTest {
    private static final String QUANTIZED = "model.layers.0.mlp.down_proj";
    private static final String BLOCKS = "{\"quant_method\": \"fp8\", \"weight_block_size\": [3, 5]}";
    private static final String CHANNELS = """
            {"quant_method": "compressed-tensors", "format": "float-quantized", "ignore": ["lm_head"],
             "config_groups": {"g": {"weights": {"num_bits": 8, "type": "float", "strategy": "channel"}}}}""";

    @TempDir
    Path dir;

    private final SafetensorsFile file = new SafetensorsFile();
    private byte[] codes;
    private int rows;
    private int cols;

    /** Adds every tensor of a small llama, one of them in 8 bits. */
    private Path model(String quantization) {
        ModelSpec spec = ModelDir.of(dir, "llama")
                .with("num_hidden_layers", "1")
                .with("vocab_size", "4")
                .with("quantization_config", quantization)
                .read();
        for (TensorSpec tensor : spec.tensors()) {
            if (tensor.name().equals(QUANTIZED + ".weight")) {
                rows = tensor.shape().get(0).intValue();
                cols = tensor.shape().get(1).intValue();
                codes = new byte[rows * cols];
                new Random(1).nextBytes(codes);
                for (int i = 0; i < codes.length; i++) {
                    codes[i] = (codes[i] & 127) == 127 ? 1 : codes[i];
                }
                file.tensor(tensor.name(), "F8_E4M3", tensor.shape().toString(), codes);
            } else {
                file.fp32(tensor.name(), tensor.shape().toString(), new float[(int) tensor.size()]);
            }
        }
        return dir;
    }

    private Checkpoint open() {
        file.write(dir.resolve("model.safetensors"));
        return Checkpoints.open(dir);
    }

    private float[] values(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = 0.5f + i / 7f;
        }
        return values;
    }

    private void assertValues(Checkpoint checkpoint, IntBinaryOperator scaleOf, float[] scales) {
        CheckpointTensor tensor = checkpoint.tensor(QUANTIZED + ".weight", rows, cols);
        assertThat(tensor.dtype()).isEqualTo(DType.F8_E4M3);
        float[] expected = new float[rows * cols];
        for (int i = 0; i < expected.length; i++) {
            expected[i] = E4m3.toFloat(codes[i]) * scales[scaleOf.applyAsInt(i / cols, i % cols)];
        }
        float[] whole = new float[rows * cols];
        tensor.copyTo(0, whole, 0, whole.length);
        assertThat(whole).isEqualTo(expected);
        float[] piece = new float[cols + 9]; // begins and ends within a row, and within a block
        tensor.copyTo(cols + 3, piece, 2, cols + 4);
        assertThat(Arrays.copyOfRange(piece, 2, cols + 6))
                .isEqualTo(Arrays.copyOfRange(expected, cols + 3, 2 * cols + 7));
    }

    @ParameterizedTest
    @ValueSource(strings = {"[]", "[1]", "[1, 1]"})
    void oneScale(String shape) {
        model("{\"quant_method\": \"fp8\"}");
        file.fp32(QUANTIZED + ".weight_scale", shape, 3);
        assertValues(open(), (row, col) -> 0, new float[] {3});
    }

    @Test
    void aScaleEveryRow() {
        model(CHANNELS);
        file.fp32(QUANTIZED + ".weight_scale", "[" + rows + ", 1]", values(rows));
        assertValues(open(), (row, col) -> row, values(rows));
    }

    @Test
    void aScaleEveryBlock() {
        model(BLOCKS);
        int across = (cols + 4) / 5;
        int count = (rows + 2) / 3 * across;
        file.fp32(QUANTIZED + ".weight_scale_inv", "[" + (rows + 2) / 3 + "," + across + "]", values(count));
        assertValues(open(), (row, col) -> row / 3 * across + col / 5, values(count));
    }

    @Test
    void scalesCountAsRead() {
        model(CHANNELS);
        file.fp32(QUANTIZED + ".weight_scale", "[" + rows + ", 1]", values(rows));
        file.fp32(QUANTIZED + ".input_scale", "[1]", 1);
        Checkpoint checkpoint = open();
        assertThatCode(() -> Checkpoints.checkTensors(checkpoint)).doesNotThrowAnyException();
    }

    @Test
    void aScaleBesideAWeightThatIsNotQuantizedIsRefused() {
        model(CHANNELS);
        file.fp32(QUANTIZED + ".weight_scale", "[" + rows + ", 1]", values(rows));
        file.fp32("model.layers.0.mlp.up_proj.weight_scale", "[1]", 1);
        Checkpoint checkpoint = open();
        assertThatThrownBy(() -> Checkpoints.checkTensors(checkpoint))
                .hasMessageContaining("model.layers.0.mlp.up_proj.weight_scale");
    }

    @Test
    void missingScales() {
        model(CHANNELS);
        Checkpoint checkpoint = open();
        assertThatThrownBy(() -> Checkpoints.checkTensors(checkpoint))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "missing scales of a tensor in %s: %s.weight (numbers of 8 bits have them in %s.weight_scale or"
                                + " _scale_inv; copy the file again or choose another model)",
                        dir.resolve("model.safetensors"), QUANTIZED, QUANTIZED);
    }

    @Test
    void scalesOfAnotherShape() {
        model(BLOCKS);
        file.fp32(QUANTIZED + ".weight_scale_inv", "[2,1]", values(2));
        Checkpoint checkpoint = open();
        assertThatThrownBy(() -> Checkpoints.checkTensors(checkpoint))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "wrong shape of tensor %s.weight_scale_inv in %s: [2, 1] (expected one scale of %s.weight, one a"
                                + " row, or one a block of 3 x 5; config.json and weights do not belong together; copy"
                                + " both again)",
                        QUANTIZED, dir.resolve("model.safetensors"), QUANTIZED);
    }

    @Test
    void aScaleThatIsNoNumber() {
        model(CHANNELS);
        file.fp32(QUANTIZED + ".weight_scale", "[1]", Float.NaN);
        Checkpoint checkpoint = open();
        assertThatThrownBy(() -> Checkpoints.checkTensors(checkpoint))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "bad scale in %s: %s.weight_scale NaN (finite numbers are expected; copy the file again)",
                        dir.resolve("model.safetensors"), QUANTIZED);
    }
}
