package nighttrain.io.spec.families;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import nighttrain.io.UserError;

/**
 * The keys that change a forward pass, or the choice of its weights, in some family of Hugging Face transformers 5.24, or here. A config.json is
 * refused if it has such a key and its family neither reads it nor is known to ignore it: the model would be computed differently than its authors
 * meant. A value that does not change the forward pass is accepted.
 */
final class ForwardKeys {
    /** Keys and their values that change nothing; null never changes anything. */
    private static final Map<String, Set<String>> NEUTRAL = new LinkedHashMap<>();

    static {
        neutral(
                Set.of("false"),
                Stream.of(
                        "add_cross_attention",
                        "alibi",
                        "apply_residual_connection_post_layernorm",
                        "attention_bias",
                        "attention_k_eq_v",
                        "attention_out_bias",
                        "attn_output_gate",
                        "attn_temperature_tuning",
                        "bias",
                        "enable_moe_block",
                        "layernorm_1p",
                        "lm_head_bias",
                        "mlp_bias",
                        "multi_query",
                        "new_decoder_architecture",
                        "normalize_embedding",
                        "parallel_attn",
                        "parallel_block",
                        "qk_layernorm",
                        "qk_norm",
                        "qkv_bias",
                        "rope_interleave",
                        "rope_interleaved",
                        "scale_attn_by_inverse_layer_idx",
                        "scale_embedding",
                        "use_attention_sinks",
                        "use_bias",
                        "use_bidirectional_attention",
                        "use_double_wide_mlp",
                        "use_parallel_residual",
                        "use_post_norm",
                        "use_qk_layernorm",
                        "use_qk_norm",
                        "use_qkv_bias",
                        "use_sliding_window"));
        neutral(Set.of("true"), Stream.of("do_layer_norm_before", "is_causal", "scale_attn_weights"));
        neutral(
                Set.of("1", "1.0"),
                Stream.of(
                        "embedding_multiplier",
                        "lm_head_multiplier",
                        "logit_scale",
                        "logits_scaling",
                        "partial_rotary_factor",
                        "residual_multiplier",
                        "rope_pct",
                        "rope_ratio",
                        "rotary_percent",
                        "rotary_pct",
                        "scale_emb"));
        neutral(
                Set.of("0", "0.0", "false", "[]", "{}"),
                Stream.of(
                        "attention_chunk_size",
                        "attention_types",
                        "attn_logit_softcapping",
                        "clip_qkv",
                        "final_logit_softcapping",
                        "hidden_size_per_layer_input",
                        "ladder_layers",
                        "linear_conv_kernel_dim",
                        "moe_intermediate_size",
                        "n_routed_experts",
                        "n_shared_experts",
                        "num_experts",
                        "num_kv_shared_layers",
                        "num_local_experts",
                        "per_layer_config",
                        "router_logit_softcapping",
                        "sliding_window",
                        "sliding_window_pattern",
                        "swiglu_limit"));
        neutral(
                Set.of(),
                Stream.of(
                        "attention_multiplier",
                        "attention_scale",
                        "block_types",
                        "dim_model_base",
                        "full_attention_interval",
                        "global_head_dim",
                        "hybrid_override_pattern",
                        "kv_lora_rank",
                        "layers_block_type",
                        "mamba_d_state",
                        "no_rope_layer_interval",
                        "no_rope_layers",
                        "num_lanes",
                        "num_tracks",
                        "q_lora_rank",
                        "query_pre_attn_scalar",
                        "reduce_every",
                        "rope_local_base_freq",
                        "rotary_dim",
                        "scale_depth",
                        "ssm_state_size",
                        "state_size",
                        "track_block_depth",
                        "v_head_dim"));
        neutral(Set.of("\"rope\"", "\"rotary\"", "\"absolute\""), Stream.of("position_embedding_type"));
        neutral(Set.of("\"model.safetensors\"", "\"model.safetensors.index.json\""), Stream.of("transformers_weights"));
    }

    private ForwardKeys() {}

    private static void neutral(Set<String> values, Stream<String> keys) {
        keys.forEach(key -> NEUTRAL.put(key, values));
    }

    /**
     * Refuses a key of this list that has an effect in {@code json}, unless the family has read it.
     *
     * @param ignored keys that the family does not use, whatever their value: transformers ignores them, too
     */
    static void refuseUnread(ConfigJson json, Set<String> ignored) {
        NEUTRAL.forEach((key, neutral) -> {
            if (!ignored.contains(key)) {
                refuse(json, key, json.node().get(key), neutral);
            }
        });
        for (String rope : new String[] {"rope_scaling", "rope_parameters"}) {
            refuse(json, Ropes.QUERY_SCALE, json.node().path(rope).get(Ropes.QUERY_SCALE), Set.of("0", "0.0"));
        }
        fullLayerTypes(json, ignored);
    }

    private static void refuse(ConfigJson json, String key, JsonNode value, Set<String> neutral) {
        if (value != null && !value.isNull() && !json.wasAsked(key) && !neutral.contains(value.toString())) {
            throw UserError.of(
                    "unsupported " + key + " in " + json.file(),
                    value,
                    "a " + json.text("model_type", "") + " model here has no such thing, and it would change every"
                            + " answer; choose another model, or drop the key if its weights were trained without it");
        }
    }

    /** Refuses {@code layer_types} other than full attention in families that do not read the key. */
    private static void fullLayerTypes(ConfigJson json, Set<String> ignored) {
        JsonNode types = json.node().get("layer_types");
        if (types == null || json.wasAsked("layer_types") || ignored.contains("layer_types")) {
            return;
        }
        for (JsonNode type : types) {
            if (!type.asText().equals("full_attention")) {
                throw UserError.of(
                        "unsupported layer_types in " + json.file(),
                        type.asText(),
                        "every layer of a " + json.text("model_type", "")
                                + " model here is full_attention; choose another model");
            }
        }
    }
}
