package nighttrain.jobs.bench;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import nighttrain.executor.EnginePlan;
import nighttrain.jobs.bench.BenchReport.Figure;
import nighttrain.pipeline.job.Versions;

/** The keys of {@code bench --json}, in the order in which they are written; README.md says what they mean. */
final class BenchJson {
    private BenchJson() {}

    static ObjectNode of(BenchReport report) {
        List<Figure> figures = Figure.of(report);
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("model", report.options().model().toString());
        json.put("model_fingerprint", report.modelFingerprint());
        json.put("parameters", report.footprint().parameters());
        json.put("architecture", report.plan().architecture());
        json.put("layout", report.plan().layout());
        json.put("devices", report.devices());
        json.set("engine", engine(report.plan()));
        json.put("open_s", report.openS());
        report.roofline()
                .ifPresent(roofline -> json.putObject("ceilings")
                        .put("copy_bytes_per_s", roofline.copyBytesPerSecond())
                        .put("bf16_flops_per_s", roofline.matrixFlopsPerSecond()));
        json.set("median", summary(figures, Figure::median));
        json.set("min", summary(figures, Figure::min));
        json.set("max", summary(figures, Figure::max));
        json.set("rounds", rounds(report, figures));
        json.set("versions", texts(Versions.withoutSpark()));
        json.set("machine", machine());
        json.set("settings", texts(report.options().settings()));
        return json;
    }

    private static ObjectNode engine(EnginePlan plan) {
        ObjectNode json = JsonNodeFactory.instance
                .objectNode()
                .put("backend", plan.backend().name().toLowerCase(Locale.ROOT))
                .put("replicas", plan.replicas())
                .put("ranks", plan.ranks())
                .put("max_num_seqs", plan.maxNumSeqs())
                .put("max_num_batched_tokens", plan.maxBatchTokens())
                .put("max_model_len", plan.maxModelLen())
                .put("page_tokens", plan.pageTokens())
                .put("kv_pages", plan.kvPages())
                .put("prefix_cache", plan.reusesPrefixes())
                .put("threads_per_rank", plan.threadsPerRank());
        plan.choice().ifPresent(choice -> json.put("batch", choice));
        return json;
    }

    private static ArrayNode rounds(BenchReport report, List<Figure> figures) {
        ArrayNode json = JsonNodeFactory.instance.arrayNode();
        for (int i = 0; i < report.rounds().size(); i++) {
            int index = i;
            ObjectNode round = counts(report.rounds().get(i));
            round.setAll(summary(figures, figure -> figure.values().get(index)));
            json.add(round);
        }
        return json;
    }

    private static ObjectNode counts(Round round) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("requests", round.requests())
                .put("prompt_tokens", round.promptTokens())
                .put("cached_prompt_tokens", round.cachedPromptTokens())
                .put("output_tokens", round.outputTokens())
                .put("total_tokens", round.totalTokens())
                .put("steps", round.steps())
                .put("preemptions", round.preemptions())
                .put("step_s", round.stepS())
                .put("busy_s", round.busyS())
                .put("comm_s", round.commS());
    }

    private static ObjectNode summary(List<Figure> figures, Function<Figure, Double> value) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        figures.forEach(figure -> json.put(figure.name(), value.apply(figure)));
        return json;
    }

    private static ObjectNode machine() {
        return JsonNodeFactory.instance
                .objectNode()
                .put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"))
                .put("arch", System.getProperty("os.arch"))
                .put("processors", Runtime.getRuntime().availableProcessors())
                .put("heap_max_bytes", Runtime.getRuntime().maxMemory());
    }

    private static ObjectNode texts(Map<String, String> texts) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        texts.forEach(json::put);
        return json;
    }
}
