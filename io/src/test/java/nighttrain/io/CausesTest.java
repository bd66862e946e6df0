package nighttrain.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class CausesTest {
    @Test
    void aMessageIsOneLineWithWhatToDo() {
        assertThat(message("""
                        [QUERY_ONLY_CORRUPT] Queries are disallowed when
                        only the corrupt column is asked for.

                        Instead, save the results.
                        """))
                .isEqualTo("[QUERY_ONLY_CORRUPT] Queries are disallowed when only the corrupt column is asked for."
                        + " Instead, save the results.");
    }

    @Test
    void stackTracesAndPlansAreLeftOut() {
        assertThat(message("Lost task 0: java.io.IOException: torn\n\tat a.b.C.d(C.java:1)\n\nDriver stacktrace:"))
                .isEqualTo("Lost task 0: java.io.IOException: torn");
        assertThat(message("no such column `x`; did you mean y?;\n'Project ['x]\n+- Relation [y#1] parquet\n"))
                .isEqualTo("no such column `x`; did you mean y?;");
        assertThat(message("syntax error\n\n== SQL ==\nselect from\n-------^^^\n"))
                .isEqualTo("syntax error");
    }

    @Test
    void aFailureWithoutAMessageIsNamed() {
        assertThat(Causes.message(new IOException())).isEqualTo("java.io.IOException");
    }

    private static String message(String text) {
        return Causes.message(new RuntimeException(text));
    }
}
