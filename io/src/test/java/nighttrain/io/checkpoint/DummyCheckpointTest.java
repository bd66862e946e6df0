package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.ShortBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import nighttrain.io.ModelDir;
import nighttrain.io.UserError;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DummyCheckpointTest {
    private static final String Q = "model.layers.3.self_attn.q_proj.weight";

    @TempDir
    Path dir;

    private static float[] all(Checkpoint checkpoint, String name, long... shape) {
        CheckpointTensor tensor = checkpoint.tensor(name, shape);
        float[] values = new float[(int) tensor.size()];
        tensor.copyTo(0, values, 0, values.length);
        return values;
    }

    @Test
    void aTensorIsTheSameInAnyPieces() {
        Checkpoint checkpoint =
                Checkpoints.dummy(ModelDir.of(dir, "llama").write().dir());
        float[] whole = all(checkpoint, Q, 32, 32);
        assertThat(all(Checkpoints.dummy(dir), Q, 32, 32)).isEqualTo(whole);
        for (int piece : new int[] {1, 3, 7, 64, 1000}) {
            float[] pieces = new float[whole.length];
            for (int from = 0; from < whole.length; from += piece) {
                checkpoint.tensor(Q, 32, 32).copyTo(from, pieces, from, Math.min(piece, whole.length - from));
            }
            assertThat(pieces).isEqualTo(whole);
            assertThat(bfloat16(checkpoint.tensor(Q, 32, 32), piece)).isEqualTo(rounded(whole));
        }
        String norm = "model.norm.weight";
        assertThat(bfloat16(checkpoint.tensor(norm, 32), 5)).isEqualTo(rounded(all(checkpoint, norm, 32)));
        assertThat(all(checkpoint, "model.layers.3.self_attn.o_proj.weight", 32, 32))
                .isNotEqualTo(whole);
    }

    private static short[] bfloat16(CheckpointTensor tensor, int piece) {
        ShortBuffer values = ShortBuffer.allocate((int) tensor.size());
        while (values.hasRemaining()) {
            tensor.copyAsBfloat16(values.position(), values, Math.min(piece, values.remaining()));
        }
        return values.array();
    }

    private static short[] rounded(float[] values) {
        short[] rounded = new short[values.length];
        for (int i = 0; i < rounded.length; i++) {
            rounded[i] = Bfloat16.of(values[i]);
        }
        return rounded;
    }

    /** Weights stay the same across versions, so that rates and texts of versions can be compared. */
    @Test
    void valuesStay() {
        float[] values = all(Checkpoints.dummy(ModelDir.of(dir, "llama").write().dir()), Q, 32, 32);
        assertThat(Arrays.copyOf(values, 5))
                .containsExactly(0.039854184f, -0.021244954f, 0.011917818f, 0.030905223f, -0.011032343f);
        assertThat(Arrays.hashCode(values)).isEqualTo(-462170944);
    }

    @Test
    void valuesAreNormal() {
        Checkpoint checkpoint = Checkpoints.dummy(
                ModelDir.of(dir, "llama").with("vocab_size", "20000").write().dir());
        float[] values = all(checkpoint, "model.embed_tokens.weight", 20_000, 32);
        double sum = 0;
        double squares = 0;
        int beyondOne = 0;
        int beyondThree = 0;
        for (float value : values) {
            double sigmas = value / 0.02;
            sum += sigmas;
            squares += sigmas * sigmas;
            beyondOne += Math.abs(sigmas) > 1 ? 1 : 0;
            beyondThree += Math.abs(sigmas) > 3 ? 1 : 0;
        }
        assertThat(sum / values.length).isCloseTo(0, within(0.01));
        assertThat(squares / values.length).isCloseTo(1, within(0.01));
        assertThat((double) beyondOne / values.length).isCloseTo(0.3173, within(0.005));
        assertThat((double) beyondThree / values.length).isCloseTo(0.0027, within(0.0005));
    }

    @Test
    void normsAreOneAndBiasesZero() {
        Checkpoint checkpoint =
                Checkpoints.dummy(ModelDir.of(dir, "qwen2").write().dir());
        assertThat(all(checkpoint, "model.norm.weight", 32)).containsOnly(1);
        assertThat(all(checkpoint, "model.layers.0.input_layernorm.weight", 32)).containsOnly(1);
        assertThat(all(checkpoint, "model.layers.0.self_attn.k_proj.bias", 16)).containsOnly(0);
    }

    @Test
    void itHasTheModelsTensorsAndNoOthers() {
        Checkpoint llama =
                Checkpoints.dummy(ModelDir.of(dir.resolve("l"), "llama").write().dir());
        assertThat(llama.has("lm_head.weight")).isTrue();
        assertThat(llama.has("model.layers.0.self_attn.q_proj.bias")).isFalse();
        assertThat(llama.has("model.layers.4.input_layernorm.weight")).isFalse();
        Checkpoint tied = Checkpoints.dummy(ModelDir.of(dir.resolve("q"), "qwen3")
                .with("tie_word_embeddings", "true")
                .write()
                .dir());
        assertThat(tied.has("lm_head.weight")).isFalse();
        assertThat(tied.has("model.layers.0.self_attn.q_norm.weight")).isTrue();
        Checkpoint tracks = Checkpoints.dummy(ModelDir.of(dir.resolve("t"), "parallel_track")
                .with("num_tracks", "2")
                .with("track_block_depth", "2")
                .write()
                .dir());
        assertThat(tracks.has("model.tracks.1.layers.3.mlp.down_proj.weight")).isTrue();
        assertThat(tracks.has("model.layers.0.mlp.down_proj.weight")).isFalse();
        assertThatThrownBy(() -> llama.tensor("model.norm.weight", 33))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("wrong shape of tensor model.norm.weight in dummy weights of ")
                .hasMessageContaining(": [32] (expected [33];");
        assertThatThrownBy(() -> llama.tensor("nothing", 1)).isInstanceOf(UserError.class);
        assertThat(llama.fingerprint()).isNotEqualTo(tied.fingerprint());
    }
}
