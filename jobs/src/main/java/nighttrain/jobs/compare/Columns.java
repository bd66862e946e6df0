package nighttrain.jobs.compare;

import java.util.LinkedHashMap;
import java.util.Map;

/** The columns of a comparison's tables that say what a line is about. */
final class Columns {
    private Columns() {}

    static Map<String, Object> of(Cell cell) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("model", cell.contender());
        line.put("layout", cell.layout().toString());
        line.put("replicas", (long) cell.layout().replicas());
        line.put("ranks", (long) cell.layout().ranks());
        line.put("devices", (long) cell.layout().devices());
        line.put("workload", cell.load());
        line.put("without_sums", cell.visit().bound());
        return line;
    }

    static Map<String, Object> of(NamedWorkload load) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("prompts", (long) load.load().numPrompts());
        line.put("longest_prompt", load.load().longest());
        line.put("output_len", (long) load.load().outputLen());
        line.put("max_concurrency", (long) load.load().maxConcurrency());
        return line;
    }

    /** Nulls where there is no engine. */
    static Map<String, Object> of(java.util.Optional<Opened> engine) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put(
                "architecture",
                engine.map(opened -> opened.plan().architecture()).orElse(null));
        line.put(
                "backend",
                engine.map(opened -> opened.plan().backend().name().toLowerCase(java.util.Locale.ROOT))
                        .orElse(null));
        line.put(
                "parameters",
                engine.map(opened -> opened.footprint().parameters()).orElse(null));
        line.put(
                "blocking_syncs",
                engine.map(opened -> (long) opened.footprint().blockingSyncs()).orElse(null));
        line.put(
                "overlapped_syncs",
                engine.map(opened -> (long) opened.footprint().overlappedSyncs())
                        .orElse(null));
        line.put("model_fingerprint", engine.map(Opened::modelFingerprint).orElse(null));
        return line;
    }
}
