package nighttrain.executor.reference;

import java.util.Collections;
import nighttrain.io.checkpoint.ArchitectureConfig;
import nighttrain.io.checkpoint.ArchitectureConfig.Tracks.Combine;
import nighttrain.io.checkpoint.BlockConfig;
import nighttrain.io.checkpoint.BlockConfig.Mlp;
import nighttrain.io.checkpoint.BlockConfig.Norm;
import nighttrain.io.checkpoint.BlockConfig.Rotary;
import nighttrain.io.checkpoint.ModelConfig;
import nighttrain.io.checkpoint.RopeScaling;

/** Small models, one per architecture and block. */
public enum Shapes {
    DENSE(new ArchitectureConfig.Dense()),
    PARALLEL_BLOCK(new ArchitectureConfig.ParallelBlock()),
    LADDER(new ArchitectureConfig.Ladder(4)),
    LADDER_LAST_2(new ArchitectureConfig.Ladder(2)),
    TRACKS_MEAN(new ArchitectureConfig.Tracks(4, 2, Combine.MEAN)),
    TRACKS_SUM(new ArchitectureConfig.Tracks(4, 1, Combine.SUM)),
    EIGHT_TRACKS(new ArchitectureConfig.Tracks(8, 4, Combine.MEAN)),
    KRAKEN(new ArchitectureConfig.Kraken(4)),
    KRAKEN_AUTHORS_BLOCK(new ArchitectureConfig.Kraken(4));

    public static final int LAYERS = 4;
    public static final int VOCABULARY = 61;
    public static final int POSITIONS = 128;

    private final ArchitectureConfig architecture;

    Shapes(ArchitectureConfig architecture) {
        this.architecture = architecture;
    }

    public ModelConfig model() {
        return model(architecture, this == KRAKEN_AUTHORS_BLOCK ? authorsBlock() : llamaBlock());
    }

    public static ModelConfig model(ArchitectureConfig architecture, BlockConfig block) {
        return new ModelConfig("test", LAYERS, 24, 40, 4, 4, 8, VOCABULARY, POSITIONS, block, false, architecture);
    }

    /** RMSNorm, RoPE, SwiGLU, no biases. */
    public static BlockConfig llamaBlock() {
        return new BlockConfig(
                Norm.RMS,
                1e-5,
                Mlp.GATED_SILU,
                new Rotary(8, 100, new RopeScaling.None()),
                false,
                false,
                false,
                false,
                false,
                Collections.nCopies(LAYERS, 0));
    }

    /** What Kraken's authors used: LayerNorm, learned positions, GELU, biases everywhere. */
    public static BlockConfig authorsBlock() {
        return new BlockConfig(
                Norm.LAYER,
                1e-5,
                Mlp.GELU_TANH,
                Rotary.none(),
                true,
                true,
                true,
                false,
                false,
                Collections.nCopies(LAYERS, 0));
    }
}
