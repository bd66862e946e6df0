package nighttrain.io.checkpoint;

import java.util.List;
import nighttrain.io.checkpoint.BlockConfig.Mlp;
import nighttrain.io.checkpoint.BlockConfig.Norm;
import nighttrain.io.checkpoint.BlockConfig.Rotary;

/** Reads a {@link BlockConfig} from {@code config.json}: what a family fixes, and what its keys say. */
final class BlockConfigs {
    private BlockConfigs() {}

    static BlockConfig of(ConfigJson json, Family family, int maxPositions, int headDim, List<Integer> windows) {
        Norm norm = norm(json, family);
        return new BlockConfig(
                norm,
                norm == Norm.RMS
                        ? json.positive("rms_norm_eps", 1e-6)
                        : json.positive("layer_norm_eps", json.positive("rms_norm_eps", 1e-5)),
                mlp(json, family),
                rotary(json, family, maxPositions, headDim),
                family.qkvBias(json),
                family.outputBias(json),
                family.mlpBias(json),
                family == Family.PHI,
                family == Family.QWEN3,
                windows);
    }

    private static Norm norm(ConfigJson json, Family family) {
        if (family == Family.PHI) {
            refuse(json, "qk_layernorm");
            return Norm.LAYER;
        }
        if (family != Family.KRAKEN) {
            return Norm.RMS;
        }
        return switch (json.text("norm", "rms")) {
            case "rms" -> Norm.RMS;
            case "layer" -> Norm.LAYER;
            default -> throw json.bad("norm", "rms or layer");
        };
    }

    private static void refuse(ConfigJson json, String flag) {
        if (json.flag(flag, false)) {
            throw json.bad(flag, "only false is supported; choose another model");
        }
    }

    private static Mlp mlp(ConfigJson json, Family family) {
        boolean gelu = family == Family.PHI || family == Family.KRAKEN;
        return switch (json.text("hidden_act", family == Family.PHI ? "gelu_new" : "silu")) {
            case "silu", "swish" -> {
                if (family == Family.PHI) {
                    throw json.bad("hidden_act", "only gelu_new is supported; choose another model");
                }
                yield Mlp.GATED_SILU;
            }
            case "gelu_new", "gelu_pytorch_tanh" -> {
                if (!gelu) {
                    throw json.bad("hidden_act", "only silu is supported; choose another model");
                }
                yield Mlp.GELU_TANH;
            }
            default ->
                throw json.bad(
                        "hidden_act", (gelu ? "only gelu_new" : "only silu") + " is supported; choose another model");
        };
    }

    private static Rotary rotary(ConfigJson json, Family family, int maxPositions, int headDim) {
        if (family == Family.KRAKEN) {
            switch (json.text("position", "rope")) {
                case "learned" -> {
                    return Rotary.none();
                }
                case "rope" -> {}
                default -> throw json.bad("position", "rope or learned");
            }
        }
        Rope rope = Rope.of(json, maxPositions, family == Family.PHI ? 0.5 : 1);
        int dims = (int) (headDim * rope.share());
        if (dims < 2 || dims % 2 != 0) {
            throw json.bad("partial_rotary_factor", "must leave an even number of dimensions of head_dim, " + headDim);
        }
        return new Rotary(dims, rope.theta(), rope.scaling());
    }
}
