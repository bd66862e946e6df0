package nighttrain.executor.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ShortBuffer;
import java.util.ArrayList;
import java.util.List;
import nighttrain.executor.architecture.Architecture.Placement;
import nighttrain.executor.block.EmbeddingBlock;
import nighttrain.executor.block.Loader;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cpu.CpuDevice;
import nighttrain.executor.reference.RandomCheckpoint;
import nighttrain.executor.reference.Shapes;
import nighttrain.io.checkpoint.Bfloat16;
import nighttrain.io.spec.ModelSpec.Embedding;
import nighttrain.io.spec.Wiring;
import org.junit.jupiter.api.Test;

class ScaledEmbeddingTest {
    /** In bf16 the square root of Gemma 3 1B's hidden size, 33.94, rounds to 34. */
    @Test
    void aScaleIsRoundedWhereTheTableIs() {
        RandomCheckpoint checkpoint = RandomCheckpoint.of(Shapes.model(Wiring.dense()));
        Embedding plain = checkpoint.spec().embedding();
        List<Matrix.Rows> tables = new ArrayList<>();
        try (PassingDevice device = new PassingDevice(CpuDevice.ranks(1, 1).get(0)) {
            @Override
            public Tensor table(String role, int rows, int cols, Matrix.Rows values) {
                tables.add(values);
                return super.table(role, rows, cols, values);
            }
        }) {
            Loader loader = new Loader(device, checkpoint, new Placement(0, 1, 0, 1), CacheLayout.ofPages(16, 1), 16);
            new EmbeddingBlock(plain.times(Math.sqrt(1152))).load(loader);
        }
        int hidden = plain.tokens().cols();
        float[] stored = checkpoint.values(plain.tokens().name(), plain.tokens().rows(), hidden);
        float[] exact = new float[hidden];
        ShortBuffer rounded = ShortBuffer.allocate(hidden);
        tables.get(0).read(0, 3, exact);
        tables.get(0).readBfloat16(0, 3, hidden, rounded);
        for (int i = 0; i < hidden; i++) {
            assertThat(exact[i]).isEqualTo((float) Math.sqrt(1152) * stored[3 * hidden + i]);
            assertThat(rounded.get(i)).isEqualTo(Bfloat16.of(34 * stored[3 * hidden + i]));
        }
    }
}
