package nighttrain.jobs.plan;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import nighttrain.jobs.cli.Figures;
import nighttrain.jobs.plan.Plan.Option;
import nighttrain.jobs.plan.Plan.Option.Expected;
import nighttrain.pipeline.partition.FleetSimulation.FleetForecast;

/** The table that {@code plan} prints. */
final class PlanTable {
    private static final String LINE = "  %-8s%12s%12s%10s  %s";

    private final Plan plan;
    private final List<String> lines = new ArrayList<>();

    private PlanTable(Plan plan) {
        this.plan = plan;
    }

    static String of(Plan plan) {
        return new PlanTable(plan).text();
    }

    private String text() {
        rows();
        lines.add("");
        String rate = plan.sample().hasOutputs() ? "output/s" : "rows/s";
        lines.add(String.format(Locale.ROOT, LINE, "layout", rate, "takes", "GPU", "why"));
        plan.options().forEach(option -> lines.add(line(option)));
        lines.add("");
        expectation();
        plan.fleet().ifPresent(this::fleet);
        return String.join("\n", lines.stream().map(String::stripTrailing).toList()) + "\n";
    }

    private void rows() {
        Sample sample = plan.sample();
        if (sample.hasOutputs()) {
            lines.add(String.format(
                    Locale.ROOT,
                    "%s: %s prompt and %s output tokens (%s and %s a row, of %s sampled)",
                    Figures.count(sample.rows(), "row"),
                    Figures.count(Math.round(sample.promptTokens())),
                    Figures.count(Math.round(sample.outputTokens())),
                    Figures.rate(sample.meanPromptTokens()),
                    Figures.rate(sample.meanOutputTokens()),
                    Figures.count(sample.lengths().size())));
            line("outputs", "as long as those of " + sample.source());
        } else {
            lines.add(String.format(
                    Locale.ROOT,
                    "%s: %s prompt tokens (%s a row, of %s sampled)",
                    Figures.count(sample.rows(), "row"),
                    Figures.count(Math.round(sample.promptTokens())),
                    Figures.rate(sample.meanPromptTokens()),
                    Figures.count(sample.lengths().size())));
            line("scores", "of " + Figures.count(sample.branches().size(), "request") + " a row; no outputs");
        }
        if (sample.errorShare() > 0) {
            line("errors", String.format(Locale.ROOT, "%.1f %% of the rows", 100 * sample.errorShare()));
        }
        line("model", plan.names().model() + ", " + plan.names().architecture());
        line(
                "on",
                Figures.count(plan.nodes(), "node") + ", each " + plan.names().hardware());
    }

    private String line(Option option) {
        return option.expected()
                .map(expected -> String.format(
                        Locale.ROOT,
                        LINE,
                        option.layout(),
                        Figures.rate(plan.nodes()
                                * (plan.sample().hasOutputs() ? expected.outputTokensPerS() : expected.rowsPerS())),
                        clock(expected.nodeS()),
                        memory(expected),
                        option.why()))
                .orElseGet(() -> String.format(Locale.ROOT, LINE, option.layout(), "-", "-", "-", option.why()));
    }

    private void expectation() {
        line(
                "tokens/s",
                plan.sample().hasOutputs()
                        ? Figures.rate(plan.outputTokensPerS()) + " output, " + Figures.rate(plan.totalTokensPerS())
                                + " with prompts, while generating" + coldStart()
                        : Figures.rate(plan.totalTokensPerS()) + " of prompts, while scoring" + coldStart());
        line(
                "finish",
                "after " + clock(plan.cost().wallS())
                        + (plan.calibration().isMeasured()
                                ? ", from the start of Spark to the last file"
                                : ", the start of Spark and engines aside"));
        if (plan.devicesPerNode() > 0) {
            line("GPU-hours", Figures.rate(plan.gpuHours()));
        }
        plan.cost().usd().ifPresent(usd -> line("cost", Figures.rate(usd) + " USD"));
        plan.best().expected().flatMap(Expected::choice).ifPresent(choice -> line("batch", choice));
        line("by", plan.calibration().isMeasured() ? "a trial on what is here" : "the hardware's profile; no trial");
    }

    /** Returns the time of a slower start, which the table of layouts leaves out. */
    private String coldStart() {
        double coldS = plan.calibration().coldS();
        return coldS > 0 ? ", " + clock(coldS) + " of a slower start included" : "";
    }

    private void fleet(FleetForecast fleet) {
        line(
                "simulated",
                String.format(
                        Locale.ROOT,
                        "%s, %s, nodes busy %.1f %% of the time",
                        Figures.count(fleet.tasks(), "task"),
                        Figures.count(fleet.failures(), "failure"),
                        100 * fleet.busyShare()));
    }

    private void line(String name, String text) {
        lines.add(String.format(Locale.ROOT, "  %-10s%s", name, text));
    }

    private static String clock(double seconds) {
        return Figures.clock(Duration.ofMillis(Math.round(1000 * seconds)));
    }

    private static String memory(Expected expected) {
        return expected.bytesPerDevice() == 0
                ? "-"
                : String.format(Locale.ROOT, "%.1f GiB", expected.bytesPerDevice() / (double) (1L << 30));
    }
}
