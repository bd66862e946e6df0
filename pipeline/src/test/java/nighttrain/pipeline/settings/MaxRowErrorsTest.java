package nighttrain.pipeline.settings;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MaxRowErrorsTest {
    @Test
    void numbersWithoutAPointAreRows() {
        assertThat(parse("10")).isEqualTo(new MaxRowErrors(10, false));
        assertThat(parse("1")).isEqualTo(new MaxRowErrors(1, false));
        assertThat(parse("0.05")).isEqualTo(MaxRowErrors.share(0.05));
        assertThat(parse("5%")).isEqualTo(MaxRowErrors.share(0.05));
    }

    @Test
    void exactlyTheLimitIsAllowed() {
        assertThat(parse("10").exceededBy(10, 20)).isFalse();
        assertThat(parse("10").exceededBy(11, 20)).isTrue();
        assertThat(parse("5%").exceededBy(5, 100)).isFalse();
        assertThat(parse("5%").exceededBy(6, 100)).isTrue();
        assertThat(parse("0").exceededBy(1, 100)).isTrue();
    }

    @Test
    void writtenAsItIsRead() {
        assertThat(parse("5%")).hasToString("5%");
        assertThat(parse("0.125")).hasToString("12.5%");
        assertThat(parse("100")).hasToString("100");
        assertThat(parse(parse("7%").toString())).isEqualTo(parse("7%"));
    }

    private static MaxRowErrors parse(String text) {
        return Settings.MAX_ROW_ERRORS.parse(text);
    }
}
