package nighttrain.pipeline.task;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RowSeedTest {
    @Test
    void neverChanges() {
        // These values are fixed: a change would change the text of every sampled job that is resumed or repeated.
        assertThat(Long.toHexString(RequestBuilder.seed(0, "input:0", 0, 0))).isEqualTo("2fb82c5f4a67df5");
        assertThat(Long.toHexString(RequestBuilder.seed(-1, "z\u00fcg", 7, 0))).isEqualTo("52f6bef1af149b86");
    }

    @Test
    void differsByJobRowSampleAndRequest() {
        Set<Long> seeds = new HashSet<>();
        for (int job = 0; job < 10; job++) {
            for (int row = 0; row < 1000; row++) {
                for (int sample = 0; sample < 4; sample++) {
                    seeds.add(RequestBuilder.seed(job, "input:" + row, sample, 0));
                    seeds.add(RequestBuilder.seed(job, "input:" + row, sample, 1));
                }
            }
        }
        assertThat(seeds).hasSize(80_000);
    }

    @Test
    void everyBitIsUsed() {
        int[] ones = new int[64];
        for (int row = 0; row < 4096; row++) {
            long seed = RequestBuilder.seed(1, "input:" + row, 0, 0);
            for (int bit = 0; bit < 64; bit++) {
                ones[bit] += (int) (seed >>> bit & 1);
            }
        }
        assertThat(Arrays.stream(ones).boxed())
                .allSatisfy(count -> assertThat(count).isBetween(1850, 2250));
    }
}
