package nighttrain.pipeline.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.spec.KvFormat;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.junit.jupiter.api.Test;

class JobFingerprintsTest {
    private static final SettingValues JOB =
            SettingValues.none().with(Settings.MODEL, "/model").with(Settings.OUTPUT_PATH, "/output");

    @Test
    void aSettingThatTheEarlierVersionLackedHadItsDefault() {
        Map<String, String> facts = new LinkedHashMap<>(of(JOB).facts());
        facts.remove("ignore-eos");
        facts.remove("limit");
        Fingerprint earlier = JobFingerprints.completed(new Fingerprint(facts));
        assertThat(of(JOB).changesSince(earlier)).isEmpty();
        assertThat(of(JOB.with(Settings.IGNORE_EOS, true)).changesSince(earlier))
                .containsExactly("ignore-eos false -> true");
        assertThat(of(JOB.with(Settings.LIMIT, 3L)).changesSince(earlier)).containsExactly("limit none -> 3");
    }

    @Test
    void aLaterSettingIsPartOfItWhereItIsNotTheDefault() {
        Fingerprint fp8 = of(JOB.with(Settings.KV_CACHE_DTYPE, KvFormat.Choice.FP8));
        assertThat(of(JOB).facts()).doesNotContainKey("kv-cache-dtype");
        assertThat(of(JOB.with(Settings.KV_CACHE_DTYPE, KvFormat.Choice.AUTO))).isEqualTo(of(JOB));
        assertThat(fp8.changesSince(of(JOB))).containsExactly("kv-cache-dtype (none) -> fp8");
        assertThat(of(JOB).changesSince(fp8)).containsExactly("kv-cache-dtype fp8 -> (none)");
    }

    @Test
    void whatChangesTheOutputChangesTheFingerprint() {
        assertThat(of(JOB.with(Settings.STOP, List.of("x")))).isNotEqualTo(of(JOB));
        assertThat(of(JOB.with(Settings.MAX_NUM_SEQS, 3).with(Settings.DEDUP, true)))
                .isEqualTo(of(JOB));
    }

    private static Fingerprint of(SettingValues values) {
        return JobFingerprints.of(GenerateOptions.of(values), "model", "input", "prompts", 64);
    }
}
