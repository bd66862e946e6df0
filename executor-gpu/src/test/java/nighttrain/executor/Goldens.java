package nighttrain.executor;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.StreamSupport;

/** Reads small random checkpoints and what an independent implementation computed from them; see notebooks/reference_checkpoints.py. */
public final class Goldens {
    private Goldens() {}

    /** Returns every checkpoint with goldens from Hugging Face transformers or, for tracks, from the training framework or the equations. */
    public static List<String> names() {
        return List.of(
                "llama-gqa",
                "llama-rope-scaling",
                "llama-yarn",
                "llama-tied",
                "mistral-sliding-window",
                "mistral-layer-types",
                "qwen2",
                "qwen3",
                "qwen3-next",
                "qwen3_5",
                "qwen3_5-multimodal",
                "qwen3_5-moe",
                "gemma3",
                "gemma3-multimodal",
                "smollm3",
                "ministral3",
                "seed-oss",
                "olmo2",
                "olmo3",
                "exaone4",
                "granite",
                "granitemoehybrid",
                "granitemoehybrid-groups",
                "granitemoehybrid-experts",
                "gla",
                "gla-convolved",
                "gpt2",
                "gpt2-unscaled",
                "phi",
                "phi-tied",
                "phi3",
                "phi3-longrope",
                "phi3-longrope-short",
                "starcoder2",
                "ladder-converted",
                "parallel-block-converted",
                "qwen2-moe",
                "qwen3-moe",
                "qwen3-moe-raw-weights",
                "glm4-moe",
                "mixtral",
                "granitemoe",
                "gpt-oss",
                "gpt-oss-mxfp4",
                "parallel-track",
                "pt-moe",
                "desync-residual",
                "laneformer",
                "laneformer-lane-norms",
                "trained-dense",
                "trained-parallel-block",
                "trained-ladder",
                "trained-track-d2",
                "trained-kraken",
                "trained-desync-4",
                "trained-delayed-2");
    }

    /** Returns the checkpoints stored in 8 bits; their goldens use the dequantised weights; see notebooks/quantized_checkpoints.py. */
    public static List<String> quantized() {
        return List.of("fp8-tensor", "fp8-channel", "fp8-block", "fp8-scale-inv", "fp8-static", "fp8-experts");
    }

    /** Returns on how many ranks a checkpoint can run: 4, its tracks or heads (pairs of ranks may share a key head), or 1 if heads share a norm. */
    public static int mostRanks(String name) {
        return name.startsWith("olmo") ? 1 : 4;
    }

    /** A prompt, the logits after each of its tokens, and the 64 tokens that greedy decoding appends. */
    public record Golden(int[] ids, float[][] logits, int[] greedy) {}

    /** Returns logits of a checkpoint in 8 bits whose activations are also in 8 bits. */
    public static float[][] byToken(String name, int prompt) {
        return logits(root(name).get("prompts").get(prompt).get("by_token"));
    }

    public static Path checkpoint(String name) {
        try {
            return Path.of(Goldens.class.getResource("/checkpoints/" + name).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    public static List<Golden> of(String name) {
        List<Golden> goldens = new ArrayList<>();
        for (JsonNode prompt : root(name).get("prompts")) {
            goldens.add(new Golden(ints(prompt.get("ids")), logits(prompt.get("logits")), ints(prompt.get("greedy"))));
        }
        return goldens;
    }

    private static float[][] logits(JsonNode rows) {
        return StreamSupport.stream(rows.spliterator(), false)
                .map(Goldens::floats)
                .toArray(float[][]::new);
    }

    private static JsonNode root(String name) {
        try {
            return new ObjectMapper()
                    .readTree(checkpoint(name).resolve("golden.json").toFile());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int[] ints(JsonNode array) {
        int[] values = new int[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).intValue();
        }
        return values;
    }

    private static float[] floats(JsonNode array) {
        float[] values = new float[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).floatValue();
        }
        return values;
    }
}
