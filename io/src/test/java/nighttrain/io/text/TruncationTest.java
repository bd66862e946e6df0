package nighttrain.io.text;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TruncationTest {
    private static final int[] IDS = {1, 2, 3, 4};

    @Test
    void keepsTheSideThatIsWanted() {
        assertThat(Truncation.LEFT.apply(IDS, 3)).containsExactly(2, 3, 4);
        assertThat(Truncation.RIGHT.apply(IDS, 3)).containsExactly(1, 2, 3);
        assertThat(Truncation.NONE.apply(IDS, 3)).isSameAs(IDS);
        assertThat(Truncation.LEFT.apply(IDS, 4)).isSameAs(IDS);
        assertThat(Truncation.RIGHT.apply(IDS, 0)).isEmpty();
    }
}
