package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import nighttrain.io.checkpoint.SafetensorsHeader.TensorEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MappedFileTest {
    @TempDir
    Path dir;

    @Test
    void elementsAcrossWindowsAreReadWhole() throws IOException {
        Path path = dir.resolve("file");
        for (int skew = 0; skew < 4; skew++) {
            int count = 100;
            byte[] bytes = new byte[skew + count * Float.BYTES];
            ByteBuffer buffer =
                    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).position(skew);
            for (int i = 0; i < count; i++) {
                buffer.putFloat(i + 0.25f);
            }
            Files.write(path, bytes);
            for (int windowBits = 3; windowBits < 10; windowBits++) {
                MappedFile file = MappedFile.map(path, windowBits);
                TensorEntry entry = new TensorEntry("w", DType.F32, List.of(100L), 0, 400);
                MappedTensor tensor = new MappedTensor(file, skew, entry);
                float[] values = new float[97];
                tensor.copyTo(3, values, 0, values.length);
                for (int i = 0; i < values.length; i++) {
                    assertThat(values[i]).isEqualTo(i + 3.25f);
                }
            }
        }
    }

    /** The file is sparse, so it takes no room: 3 GiB and some, with values beyond the limit of one Java buffer. */
    @Test
    void tensorLongerThanABuffer() throws IOException {
        Path path = dir.resolve("large");
        long elements = (3L << 30) / Short.BYTES + 5;
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            channel.write(SafetensorsFile.buffer(2).putShort((short) 0x3f80).flip(), 1 + (elements - 1) * 2);
            channel.write(SafetensorsFile.buffer(2).putShort((short) 0x4000).flip(), 1 + (1L << 31) - 2);
        }
        MappedFile file = MappedFile.map(path);
        TensorEntry entry = new TensorEntry("w", DType.BF16, List.of(elements), 0, elements * 2);
        MappedTensor tensor = new MappedTensor(file, 1, entry);
        float[] last = new float[3];
        tensor.copyTo(elements - 3, last, 0, 3);
        assertThat(last).containsExactly(0, 0, 1);
        tensor.copyTo((1L << 30) - 2, last, 0, 3);
        assertThat(last).containsExactly(0, 2, 0);
    }
}
