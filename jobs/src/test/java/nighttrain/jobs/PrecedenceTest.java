package nighttrain.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import nighttrain.jobs.cli.Help;
import nighttrain.jobs.cli.RunOptions;
import nighttrain.jobs.cli.Sessions;
import nighttrain.jobs.cli.Terminal;
import nighttrain.jobs.generate.GenerateCommand;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.ParseResult;

/** An option overrides Spark's conf, which overrides the file, which overrides the default. */
class PrecedenceTest {
    @TempDir
    Path folder;

    @Test
    void anOptionWinsOverConfAndFile() throws Exception {
        SettingValues values = values("maxTokens: 1", "--conf", "spark.nighttrain.maxTokens=2", "--max-tokens", "3");

        assertThat(values.get(Settings.MAX_TOKENS)).isEqualTo(3);
    }

    @Test
    void confWinsOverTheFile() throws Exception {
        SettingValues values = values("maxTokens: 1", "--conf", "spark.nighttrain.maxTokens=2");

        assertThat(values.get(Settings.MAX_TOKENS)).isEqualTo(2);
    }

    @Test
    void theFileWinsOverTheDefault() throws Exception {
        SettingValues values = values("maxTokens: 1\nstop: [\"a,b\", \"\\n\"]\nkeepColumns: [x, y]\nignoreEos: true");

        assertThat(values.get(Settings.MAX_TOKENS)).isEqualTo(1);
        assertThat(values.get(Settings.STOP)).containsExactly("a,b", "\n");
        assertThat(values.get(Settings.KEEP_COLUMNS)).containsExactly("x", "y");
        assertThat(values.get(Settings.IGNORE_EOS)).isTrue();
    }

    @Test
    void theDefaultHoldsWhereNothingIsSaid() throws Exception {
        SettingValues values = values("# nothing");

        assertThat(values.get(Settings.MAX_TOKENS))
                .isEqualTo(Settings.MAX_TOKENS.defaultValue().orElseThrow());
    }

    @Test
    void anAliasIsTheSameSetting() throws Exception {
        assertThat(values("ranks: 1", "--tensor-parallel-size", "4").get(Settings.RANKS))
                .isEqualTo(4);
    }

    @Test
    void aRepeatedOptionIsAListAndMayHoldAnything() throws Exception {
        SettingValues values = values("", "--stop", "a,b", "--stop", "@x", "--stop", "-1", "--stop=${y}");

        assertThat(values.get(Settings.STOP)).containsExactly("a,b", "@x", "-1", "${y}");
    }

    @Test
    void aSwitchCanBeTurnedOff() throws Exception {
        SettingValues values = values("", "--resume=false", "--ignore-eos");

        assertThat(values.get(Settings.RESUME)).isFalse();
        assertThat(values.get(Settings.IGNORE_EOS)).isTrue();
    }

    private SettingValues values(String file, String... options) throws Exception {
        List<String> arguments = new ArrayList<>(List.of(options));
        arguments.addAll(List.of(
                "--config",
                Files.writeString(folder.resolve("settings.yaml"), file).toString()));
        CommandLine command = Help.style(new CommandLine(new GenerateCommand(Terminal.system()).spec()), 0);
        ParseResult given = command.parseArgs(arguments.toArray(String[]::new));
        SparkConf conf = Sessions.conf(RunOptions.master(given), RunOptions.conf(given));
        return new GenerateCommand(Terminal.system()).settings(given, conf);
    }
}
