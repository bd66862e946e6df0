package nighttrain.jobs.compare;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FindingsTest {
    @Test
    void replicasThatBeatEveryArchitectureAreSaidToDoSo() {
        MadeResult made = new MadeResult()
                .with("dense", "1x4", 1000, 1010)
                .with("track-d8", "1x4", 1170, 1180)
                .with("dense", "4x1", 1500, 1520)
                .with("track-d8", "4x1", 1490, 1500);

        assertThat(Findings.of(made.result()))
                .containsExactly(
                        "1024/128: track-d8 is fastest on 1x4, 1.17 of dense.",
                        "1024/128: replicas win. dense 4x1 makes 1.29 of track-d8 1x4, the fastest of all models on several"
                                + " ranks. Where one device holds the model, copies that need no communication beat every"
                                + " architecture.");
    }

    @Test
    void soAreRanks() {
        MadeResult made = new MadeResult()
                .with("dense", "1x4", 1000, 1010)
                .with("track-d8", "1x4", 900, 910)
                .with("dense", "4x1", 500, 520);

        assertThat(Findings.of(made.result()))
                .containsExactly(
                        "1024/128: no model is shown to be faster than dense on 1x4; track-d8 has 0.90.",
                        "1024/128: ranks win. dense 1x4 makes 1.97 of dense 4x1, the fastest of the replicas.");
    }

    @Test
    void whatLiesWithinTheSpreadIsNoFinding() {
        MadeResult made = new MadeResult()
                .with("dense", "1x4", 900, 1100)
                .with("track-d8", "1x4", 1050, 1250)
                .with("dense", "4x1", 1100, 1220);

        assertThat(Findings.of(made.result()))
                .containsExactly(
                        "1024/128: no model is shown to be faster than dense on 1x4; track-d8 has 1.15, within the spread of"
                                + " the rounds.",
                        "1024/128: replicas and ranks are level. dense 4x1 makes 1.01 of track-d8 1x4, within the spread of"
                                + " the rounds.");
    }

    @Test
    void oneRoundShowsNoSpreadAndIsTakenAtItsWord() {
        MadeResult made = new MadeResult().with("dense", "1x4", 1000).with("track-d8", "1x4", 1001);

        assertThat(Findings.of(made.result())).hasSize(1);
    }

    @Test
    void withoutFiguresThereIsNothingToSay() {
        assertThat(Findings.of(new MadeResult().result())).isEmpty();
        assertThat(Findings.of(new MadeResult().with("dense", "4x1", 1000).result()))
                .isEmpty();
    }
}
