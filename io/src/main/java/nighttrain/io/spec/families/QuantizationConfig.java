package nighttrain.io.spec.families;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.StreamSupport;
import nighttrain.io.UserError;
import nighttrain.io.spec.Quantization;
import nighttrain.io.spec.Quantization.Block;
import nighttrain.io.spec.Quantization.Scales;

/**
 * Reads the key {@code quantization_config}: weights in e4m3 in the forms of compressed-tensors (LLM Compressor) and of DeepSeek, Qwen and Mistral
 * ({@code fp8}). Anything else is refused by name.
 */
final class QuantizationConfig {
    private static final List<String> KEYS = List.of("quantization_config", "compression_config");
    private static final String READ =
            "read are quant_method fp8 and compressed-tensors float-quantized, both of 8 bits"
                    + " (e4m3); use the model's unquantised checkpoint or one published in fp8";

    private final String file;
    private final JsonNode config;

    private QuantizationConfig(String file, JsonNode config) {
        this.file = file;
        this.config = config;
    }

    static Optional<Quantization> read(ConfigJson json) {
        return KEYS.stream()
                .flatMap(key -> json.object(key).stream())
                .findFirst()
                .map(object -> new QuantizationConfig(json.file(), object.node()).read());
    }

    /** Whether experts are stored in MXFP4 (gpt-oss). The names of their tensors show it, and nothing else of the model is quantised. */
    static boolean isMxfp4(ConfigJson json) {
        return json.object(KEYS.get(0))
                .map(object -> object.node().path("quant_method").asText().equals("mxfp4"))
                .orElse(false);
    }

    private Quantization read() {
        String method = config.path("quant_method").asText("");
        return switch (method) {
            case "fp8" -> fp8();
            case "compressed-tensors" -> compressedTensors();
            default -> throw unsupported(method.isEmpty() ? config.toString() : method);
        };
    }

    private UserError unsupported(String name) {
        return UserError.of("unsupported quantisation in " + file, name, READ);
    }

    private UserError bad(String key, JsonNode value, String limit) {
        return UserError.of(
                "bad " + key + " of the quantisation in " + file, value, limit + "; copy config.json again");
    }

    private Quantization fp8() {
        String format = config.path("fmt").asText("e4m3");
        if (!format.equals("e4m3")) {
            throw unsupported("fp8 " + format);
        }
        if (config.path("scale_fmt").asText("").equals("ue8m0")) {
            throw unsupported("fp8 with scales of ue8m0");
        }
        Optional<Block> block = block("weight_block_size", config.path("weight_block_size"));
        return new Quantization(
                block.isPresent() ? Scales.BLOCK : Scales.TENSOR,
                block,
                names(config.hasNonNull("modules_to_not_convert") ? "modules_to_not_convert" : "ignored_layers"),
                false);
    }

    private Quantization compressedTensors() {
        String format = config.path("format").asText("");
        JsonNode groups = config.path("config_groups");
        if (!(groups instanceof ObjectNode) || groups.isEmpty()) {
            throw bad("config_groups", groups, "an object of groups");
        }
        if (!config.path("sparsity_config").path("format").asText("dense").equals("dense")) {
            throw unsupported("compressed-tensors sparse, "
                    + config.path("sparsity_config").path("format").asText());
        }
        List<Quantization> read = StreamSupport.stream(groups.spliterator(), false)
                .map(group -> group(format, group))
                .distinct()
                .toList();
        if (read.size() > 1) {
            throw unsupported("compressed-tensors of several kinds of scales");
        }
        return read.get(0);
    }

    private Quantization group(String formatOfAll, JsonNode group) {
        String format = group.path("format").asText(formatOfAll);
        JsonNode weights = group.path("weights");
        String type = weights.path("type").asText("");
        int bits = weights.path("num_bits").asInt(0);
        if (!format.equals("float-quantized") || !type.equals("float") || bits != 8) {
            throw unsupported("compressed-tensors " + format + ", " + type + " of " + bits + " bits");
        }
        if (!weights.path("symmetric").asBoolean(true)) {
            throw unsupported("compressed-tensors " + format + ", asymmetric");
        }
        String strategy = weights.path("strategy").asText("");
        Scales scales = switch (strategy) {
            case "tensor" -> Scales.TENSOR;
            case "channel" -> Scales.CHANNEL;
            case "block" -> Scales.BLOCK;
            default -> throw unsupported("compressed-tensors " + format + ", scales by " + strategy);
        };
        Optional<Block> block = block("block_structure", weights.path("block_structure"));
        if (scales == Scales.BLOCK && block.isEmpty()) {
            throw bad("block_structure", weights.path("block_structure"), "rows and columns");
        }
        return new Quantization(scales, block, names("ignore"), keysAndValues());
    }

    /**
     * Whether keys and values are meant to be kept in 8 bits. The checkpoint's own scales for them, if any, are not read: an engine computes finer
     * ones.
     */
    private boolean keysAndValues() {
        JsonNode scheme = config.path("kv_cache_scheme");
        return scheme.path("num_bits").asInt(0) == 8
                && scheme.path("type").asText("").equals("float");
    }

    private Optional<Block> block(String key, JsonNode size) {
        if (size.isMissingNode() || size.isNull()) {
            return Optional.empty();
        }
        boolean two = size.isArray() && size.size() == 2;
        if (!two || size.get(0).asInt(0) < 1 || size.get(1).asInt(0) < 1) {
            throw bad(key, size, "two integers from 1");
        }
        return Optional.of(new Block(size.get(0).asInt(), size.get(1).asInt()));
    }

    private List<String> names(String key) {
        JsonNode names = config.path(key);
        if (names.isMissingNode() || names.isNull()) {
            return List.of();
        }
        if (!names.isArray()) {
            throw bad(key, names, "a list of strings");
        }
        return StreamSupport.stream(names.spliterator(), false)
                .map(name -> checked(key, name))
                .toList();
    }

    private String checked(String key, JsonNode name) {
        if (name.asText().startsWith("re:")) {
            try {
                Pattern.compile(name.asText().substring("re:".length()));
            } catch (PatternSyntaxException e) {
                throw bad(key, name, "names and regular expressions");
            }
        }
        return name.asText();
    }
}
