package nighttrain.jobs.plan;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import nighttrain.executor.perf.AllReduceLatency;
import nighttrain.executor.perf.HardwareProfile;
import nighttrain.io.UserError;

/** A file of {@code conf/hardware}, as people write it: units that they think in, every key needed. */
public final class HardwareFile {
    private static final ObjectMapper STRICT = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES);
    private static final double TERA = 1e12;
    private static final double MICROS = 1e6;
    private static final int KIB = 1 << 10;
    private static final double GIB = 1 << 30;

    /** {@code sumsUs}: microseconds of an all-reduce by ranks and KiB. */
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
                    HardwareProfile.BF16_BYTES);
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

    private HardwareFile() {}

    /**
     * The profile that a file holds.
     *
     * @throws UserError where a key is missing, unknown or no number
     */
    public static HardwareProfile parse(Path file, JsonNode yaml) {
        try {
            return STRICT.treeToValue(yaml, Written.class).profile();
        } catch (JsonProcessingException | IllegalArgumentException e) {
            String why = e instanceof JsonProcessingException json ? json.getOriginalMessage() : e.getMessage();
            throw UserError.of("bad hardware profile", file, why + "; see conf/hardware for examples", e);
        }
    }
}
