package nighttrain.jobs.compare;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FinishedRoundTest {
    private static final FinishedRound ROUND =
            new MadeResult().with("track-d8", "1x4", 1000).result().rounds().get(0);

    @Test
    void roundOfAnEarlierVersionIsReadAgain() {
        String earlier = ROUND.json()
                .replace("\"candidate\":\"track-d8\"", "\"contender\":\"track-d8\"")
                .replace("\"workload\":\"1024/128\"", "\"load\":\"1024/128\"");
        assertThat(earlier).contains("contender", "\"load\"").doesNotContain("candidate", "workload");
        assertThat(FinishedRound.parse(earlier)).isEqualTo(ROUND);
    }

    @Test
    void whatAnotherVersionCountedIsNoHindrance() {
        String earlier = ROUND.json()
                .replaceAll("\"syncBytesPerToken\":\\d+", "\"syncElementsPerToken\":512")
                .replace("\"snapshots\":0,", "");
        assertThat(earlier).contains("syncElementsPerToken").doesNotContain("syncBytesPerToken", "snapshots");
        FinishedRound read = FinishedRound.parse(earlier);
        assertThat(read.figures()).isEqualTo(ROUND.figures());
        assertThat(read.engine().plan()).isEqualTo(ROUND.engine().plan());
        assertThat(read.engine().footprint().blockingSyncs())
                .isEqualTo(ROUND.engine().footprint().blockingSyncs());
    }
}
