package nighttrain.pipeline.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FingerprintTest {
    @Test
    void survivesItsFile() {
        Fingerprint fingerprint = new Fingerprint(Map.of("prompt", "a\nb \ud83d\ude82"));
        assertThat(Fingerprint.fromJson(fingerprint.toJson())).isEqualTo(fingerprint);
        assertThat(Fingerprint.fromJson(fingerprint.toJson()).digest()).isEqualTo(fingerprint.digest());
    }

    @Test
    void changesAreNamedInOneLine() {
        Map<String, String> now = new LinkedHashMap<>();
        now.put("model", "abc");
        now.put("prompt", "x".repeat(100));
        now.put("seed", "1");
        Fingerprint earlier = new Fingerprint(Map.of("model", "abc", "prompt", "a\nb", "gone", "1"));
        assertThat(new Fingerprint(now).changesSince(earlier))
                .containsExactly("prompt a\\nb -> " + "x".repeat(60) + "...", "seed (none) -> 1", "gone 1 -> (none)");
    }

    @Test
    void aBrokenFileIsAnotherJob() {
        assertThat(new Fingerprint(Map.of("a", "b")).changesSince(Fingerprint.fromJson("{")))
                .isNotEmpty();
    }
}
