package nighttrain.io.spec.families;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Optional;
import nighttrain.io.ModelDir;
import nighttrain.io.UserError;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Quantization;
import nighttrain.io.spec.Quantization.Block;
import nighttrain.io.spec.Quantization.Scales;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuantizationConfigTest {
    @TempDir
    Path dir;

    private ModelDir model(String json) {
        return ModelDir.of(dir, "llama").with("quantization_config", json);
    }

    private static String group(String format, String weights) {
        return "{\"quant_method\":\"compressed-tensors\",\"format\":\"" + format
                + "\",\"ignore\":[\"re:.*lm_head\",\"model.layers.1\"],\"config_groups\":{\"group_0\":{\"weights\":{"
                + weights + "}}}}";
    }

    @ParameterizedTest
    @CsvSource({"tensor,TENSOR", "channel,CHANNEL"})
    void compressedTensors(String strategy, Scales scales) {
        String json = group("float-quantized", "\"num_bits\":8,\"type\":\"float\",\"strategy\":\"" + strategy + "\"");
        Quantization read = model(json).read().quantization().orElseThrow();
        assertThat(read.scales()).isEqualTo(scales);
        assertThat(read.block()).isEmpty();
        assertThat(read.covers("model.layers.0.mlp.up_proj")).isTrue();
        assertThat(read.covers("model.layers.10.mlp.up_proj")).isTrue();
        assertThat(read.covers("model.layers.1.mlp.up_proj")).isFalse();
        assertThat(read.covers("lm_head")).isFalse();
    }

    /** By default keys and values are rounded only if the checkpoint gives them 8 bits in floating point. */
    @ParameterizedTest
    @CsvSource({"8,float,true", "8,int,false", "4,float,false"})
    void keysAndValues(int bits, String type, boolean read) {
        String plain = group("float-quantized", "\"num_bits\":8,\"type\":\"float\",\"strategy\":\"channel\"");
        String scheme =
                ",\"kv_cache_scheme\":{\"num_bits\":" + bits + ",\"type\":\"" + type + "\",\"strategy\":\"tensor\"}}";
        ModelSpec asking =
                model(plain.substring(0, plain.length() - 1) + scheme).read();
        assertThat(asking.quantization().orElseThrow().keysAndValues()).isEqualTo(read);
        assertThat(asking.with(KvFormat.Choice.AUTO).kvFormat()).isEqualTo(read ? KvFormat.FP8 : KvFormat.PLAIN);
        assertThat(asking.with(KvFormat.Choice.BF16).kvFormat()).isEqualTo(KvFormat.PLAIN);
        ModelSpec silent = model(plain).read();
        assertThat(silent.with(KvFormat.Choice.AUTO).kvFormat()).isEqualTo(KvFormat.PLAIN);
        assertThat(silent.with(KvFormat.Choice.FP8).kvFormat()).isEqualTo(KvFormat.FP8);
        assertThat(asking.with(KvFormat.Choice.INT8).kvFormat()).isEqualTo(KvFormat.INT8);
    }

    @Test
    void blocks() {
        String compressed = group(
                "float-quantized",
                "\"num_bits\":8,\"type\":\"float\",\"strategy\":\"block\",\"block_structure\":[128,64]");
        assertThat(model(compressed).read().quantization().flatMap(Quantization::block))
                .contains(new Block(128, 64));
        String fp8 =
                "{\"quant_method\":\"fp8\",\"weight_block_size\":[128,128],\"modules_to_not_convert\":[\"lm_head\"]}";
        Quantization read = model(fp8).read().quantization().orElseThrow();
        assertThat(read.block()).contains(new Block(128, 128));
        assertThat(read.covers("lm_head")).isFalse();
        assertThat(read.covers("model.layers.0.mlp.up_proj")).isTrue();
    }

    @Test
    void anEmptyOneIsNone() {
        assertThat(model("{}").read().quantization()).isEqualTo(Optional.empty());
        assertThat(model("null").read().quantization()).isEqualTo(Optional.empty());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            gptq         | {"quant_method":"gptq","bits":4,"group_size":128}
            awq          | {"quant_method":"awq","bits":4}
            bitsandbytes | {"quant_method":"bitsandbytes","load_in_4bit":true}
            mxfp4        | {"quant_method":"mxfp4"}
            modelopt     | {"quant_method":"modelopt","quant_algo":"NVFP4"}
            fp8 e5m2     | {"quant_method":"fp8","fmt":"e5m2"}
            fp8 with scales of ue8m0 | {"quant_method":"fp8","scale_fmt":"ue8m0"}
            {"bits":4}   | {"bits":4}
            """)
    void otherMethodsAreRefusedByName(String name, String json) {
        assertRefused(name, json);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            pack-quantized, int of 4 bits         | pack-quantized       | "num_bits":4,"type":"int","strategy":"group"
            int-quantized, int of 8 bits          | int-quantized        | "num_bits":8,"type":"int","strategy":"channel"
            nvfp4-pack-quantized, float of 4 bits | nvfp4-pack-quantized | "num_bits":4,"type":"float","strategy":"tensor_group"
            float-quantized, scales by group      | float-quantized      | "num_bits":8,"type":"float","strategy":"group"
            float-quantized, asymmetric           | float-quantized      | "num_bits":8,"type":"float","strategy":"channel","symmetric":false
            """)
    void otherFormatsAreRefusedByName(String name, String format, String weights) {
        assertRefused("compressed-tensors " + name, group(format, weights));
    }

    private void assertRefused(String name, String json) {
        ModelDir model = model(json);
        assertThatThrownBy(model::read)
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "unsupported quantisation in %s: %s (read are quant_method fp8 and compressed-tensors"
                                + " float-quantized, both of 8 bits (e4m3); use the model's unquantised checkpoint or one"
                                + " published in fp8)",
                        model.configFile(), name);
    }

    @Test
    void badBlock() {
        ModelDir model = model("{\"quant_method\":\"fp8\",\"weight_block_size\":[128]}");
        assertThatThrownBy(model::read)
                .hasMessage(
                        "bad weight_block_size of the quantisation in %s: [128] (two integers from 1; copy config.json again)",
                        model.configFile());
    }
}
