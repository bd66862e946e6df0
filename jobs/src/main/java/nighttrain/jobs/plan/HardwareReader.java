package nighttrain.jobs.plan;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import nighttrain.executor.perf.AllReduceLatency;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.jobs.cli.YamlFile;

/** Reads hardware and prices by name: {@code h200} is conf/hardware/h200.yaml; a name that ends in .yaml is a file. */
public final class HardwareReader {
    private static final ObjectMapper STRICT = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES);
    private static final double TERA = 1e12;
    private static final double MICROS = 1e6;
    private static final int KIB = 1 << 10;
    private static final double GIB = 1 << 30;
    private static final String YAML = ".yaml";
    private static final Path FOLDER = Path.of("conf", "hardware");

    private HardwareReader() {}

    /**
     * Returns the hardware profile of a name or of a file.
     *
     * @throws UserError for a name without a file, with the known names
     */
    public static HardwareProfile read(String name) {
        Path file = name.endsWith(YAML) ? Path.of(name) : folder().resolve(name + YAML);
        if (!Files.isRegularFile(file)) {
            throw UserError.of(
                    "unknown hardware",
                    name,
                    "there are " + String.join(", ", names()) + "; choose one, or give a file like those of " + FOLDER);
        }
        return parse(file, new YamlFile(file, "hardware profile", "YAML, a key a line").read());
    }

    /** Returns the price of an hour of one GPU of this name, in USD; of a node, where the name is {@code cpu}. */
    public static double price(Path file, String hardware) {
        JsonNode prices = new YamlFile(file, "price file", "YAML, hardware: USD per hour").read();
        String name = Path.of(hardware).getFileName().toString().replace(YAML, "");
        JsonNode price = prices.path(name);
        if (!price.isNumber() || price.asDouble() < 0) {
            throw UserError.of(
                    "no price",
                    name,
                    "USD per hour is needed, and " + file + " has " + String.join(", ", keys(prices)) + "; add "
                            + name);
        }
        return price.asDouble();
    }

    private static List<String> keys(JsonNode prices) {
        return prices.properties().stream().map(java.util.Map.Entry::getKey).toList();
    }

    public static List<String> names() {
        try (Stream<Path> files = Files.list(folder())) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(YAML))
                    .map(name -> name.substring(0, name.length() - YAML.length()))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the folder of hardware profiles in the clone that runs. */
    private static Path folder() {
        Path code = Path.of(HardwareReader.class
                        .getProtectionDomain()
                        .getCodeSource()
                        .getLocation()
                        .getPath())
                .toAbsolutePath();
        for (Path above = code; above != null; above = above.getParent()) {
            if (Files.isDirectory(above.resolve(FOLDER))) {
                return above.resolve(FOLDER);
            }
        }
        throw UserError.of("no " + FOLDER, code, "it lies in the clone; give --hardware a file instead");
    }

    /**
     * Parses a profile.
     *
     * @throws UserError where a key is missing or unknown, or a value is not a number
     */
    private static HardwareProfile parse(Path file, JsonNode yaml) {
        try {
            return STRICT.treeToValue(yaml, Written.class).profile();
        } catch (JsonProcessingException | IllegalArgumentException e) {
            String why = e instanceof JsonProcessingException json ? json.getOriginalMessage() : e.getMessage();
            throw UserError.of("bad hardware profile", file, why + "; see conf/hardware for examples", e);
        }
    }

    /**
     * A profile as written in YAML: in customary units; every key is required.
     *
     * @param sumsUs microseconds of an all-reduce, by ranks and KiB
     */
    private record Written(
            String name,
            double memoryGib,
            double copyTBPerS,
            double matrixTflopPerS,
            double copyShare,
            double matrixShare,
            double layerOverheadUs,
            Map<Integer, Map<Integer, Double>> sumsUs) {
        HardwareProfile profile() {
            return new HardwareProfile(
                    name,
                    (long) (memoryGib * GIB),
                    copyTBPerS * TERA,
                    matrixTflopPerS * TERA,
                    copyShare,
                    matrixShare,
                    layerOverheadUs / MICROS,
                    sums(),
                    Bfloat16.BYTES);
        }

        private AllReduceLatency sums() {
            Map<Integer, Map<Long, Double>> seconds = new TreeMap<>();
            sumsUs.forEach((ranks, points) -> {
                Map<Long, Double> ofRanks = seconds.computeIfAbsent(ranks, unused -> new TreeMap<>());
                points.forEach((kib, micros) -> ofRanks.put((long) kib * KIB, micros / MICROS));
            });
            return new AllReduceLatency(seconds);
        }
    }
}
