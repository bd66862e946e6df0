package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import nighttrain.io.checkpoint.ArchitectureConfig.Tracks.Combine;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelConfigsTest {
    @TempDir
    Path dir;

    @Test
    void llamaWithItsOwnDefaults() {
        ModelConfig config =
                ModelDir.of(dir, "llama").without("num_key_value_heads").read();
        assertThat(config.modelType()).isEqualTo("llama");
        assertThat(config.layers()).isEqualTo(4);
        assertThat(config.hiddenSize()).isEqualTo(32);
        assertThat(config.intermediateSize()).isEqualTo(48);
        assertThat(config.heads()).isEqualTo(4);
        assertThat(config.kvHeads()).isEqualTo(4);
        assertThat(config.headDim()).isEqualTo(8);
        assertThat(config.vocabSize()).isEqualTo(96);
        assertThat(config.maxPositions()).isEqualTo(2048);
        assertThat(config.block().normEpsilon()).isEqualTo(1e-6);
        assertThat(config.block().rotary().theta()).isEqualTo(10_000);
        assertThat(config.block().rotary().scaling()).isEqualTo(new RopeScaling.None());
        assertThat(config.block().qkvBias()).isFalse();
        assertThat(config.block().outputBias()).isFalse();
        assertThat(config.block().mlpBias()).isFalse();
        assertThat(config.block().qkNorm()).isFalse();
        assertThat(config.block().windows()).containsExactly(0, 0, 0, 0);
        assertThat(config.tiedEmbeddings()).isFalse();
        assertThat(config.architecture()).isEqualTo(new ArchitectureConfig.Dense());
    }

    @Test
    void llamaWithEverythingSaid() {
        ModelConfig config = ModelDir.of(dir, "llama")
                .with("head_dim", "16")
                .with("max_position_embeddings", "512")
                .with("rms_norm_eps", "1e-5")
                .with("attention_bias", "true")
                .with("mlp_bias", "true")
                .with("tie_word_embeddings", "true")
                .with("sliding_window", "8")
                .read();
        assertThat(config.headDim()).isEqualTo(16);
        assertThat(config.kvHeads()).isEqualTo(2);
        assertThat(config.maxPositions()).isEqualTo(512);
        assertThat(config.block().normEpsilon()).isEqualTo(1e-5);
        assertThat(config.block().qkvBias()).isTrue();
        assertThat(config.block().outputBias()).isTrue();
        assertThat(config.block().mlpBias()).isTrue();
        assertThat(config.tiedEmbeddings()).isTrue();
        assertThat(config.block().windows()).as("llama knows no windows").containsOnly(0);
    }

    @Test
    void nullIsAsManyKeysAsQueries() {
        assertThat(ModelDir.of(dir, "mistral")
                        .with("num_key_value_heads", "null")
                        .read()
                        .kvHeads())
                .isEqualTo(4);
    }

    @Test
    void mistralSlidesInEveryLayer() {
        ModelDir model = ModelDir.of(dir, "mistral");
        assertThat(model.read().block().windows()).as("transformers' default").containsOnly(4096);
        assertThat(model.with("sliding_window", "8").read().block().windows()).containsExactly(8, 8, 8, 8);
        assertThat(model.with("sliding_window", "null").read().block().windows())
                .containsOnly(0);
        assertThat(model.with("attention_bias", "true").read().block().qkvBias())
                .isFalse();
        assertThat(model.read().maxPositions()).isEqualTo(131_072);
    }

    @Test
    void qwen2HasBiasesWhateverIsSaid() {
        ModelConfig config =
                ModelDir.of(dir, "qwen2").with("attention_bias", "false").read();
        assertThat(config.block().qkvBias()).isTrue();
        assertThat(config.block().outputBias()).isFalse();
        assertThat(config.block().qkNorm()).isFalse();
        assertThat(config.block().windows()).containsOnly(0);
        assertThat(config.maxPositions()).isEqualTo(32_768);
    }

    @Test
    void qwen3NormsQueriesAndKeys() {
        ModelConfig config = ModelDir.of(dir, "qwen3").read();
        assertThat(config.block().qkNorm()).isTrue();
        assertThat(config.headDim()).as("transformers' default").isEqualTo(128);
        assertThat(config.block().qkvBias()).isFalse();
        ModelConfig biased =
                ModelDir.of(dir, "qwen3").with("attention_bias", "true").read();
        assertThat(biased.block().qkvBias()).isTrue();
        assertThat(biased.block().outputBias()).isTrue();
    }

    @Test
    void qwenSlidesWhereItIsTold() {
        ModelDir model = ModelDir.of(dir, "qwen2").with("sliding_window", "16").with("max_window_layers", "3");
        assertThat(model.read().block().windows()).as("not switched on").containsOnly(0);
        model.with("use_sliding_window", "true");
        assertThat(model.read().block().windows()).containsExactly(0, 0, 0, 16);
        assertThat(model.with("max_window_layers", "0").read().block().windows())
                .containsOnly(16);
        model.with(
                "layer_types",
                "[\"sliding_attention\", \"full_attention\", \"sliding_attention\", \"full_attention\"]");
        assertThat(model.read().block().windows()).containsExactly(16, 0, 16, 0);
    }

    @Test
    void ropeBeforeTransformers5() {
        ModelConfig config = ModelDir.of(dir, "llama")
                .with("rope_theta", "500000.0")
                .with("max_position_embeddings", "512")
                .with(
                        "rope_scaling",
                        "{\"type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, \"high_freq_factor\": 4}")
                .read();
        assertThat(config.block().rotary().theta()).isEqualTo(500_000);
        assertThat(config.block().rotary().scaling())
                .as("without an original length the model's own counts")
                .isEqualTo(new RopeScaling.Llama3(8, 1, 4, 512));
    }

    @Test
    void ropeSinceTransformers5() {
        ModelConfig config =
                ModelDir.of(dir, "llama").with("rope_parameters", """
                        {"rope_type": "llama3", "rope_theta": 7000, "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 128}""").read();
        assertThat(config.block().rotary().theta()).isEqualTo(7000);
        assertThat(config.block().rotary().scaling()).isEqualTo(new RopeScaling.Llama3(8, 1, 4, 128));
    }

    @Test
    void linearRope() {
        ModelConfig config = ModelDir.of(dir, "llama")
                .with("rope_scaling", "{\"rope_type\": \"linear\", \"factor\": 2.5}")
                .read();
        assertThat(config.block().rotary().scaling()).isEqualTo(new RopeScaling.Linear(2.5));
        assertThat(ModelDir.of(dir, "llama")
                        .with("rope_scaling", "null")
                        .read()
                        .block()
                        .rotary()
                        .scaling())
                .isEqualTo(new RopeScaling.None());
    }

    @Test
    void tracksWithSizesPerTrack() {
        ModelConfig config = ModelDir.of(dir, "parallel_track")
                .with("num_tracks", "8")
                .with("track_block_depth", "2")
                .read();
        assertThat(config.architecture()).isEqualTo(new ArchitectureConfig.Tracks(8, 2, Combine.MEAN));
        assertThat(config.trackCount()).isEqualTo(8);
        assertThat(config.heads()).isEqualTo(4);
        assertThat(ModelDir.of(dir, "parallel_track")
                        .with("num_tracks", "2")
                        .with("track_block_depth", "4")
                        .with("track_combine", "\"sum\"")
                        .read()
                        .architecture())
                .isEqualTo(new ArchitectureConfig.Tracks(2, 4, Combine.SUM));
    }

    @Test
    void wiringOfTheOtherPapers() {
        assertThat(ModelDir.of(dir, "llama")
                        .with("parallel_block", "true")
                        .read()
                        .architecture())
                .isEqualTo(new ArchitectureConfig.ParallelBlock());
        assertThat(ModelDir.of(dir, "qwen2").with("ladder_layers", "3").read().architecture())
                .isEqualTo(new ArchitectureConfig.Ladder(3));
        ModelConfig kraken = ModelDir.of(dir, "kraken")
                .with("num_tracks", "6")
                .with("hidden_act", "\"gelu_new\"")
                .with("norm", "\"layer\"")
                .with("position", "\"learned\"")
                .with("bias", "true")
                .read();
        assertThat(kraken.architecture()).isEqualTo(new ArchitectureConfig.Kraken(6));
        assertThat(kraken.block().norm()).isEqualTo(BlockConfig.Norm.LAYER);
        assertThat(kraken.block().mlp()).isEqualTo(BlockConfig.Mlp.GELU_TANH);
        assertThat(kraken.block().learnedPositions()).isTrue();
        assertThat(kraken.block().qkvBias()).isTrue();
    }

    @Test
    void pythonsJsonIsRead() {
        assertThat(ModelDir.of(dir, "llama")
                        .with("attention_dropout", "NaN")
                        .read()
                        .layers())
                .isEqualTo(4);
    }
}
