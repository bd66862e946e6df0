package nighttrain.executor.benchmark;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.executor.model.Decoder;
import nighttrain.executor.step.StepLimits;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Measures loading a bf16 checkpoint of dense-8b's shape, in shards of 4 layers, from disk onto one GPU: cold (after dropping the page cache,
 * which needs root) and warm. Also measures only reading the files with as many threads. {@code -Dbench.layers=32 -Dbench.folder=DIR}.
 */
@Tag("gpu")
@Tag("benchmark")
@Timeout(600)
class WeightLoadBenchmark {
    private static final int LAYERS_PER_SHARD = 4;
    private static final int CHUNK = 16 << 20;
    private static final Path SHAPE = Path.of(System.getProperty("nighttrain.root", "."), "conf", "shapes", "dense-8b");

    private final int layers = Integer.getInteger("bench.layers", 32);

    private record Shard(Path file, Map<String, long[]> tensors) {}

    @Test
    void coldAndWarm(@TempDir Path temporary) throws Exception {
        Path folder = Files.createDirectories(Path.of(System.getProperty("bench.folder", temporary.toString())));
        List<Shard> shards = shards(folder);
        long start = System.nanoTime();
        shards.parallelStream().forEach(WeightLoadBenchmark::write);
        long bytes = 0;
        for (Shard shard : shards) {
            bytes += Files.size(shard.file);
        }
        writeConfigAndIndex(folder, shards);
        report("written", bytes, start);
        dropCaches();
        start = System.nanoTime();
        shards.parallelStream().forEach(WeightLoadBenchmark::read);
        report("read alone, cold, " + Runtime.getRuntime().availableProcessors() + " threads", bytes, start);
        dropCaches();
        load("loaded, cold", folder, bytes);
        load("loaded, warm", folder, bytes);
        load("loaded, warm again", folder, bytes);
    }

    private static final StepLimits LIMITS = new StepLimits(8, 64, 0, 1_024);
    private static final CacheLayout LAYOUT = CacheLayout.ofPages(16, 64);

    private static void load(String what, Path folder, long bytes) {
        try (Checkpoint checkpoint = Checkpoints.open(folder);
                Device device = CudaDevices.ranks(List.of(0), LIMITS, LAYOUT).get(0)) {
            long start = System.nanoTime();
            Decoder.load(checkpoint, device, LIMITS, LAYOUT);
            device.read(device.tensor("probe", 1, 1, 8));
            report(what, bytes, start);
        }
    }

    private static void report(String what, long bytes, long start) {
        double seconds = (System.nanoTime() - start) / 1e9;
        System.out.printf("%s: %.2f GB in %.2f s, %.2f GB/s%n", what, bytes / 1e9, seconds, bytes / 1e9 / seconds);
    }

    private static void dropCaches() throws Exception {
        Process sync = new ProcessBuilder("sh", "-c", "sync; echo 3 > /proc/sys/vm/drop_caches")
                .inheritIO()
                .start();
        System.out.println(sync.waitFor() == 0 ? "caches dropped" : "caches NOT dropped: cold figures are warm");
    }

    private List<Shard> shards(Path folder) {
        List<Shard> shards = new ArrayList<>();
        Map<String, long[]> ends = new LinkedHashMap<>();
        ends.put("model.embed_tokens.weight", new long[] {128_256, 4_096});
        ends.put("model.norm.weight", new long[] {4_096});
        ends.put("lm_head.weight", new long[] {128_256, 4_096});
        shards.add(new Shard(folder.resolve("model-ends.safetensors"), ends));
        for (int first = 0; first < layers; first += LAYERS_PER_SHARD) {
            Map<String, long[]> tensors = new LinkedHashMap<>();
            for (int layer = first; layer < Math.min(layers, first + LAYERS_PER_SHARD); layer++) {
                addLayer(tensors, "model.layers." + layer + ".");
            }
            shards.add(new Shard(folder.resolve("model-" + first + ".safetensors"), tensors));
        }
        return shards;
    }

    private static void addLayer(Map<String, long[]> tensors, String prefix) {
        tensors.put(prefix + "input_layernorm.weight", new long[] {4_096});
        tensors.put(prefix + "self_attn.q_proj.weight", new long[] {4_096, 4_096});
        tensors.put(prefix + "self_attn.k_proj.weight", new long[] {1_024, 4_096});
        tensors.put(prefix + "self_attn.v_proj.weight", new long[] {1_024, 4_096});
        tensors.put(prefix + "self_attn.o_proj.weight", new long[] {4_096, 4_096});
        tensors.put(prefix + "post_attention_layernorm.weight", new long[] {4_096});
        tensors.put(prefix + "mlp.gate_proj.weight", new long[] {14_336, 4_096});
        tensors.put(prefix + "mlp.up_proj.weight", new long[] {14_336, 4_096});
        tensors.put(prefix + "mlp.down_proj.weight", new long[] {4_096, 14_336});
    }

    private static void write(Shard shard) {
        StringBuilder header = new StringBuilder("{");
        long at = 0;
        for (Map.Entry<String, long[]> tensor : shard.tensors.entrySet()) {
            long size = 2;
            StringBuilder shape = new StringBuilder();
            for (long dimension : tensor.getValue()) {
                size *= dimension;
                shape.append(shape.length() == 0 ? "" : ",").append(dimension);
            }
            header.append(header.length() == 1 ? "" : ",")
                    .append(String.format(
                            "\"%s\":{\"dtype\":\"BF16\",\"shape\":[%s],\"data_offsets\":[%d,%d]}",
                            tensor.getKey(), shape, at, at + size));
            at += size;
        }
        byte[] json = header.append('}').toString().getBytes(StandardCharsets.UTF_8);
        try (RandomAccessFile file = new RandomAccessFile(shard.file.toFile(), "rw")) {
            ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(java.nio.ByteOrder.LITTLE_ENDIAN);
            file.write(length.putLong(json.length).array());
            file.write(json);
            byte[] noise = new byte[CHUNK];
            new Random(1).nextBytes(noise);
            for (long left = at; left > 0; left -= CHUNK) {
                file.write(noise, 0, (int) Math.min(CHUNK, left));
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static void read(Shard shard) {
        try (FileChannel channel = FileChannel.open(shard.file)) {
            long size = channel.size();
            int chunks = (int) ((size + CHUNK - 1) / CHUNK);
            IntStream.range(0, chunks).parallel().forEach(chunk -> {
                try {
                    channel.read(ByteBuffer.allocateDirect(CHUNK), (long) chunk * CHUNK);
                } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private void writeConfigAndIndex(Path folder, List<Shard> shards) throws IOException {
        String config = Files.readString(SHAPE.resolve("config.json"))
                .replace("\"num_hidden_layers\": 32", "\"num_hidden_layers\": " + layers);
        Files.writeString(folder.resolve("config.json"), config);
        StringBuilder index = new StringBuilder("{\"weight_map\":{");
        for (Shard shard : shards) {
            for (String name : shard.tensors.keySet()) {
                index.append(index.charAt(index.length() - 1) == '{' ? "" : ",")
                        .append(String.format("\"%s\":\"%s\"", name, shard.file.getFileName()));
            }
        }
        Files.writeString(folder.resolve("model.safetensors.index.json"), index.append("}}"));
    }
}
