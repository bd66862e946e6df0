package nighttrain.jobs.compare;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.perf.ModelFootprint;
import nighttrain.jobs.bench.LoneEngine;
import nighttrain.jobs.bench.Round;
import nighttrain.pipeline.job.Files;

/**
 * A measured round of one cell.
 *
 * @param cell the measured cell
 * @param round round of the cell, from 1
 * @param at time at which the round ended, in milliseconds since 1970
 * @param engine engine that ran the round
 * @param measured counts and times
 * @param figures figures by name, with the unit in the name; null where there was nothing to measure
 */
public record FinishedRound(Cell cell, int round, long at, Opened engine, Round measured, Map<String, Double> figures) {
    /** Another version may continue a comparison: it ignores fields that it does not know, and reads missing counts as 0. */
    private static final JsonMapper JSON = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    public FinishedRound {
        figures = Collections.unmodifiableMap(new LinkedHashMap<>(figures));
    }

    /** Returns the round as the journal stores it. */
    String json() {
        return Files.unchecked(() -> JSON.writeValueAsString(this));
    }

    static FinishedRound parse(String json) {
        return Files.unchecked(() -> JSON.readValue(json, FinishedRound.class));
    }

    /**
     * The engine that ran a round.
     *
     * @param modelFingerprint fingerprint of the model's content
     * @param footprint size of the model and number of its all-reduces
     * @param plan sizes that the engine chose
     * @param openS time to open the engine, in seconds; part of no figure
     */
    public record Opened(String modelFingerprint, ModelFootprint footprint, EnginePlan plan, double openS) {
        static Opened of(LoneEngine engine) {
            return new Opened(engine.modelFingerprint(), engine.footprint(), engine.plan(), engine.openS());
        }
    }
}
