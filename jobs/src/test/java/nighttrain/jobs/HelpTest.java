package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import nighttrain.jobs.cli.ExitCode;
import nighttrain.pipeline.settings.Setting;
import nighttrain.pipeline.settings.Setting.SettingGroup;
import nighttrain.pipeline.settings.Settings;
import org.junit.jupiter.api.Test;

class HelpTest {
    @Test
    void listsTheCommandsThatExist() {
        Outcome outcome = Outcome.of("--help");

        List<String> lines = outcome.out().lines().toList();
        List<String> commands = lines.subList(lines.indexOf("Commands:") + 1, lines.size());
        assertThat(commands.get(0)).startsWith("  generate ");
        assertThat(commands.get(1)).startsWith("  label ");
        assertThat(commands.get(2)).startsWith("  compare ");
        assertThat(commands.get(3)).startsWith("  plan ");
        assertThat(commands.get(4)).startsWith("  inspect ");
        assertThat(commands.get(5)).startsWith("  bench ");
        assertThat(lines).anySatisfy(line -> assertThat(line).contains("--version"));
        assertThat(outcome.exitCode()).isEqualTo(ExitCode.FINISHED);
        assertThat(outcome.messages()).isEmpty();
    }

    @Test
    void namesEverySettingAndItsAliasesOnce() {
        List<String> generate = words("generate");
        List<String> label = words("label");

        for (Setting<?> setting : Settings.all()) {
            boolean isOfLabels = setting.group() == SettingGroup.LABELS;
            assertThat(isOfLabels ? label : generate)
                    .as(setting.name())
                    .contains(setting.option())
                    .containsAll(setting.aliasOptions());
            assertThat(isOfLabels ? generate : List.of()).as(setting.name()).doesNotContain(setting.option());
        }
        assertThat(label)
                .contains("--dedup", "--deadline")
                .doesNotContain("--temperature", "--max-tokens", "--token-ids");
    }

    private static List<String> words(String command) {
        return Arrays.asList(Outcome.of(command, "--help").out().split("[\\s,]+"));
    }

    @Test
    void ofBenchHasTheEnginesOptionsAndItsOwn() {
        String help = Outcome.of("bench", "--help").out();

        assertThat(help.split("[\\s,]+"))
                .contains("--model", "--load-format", "--tensor-parallel-size", "--threads", "--num-prompts", "--json")
                .doesNotContain("--input", "--temperature", "--output", "--master");
        assertThat(help.lines()).contains("Model", "Workload", "Engine", "This run");
    }

    @Test
    void ofCompareSaysHowItGoesOn() {
        String help = Outcome.of("compare", "--help").out();

        assertThat(help.split("[\\s,]+"))
                .contains("--config", "--output", "--overwrite", "--models", "--layouts", "--workloads");
        assertThat(help).contains("goes on after its last finished round");
        assertThat(help.lines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(110));
    }

    @Test
    void showsDefaultsAndHowToTurnThemOff() {
        String help = Outcome.of("generate", "--help").out();

        assertThat(help)
                .contains("(default: 5%)", "(default: 256)", "--resume=false")
                .doesNotContain("[]", "%%", "PARAM");
        assertThat(help.lines()).allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(110));
    }
}
