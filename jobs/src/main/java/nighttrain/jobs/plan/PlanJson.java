package nighttrain.jobs.plan;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import nighttrain.jobs.plan.Plan.Option;
import nighttrain.jobs.plan.Plan.Option.Expected;
import nighttrain.pipeline.partition.FleetSimulation.FleetForecast;

/** The keys of {@code plan --json}, in the order in which they are written; README.md says what they mean. */
final class PlanJson {
    private PlanJson() {}

    static ObjectNode of(Plan plan) {
        ObjectNode json = object();
        // generate --plan reads these.
        json.put("model_fingerprint", plan.names().fingerprint());
        json.put("layout", plan.best().layout().toString());
        json.put("rows", plan.sample().rows());
        json.put("prompt_tokens", Math.round(plan.sample().promptTokens()));
        json.put("output_tokens", Math.round(plan.sample().outputTokens()));
        json.put("output_tokens_per_s", plan.outputTokensPerS());
        json.put("generating_s", plan.cost().generatingS());
        json.put("wall_s", plan.cost().wallS());
        json.put("model", plan.names().model());
        json.put("architecture", plan.names().architecture());
        json.put("hardware", plan.names().hardware());
        json.put("nodes", plan.nodes());
        json.put("gpus_per_node", plan.devicesPerNode());
        json.put("total_tokens_per_s", plan.totalTokensPerS());
        json.put("gpu_hours", plan.gpuHours());
        json.put("usd", plan.cost().usd().orElse(null));
        json.set("sample", sample(plan.sample()));
        json.set("calibration", calibration(plan.calibration()));
        ArrayNode options = json.putArray("options");
        plan.options().forEach(option -> options.add(option(option)));
        plan.fleet().ifPresent(fleet -> json.set("simulation", fleet(fleet)));
        return json;
    }

    private static ObjectNode sample(Sample sample) {
        return object().put("rows", sample.lengths().size())
                .put("error_share", sample.errorShare())
                .put("mean_prompt_tokens", sample.meanPromptTokens())
                .put("mean_output_tokens", sample.meanOutputTokens())
                .put("longest_output_tokens", sample.longestOutput())
                .put("shared_prompt_tokens", sample.sharedTokens())
                .put("requests_per_row", sample.branches().size())
                .put("outputs_from", sample.source());
    }

    private static ObjectNode calibration(Calibration calibration) {
        return object().put("measured", calibration.isMeasured())
                .put("pace", calibration.pace())
                .put("cold_s", calibration.coldS())
                .put("rest_s", calibration.restS());
    }

    private static ObjectNode option(Option option) {
        ObjectNode json = object().put("layout", option.layout().toString())
                .put("works", option.works())
                .put("why", option.why());
        option.expected().ifPresent(expected -> put(json, expected));
        return json;
    }

    private static void put(ObjectNode json, Expected expected) {
        json.put("output_tokens_per_s_per_node", expected.outputTokensPerS());
        json.put("total_tokens_per_s_per_node", expected.totalTokensPerS());
        json.put("generating_s", expected.nodeS());
        json.put("comm_share", expected.communicationShare());
        json.put("running_sequences", expected.runningSequences());
        json.put("memory_bytes_per_gpu", expected.bytesPerDevice());
        json.put("max_num_seqs", expected.maxNumSeqs());
        expected.choice().ifPresent(choice -> json.put("batch", choice));
    }

    private static ObjectNode fleet(FleetForecast fleet) {
        return object().put("seconds", fleet.seconds())
                .put("busy_share", fleet.busyShare())
                .put("tasks", fleet.tasks())
                .put("failures", fleet.failures());
    }

    private static ObjectNode object() {
        return JsonNodeFactory.instance.objectNode();
    }
}
