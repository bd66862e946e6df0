package nighttrain.io.rows;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ResultRowTest {
    private static ResultRow row(long row, String finishReason, String error, int attempts) {
        return new ResultRow(
                "f",
                row,
                0,
                "id",
                "t",
                finishReason,
                1,
                1,
                error,
                null,
                null,
                null,
                null,
                attempts,
                "e",
                null,
                null,
                null,
                null);
    }

    @Test
    void errorsAndReasonsBelongTogether() {
        assertThatThrownBy(() -> row(0, "stop", "oops", 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("error: oops (given exactly when finishReason is error, found stop)");
        assertThatThrownBy(() -> row(0, "error", null, 1))
                .hasMessage("error: null (given exactly when finishReason is error, found error)");
    }

    @Test
    void numbers() {
        assertThatThrownBy(() -> row(-1, "stop", null, 1)).hasMessage("row: -1 (at least 0)");
        assertThatThrownBy(() -> row(0, "stop", null, 0)).hasMessage("attempts: 0 (at least 1)");
        assertThatThrownBy(() -> row(0, null, null, 1)).isInstanceOf(NullPointerException.class);
    }
}
