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
 * @param cell what was measured
 * @param round which of its rounds, from 1
 * @param at when it ended, in milliseconds since 1970
 * @param engine that ran it
 * @param measured counts and times
 * @param figures by name, with units in it; null where there was nothing to measure
 */
public record FinishedRound(Cell cell, int round, long at, Opened engine, Round measured, Map<String, Double> figures) {
    /** A comparison may be continued by another version: what that does not know is passed over, counts that it misses are 0. */
    private static final JsonMapper JSON = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    public FinishedRound {
        figures = Collections.unmodifiableMap(new LinkedHashMap<>(figures));
    }

    /** As the journal keeps it. */
    String json() {
        return Files.unchecked(() -> JSON.writeValueAsString(this));
    }

    static FinishedRound parse(String json) {
        return Files.unchecked(() -> JSON.readValue(json, FinishedRound.class));
    }

    /**
     * The engine that ran a round.
     *
     * @param modelFingerprint names the model's content
     * @param footprint what the model weighs and how often its ranks meet
     * @param plan what the engine settled on
     * @param openS time to open it, in seconds; part of no figure
     */
    public record Opened(String modelFingerprint, ModelFootprint footprint, EnginePlan plan, double openS) {
        static Opened of(LoneEngine engine) {
            return new Opened(engine.modelFingerprint(), engine.footprint(), engine.plan(), engine.openS());
        }
    }
}
