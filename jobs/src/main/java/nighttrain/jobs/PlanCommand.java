package nighttrain.jobs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nighttrain.executor.HardwareProfile;
import nighttrain.pipeline.PlanJob;
import nighttrain.pipeline.plan.Plan;
import nighttrain.pipeline.plan.PlanOptions;
import nighttrain.pipeline.plan.PlanSettings;
import nighttrain.pipeline.settings.SettingValues;
import org.apache.hadoop.fs.FileUtil;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/** {@code nighttrain plan}: what a job will take, before it is run. */
final class PlanCommand implements Command {
    private static final String JSON = "--json";
    private static final String CPU = "cpu";

    private final Terminal terminal;

    PlanCommand(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public CommandSpec spec() {
        CommandSpec command = CommandSpec.create().name("plan");
        command.usageMessage()
                .description("Tells what a job will take: tokens, layouts, time, GPU-hours, cost.")
                .customSynopsis("nighttrain plan --model DIR --input PATH [options]")
                .sortOptions(false);
        Map<String, List<OptionSpec>> options = SettingOptions.byHeading(PlanSettings.all());
        OptionSpec json = OptionSpec.builder(JSON)
                .type(Path.class)
                .paramLabel("FILE")
                .description("write the plan to this local file, too, for generate --plan; an old one is replaced")
                .build();
        options.put("This run", List.of(json, Help.option()));
        options.values().forEach(group -> group.forEach(command::addOption));
        Help.group(command, options);
        return command;
    }

    @Override
    public ExitCode run(ParseResult parsed) throws IOException {
        Map<String, Object> given = new LinkedHashMap<>(SettingOptions.given(parsed, PlanSettings.all()));
        PlanOptions options = options(given);
        Optional<BenchFile> file =
                Optional.<Path>ofNullable(parsed.matchedOptionValue(JSON, null)).map(BenchFile::at);
        Path scratch = Files.createTempDirectory("nighttrain-plan");
        try (ProgressBar bar = new ProgressBar(terminal)) {
            Plan plan = plan(options, scratch, bar);
            bar.close();
            terminal.out().print(PlanTable.of(plan));
            file.ifPresent(json -> json.write(PlanJson.of(plan)));
            return ExitCode.FINISHED;
        } finally {
            FileUtil.fullyDelete(scratch.toFile());
        }
    }

    private static PlanOptions options(Map<String, Object> given) {
        Optional<String> hardware = PlanOptions.find(given, PlanSettings.HARDWARE);
        Optional<HardwareProfile> profile = hardware.map(HardwareReader::read);
        Optional<Double> usd = PlanOptions.find(given, PlanSettings.PRICES)
                .map(prices -> HardwareReader.price(Path.of(prices), hardware.orElse(CPU)));
        return PlanOptions.of(given, profile, usd);
    }

    /** Spark opens no engine of its own accord: the trial does, where there is one. */
    private static Plan plan(PlanOptions options, Path scratch, ProgressBar bar) {
        bar.phase("Starting Spark");
        SparkSession spark = Sessions.open(Sessions.conf(Optional.empty(), Map.of()), SettingValues.none());
        try {
            return new PlanJob(spark, options, scratch, bar::phase).run();
        } finally {
            spark.stop();
        }
    }
}
