package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ShortBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import nighttrain.io.ModelDir;
import nighttrain.io.UserError;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Linear;
import nighttrain.io.spec.TensorSpec;
import nighttrain.io.spec.TensorSpec.Stacked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Opens checkpoints that have every tensor of their model and further ones. */
class WholeModelTest {
    @TempDir
    Path dir;

    private static ModelDir llama(Path dir) {
        return ModelDir.of(dir, "llama").with("num_hidden_layers", "1").with("vocab_size", "4");
    }

    /** Opens a checkpoint with every tensor of the model, as zeros, and {@code more}. */
    private Checkpoint open(ModelDir model, SafetensorsFile more) {
        ModelSpec spec = model.read();
        for (TensorSpec tensor : spec.tensors()) {
            more.fp32(tensor.name(), tensor.shape().toString(), new float[(int) tensor.size()]);
        }
        more.write(dir.resolve("model.safetensors"));
        return Checkpoints.open(dir);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "model.layers.0.self_attn.q_proj.bias",
                "model.layers.0.self_attn.q_norm.weight",
                "model.layers.0.pre_feedforward_layernorm.weight",
                "model.norm.bias",
                "lm_head.bias"
            })
    void whatNothingReadsIsRefused(String name) {
        Checkpoint checkpoint = open(llama(dir), new SafetensorsFile().fp32(name, "[1]", 1));
        assertThatThrownBy(() -> Checkpoints.checkTensors(checkpoint))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "tensor that nothing reads in %s: %s (config.json does not speak of it, and without it every answer"
                                + " would be another; correct config.json or choose another model)",
                        dir.resolve("model.safetensors"), name);
    }

    @Test
    void stackedTensorsAreReadAsOneATrack() {
        ModelDir lanes = ModelDir.of(dir, "laneformer")
                .with("num_hidden_layers", "1")
                .with("vocab_size", "1")
                .with("hidden_size", "4")
                .with("head_dim", "2")
                .with("intermediate_size", "2")
                .with("num_lanes", "2");
        ModelSpec spec = lanes.read();
        SafetensorsFile file = new SafetensorsFile();
        for (TensorSpec tensor : spec.tensors()) {
            Optional<Stacked> stacked = Stacked.of(tensor.name());
            if (stacked.isEmpty()) {
                file.fp32(tensor.name(), tensor.shape().toString(), new float[(int) tensor.size()]);
            } else if (stacked.get().index() == 0) {
                float[] values = new float[2 * (int) tensor.size()];
                for (int i = 0; i < values.length; i++) {
                    values[i] = i;
                }
                file.fp32(
                        stacked.get().name(),
                        "[2, %d, %d]"
                                .formatted(tensor.shape().get(0), tensor.shape().get(1)),
                        values);
            }
        }
        file.write(dir.resolve("model.safetensors"));
        Checkpoint checkpoint = Checkpoints.open(dir);
        assertThatCode(() -> Checkpoints.checkTensors(checkpoint)).doesNotThrowAnyException();
        Attention attention = (Attention) spec.layers().get(0).mixer();
        float[] queries = new float[16];
        checkpoint.weight(attention.projections().query(), 1).copyTo(0, queries, 0, 16);
        assertThat(queries)
                .as("of the second lane; heads of two rows stay as they are")
                .containsExactly(16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
        String wq = "model.layers.0.attention.wq.weight";
        assertThatThrownBy(() -> checkpoint.tensor(wq + "[0/3]", 4, 4))
                .hasMessage(
                        "wrong shape of tensor %s in %s: [2, 4, 4] (expected [3, 4, 4]; config.json and weights do not"
                                + " belong together; copy both again)",
                        wq, dir.resolve("model.safetensors"));
    }

    @Test
    void rotaryPairsThatStandSideBySideAreSeenHalfAHeadApart() {
        new SafetensorsFile().fp32("w", "[8, 1]", 0, 1, 2, 3, 10, 11, 12, 13).write(dir.resolve("model.safetensors"));
        llama(dir).write();
        Linear paired = Linear.of("w", 8, 1, false)
                .withWeight("w")
                .storedAs(new Linear.Storage(0, new Linear.Order.PairsApart(4), 8, false));
        float[] rows = new float[6];
        Checkpoints.open(dir).weight(paired, 0).copyTo(1, rows, 0, 6);
        assertThat(rows).containsExactly(2, 1, 3, 10, 12, 11);
    }

    @Test
    void theSecondNormOfAParallelBlockIsRefused() {
        Checkpoint checkpoint = open(
                llama(dir).with("parallel_block", "true"),
                new SafetensorsFile().fp32("model.layers.0.post_attention_layernorm.weight", "[1]", 1));
        assertThatThrownBy(() -> Checkpoints.checkTensors(checkpoint))
                .hasMessageContaining("model.layers.0.post_attention_layernorm.weight");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "model.layers.0.self_attn.rotary_emb.inv_freq",
                "model.layers.0.self_attn.k_scale",
                "model.layers.1.self_attn.q_proj.weight",
                "vision_tower.layers.0.weight",
                "mtp.norm.weight"
            })
    void whatIsHarmlessPasses(String name) {
        Checkpoint checkpoint = open(llama(dir), new SafetensorsFile().fp32(name, "[1]", 1));
        assertThatCode(() -> Checkpoints.checkTensors(checkpoint)).doesNotThrowAnyException();
    }

    /** Old files of GPT-2 have its masks as buffers; its tensor names may begin with {@code transformer.} or not. */
    @Test
    void gpt2sMasksPassInBothSpellings() {
        ModelDir model = ModelDir.of(dir, "gpt2")
                .with("n_layer", "1")
                .with("n_embd", "4")
                .with("n_head", "2");
        SafetensorsFile published =
                new SafetensorsFile().fp32("h.0.attn.bias", "[1]", 1).fp32("h.0.attn.masked_bias", "[1]", 1);
        for (TensorSpec tensor : model.read().tensors()) {
            published.fp32(
                    tensor.name().replace("transformer.", ""),
                    tensor.shape().toString(),
                    new float[(int) tensor.size()]);
        }
        published.write(dir.resolve("model.safetensors"));
        Checkpoint checkpoint = Checkpoints.open(dir);
        assertThatCode(() -> Checkpoints.checkTensors(checkpoint)).doesNotThrowAnyException();
        assertThat(checkpoint.has("transformer.wte.weight")).isTrue();
    }

    @Test
    void aSavedHeadThatDiffersIsUsedThoughTied() {
        ModelDir tied = llama(dir).with("tie_word_embeddings", "true");
        float[] values = new float[4 * 32];
        values[127] = 1;
        Checkpoint checkpoint = open(tied, new SafetensorsFile().fp32("lm_head.weight", "[4, 32]", values));
        assertThat(checkpoint.spec().head().output().weight()).isEqualTo("lm_head.weight");
        assertThat(checkpoint.warnings())
                .isEqualTo(List.of("head of its own in " + dir
                        + ": lm_head.weight (differs from model.embed_tokens.weight though tie_word_embeddings is true;"
                        + " it is used, as transformers does)"));
    }

    @Test
    void aSavedHeadThatIsTheEmbeddingSaysNothing() {
        Checkpoint checkpoint = open(
                llama(dir).with("tie_word_embeddings", "true"),
                new SafetensorsFile().fp32("lm_head.weight", "[4, 32]", new float[4 * 32]));
        assertThat(checkpoint.spec().head().output().weight()).isEqualTo("model.embed_tokens.weight");
        assertThat(checkpoint.warnings()).isEmpty();
        assertThatCode(() -> Checkpoints.checkTensors(checkpoint)).doesNotThrowAnyException();
    }

    @Test
    void missingHeadsAreNamedAsPublished() {
        ModelDir gpt2 = ModelDir.of(dir, "gpt2")
                .with("n_layer", "1")
                .with("n_embd", "4")
                .with("n_head", "2");
        open(gpt2, new SafetensorsFile());
        Checkpoint untied = Checkpoints.open(
                gpt2.with("tie_word_embeddings", "false").write().dir());
        assertThatThrownBy(() -> Checkpoints.checkTensors(untied))
                .hasMessageContaining(": lm_head.weight (expected shape");
    }

    @Test
    void columnsOfAFusedTensorAreTakenApart() {
        ModelDir gpt2 = ModelDir.of(dir, "gpt2")
                .with("n_layer", "1")
                .with("n_embd", "2")
                .with("n_head", "1");
        gpt2.write();
        new SafetensorsFile()
                .fp32("transformer.wte.weight", "[1]", 0)
                .fp32("transformer.h.0.attn.c_attn.weight", "[2, 6]", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
                .fp32("transformer.h.0.attn.c_attn.bias", "[6]", 1, 2, 3, 4, 5, 6)
                .write(dir.resolve("model.safetensors"));
        try (Checkpoint checkpoint = Checkpoints.open(dir)) {
            var attention = (nighttrain.io.spec.Attention)
                    checkpoint.spec().layers().get(0).mixer();
            float[] key = new float[4];
            checkpoint.weight(attention.projections().key(), 0).copyTo(0, key, 0, 4);
            assertThat(key).containsExactly(3, 9, 4, 10);
            float[] bias = new float[2];
            checkpoint.bias(attention.projections().value(), 0).copyTo(0, bias, 0, 2);
            assertThat(bias).containsExactly(5, 6);
        }
    }

    @Test
    void everyHeadsQueryAndGateAreTakenApart() {
        ModelDir.of(dir, "qwen3_5_text")
                .with("hidden_size", "1")
                .with("head_dim", "8")
                .with("num_attention_heads", "2")
                .with("attention_bias", "true")
                .write();
        float[] rows = new float[32];
        for (int i = 0; i < rows.length; i++) {
            rows[i] = i;
        }
        new SafetensorsFile()
                .fp32("model.layers.3.self_attn.q_proj.weight", "[32, 1]", rows)
                .fp32("model.layers.3.self_attn.q_proj.bias", "[32]", rows)
                .write(dir.resolve("model.safetensors"));
        try (Checkpoint checkpoint = Checkpoints.open(dir)) {
            var attention = (nighttrain.io.spec.Attention)
                    checkpoint.spec().layers().get(3).mixer();
            CheckpointTensor gate =
                    checkpoint.weight(attention.projections().gate().orElseThrow(), 0);
            assertThat(gate.shape()).containsExactly(16L, 1L);
            float[] part = new float[6];
            gate.copyTo(5, part, 0, 6);
            assertThat(part).as("over the end of a run").containsExactly(13, 14, 15, 24, 25, 26);
            ShortBuffer rounded = ShortBuffer.allocate(6);
            gate.copyAsBfloat16(5, rounded, 6);
            assertThat(Bfloat16.toFloat(rounded.get(3))).isEqualTo(24);
            ByteBuffer codes = ByteBuffer.allocate(1);
            assertThat(gate.copyAsE4m3(8, codes, 1))
                    .as("the scale of the first of the next run")
                    .isEqualTo(24 / E4m3.MAX);
            assertThat(E4m3.toFloat(codes.get(0))).isEqualTo(E4m3.MAX);
            assertThatThrownBy(() -> gate.copyTo(11, part, 0, 6)).isInstanceOf(IndexOutOfBoundsException.class);
            float[] bias = new float[16];
            checkpoint.bias(attention.projections().query(), 0).copyTo(0, bias, 0, 16);
            assertThat(bias).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
        }
    }
}
