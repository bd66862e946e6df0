package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import nighttrain.io.ModelDir;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsCheckpointTest {
    @TempDir
    Path dir;

    private static float[] all(CheckpointTensor tensor) {
        float[] values = new float[(int) tensor.size()];
        tensor.copyTo(0, values, 0, values.length);
        return values;
    }

    @Test
    void everyDtypeIsWidened() {
        ModelDir.of(dir, "llama").write();
        new SafetensorsFile()
                .fp32("f32", "[2, 2]", 1.5f, -0f, Float.MAX_VALUE, Float.MIN_VALUE)
                .bits16("f16", "F16", "[3]", 0x3c00, 0xc000, 0x0001)
                .bits16("bf16", "BF16", "[3, 1]", 0x3f80, 0xc000, 0x7f80)
                .fp32("empty", "[0, 5]")
                .fp32("scalar", "[]", 7)
                .write(dir.resolve("model.safetensors"));
        try (Checkpoint checkpoint = Checkpoints.open(dir)) {
            assertThat(checkpoint.spec().hiddenSize()).isEqualTo(32);
            assertThat(all(checkpoint.tensor("f32", 2, 2)))
                    .containsExactly(1.5f, -0f, Float.MAX_VALUE, Float.MIN_VALUE);
            assertThat(all(checkpoint.tensor("f16", 3))).containsExactly(1, -2, 0x1p-24f);
            assertThat(all(checkpoint.tensor("bf16", 3, 1))).containsExactly(1, -2, Float.POSITIVE_INFINITY);
            assertThat(all(checkpoint.tensor("empty", 0, 5))).isEmpty();
            assertThat(all(checkpoint.tensor("scalar"))).containsExactly(7);
            CheckpointTensor tensor = checkpoint.tensor("bf16", 3, 1);
            assertThat(tensor.dtype()).isEqualTo(DType.BF16);
            assertThat(tensor.shape()).isEqualTo(List.of(3L, 1L));
            assertThat(tensor.name()).isEqualTo("bf16");
            assertThat(checkpoint.has("f16")).isTrue();
            assertThat(checkpoint.has("__metadata__")).isFalse();
        }
    }

    @Test
    void aPieceGoesWhereItIsWanted() {
        ModelDir.of(dir, "llama").write();
        new SafetensorsFile()
                .bits16("w", "BF16", "[4]", 0x3f80, 0x4000, 0x4040, 0x4080)
                .write(dir.resolve("x.safetensors"));
        CheckpointTensor tensor = Checkpoints.open(dir).tensor("w", 4);
        float[] target = new float[5];
        tensor.copyTo(1, target, 2, 2);
        assertThat(target).containsExactly(0, 0, 2, 3, 0);
        assertThatThrownBy(() -> tensor.copyTo(3, target, 0, 2)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.copyTo(0, target, 3, 3)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.copyTo(-1, target, 0, 1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void shardsMakeOneModel() {
        ModelDir.of(dir, "llama").write().file("model.safetensors.index.json", """
                        {"metadata": {"total_size": 16},
                         "weight_map": {"a": "m-1-of-2.safetensors", "b": "m-2-of-2.safetensors"}}""");
        new SafetensorsFile().fp32("a", "[2]", 1, 2).fp32("b", "[1]", -1).write(dir.resolve("m-1-of-2.safetensors"));
        new SafetensorsFile().fp32("b", "[2]", 3, 4).write(dir.resolve("m-2-of-2.safetensors"));
        try (Checkpoint checkpoint = Checkpoints.open(dir)) {
            assertThat(all(checkpoint.tensor("a", 2))).containsExactly(1, 2);
            assertThat(all(checkpoint.tensor("b", 2)))
                    .as("from the shard that the index names")
                    .containsExactly(3, 4);
        }
    }

    @Test
    void threadsReadTheSameTensor() throws Exception {
        ModelDir.of(dir, "llama").write();
        float[] values = new float[100_000];
        for (int i = 0; i < values.length; i++) {
            values[i] = i;
        }
        new SafetensorsFile().fp32("w", "[100000]", values).write(dir.resolve("model.safetensors"));
        CheckpointTensor tensor = Checkpoints.open(dir).tensor("w", values.length);
        ExecutorService threads = Executors.newFixedThreadPool(8);
        try {
            List<Future<Boolean>> checks = IntStream.range(0, 200)
                    .mapToObj(i -> threads.submit(() -> {
                        int from = i * 311;
                        float[] part = new float[1000];
                        tensor.copyTo(from, part, 0, part.length);
                        return Arrays.equals(part, Arrays.copyOfRange(values, from, from + 1000));
                    }))
                    .toList();
            for (Future<Boolean> check : checks) {
                assertThat(check.get(30, TimeUnit.SECONDS)).isTrue();
            }
        } finally {
            threads.shutdownNow();
        }
    }
}
