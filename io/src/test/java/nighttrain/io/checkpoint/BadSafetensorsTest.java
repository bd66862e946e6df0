package nighttrain.io.checkpoint;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import nighttrain.io.ModelDir;
import nighttrain.io.UserError;
import org.assertj.core.api.AbstractThrowableAssert;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BadSafetensorsTest {
    @TempDir
    Path dir;

    private Path file;
    private final SafetensorsFile good =
            new SafetensorsFile().fp32("a", "[2]", 1, 2).bits16("b", "BF16", "[1, 3]", 1, 2, 3);

    @BeforeEach
    void writeConfig() {
        ModelDir.of(dir, "llama").write();
        file = dir.resolve("model.safetensors");
    }

    private AbstractThrowableAssert<?, ?> assertRefused(byte[] bytes) {
        SafetensorsFile.write(file, bytes);
        return assertThatThrownBy(() -> Checkpoints.open(dir)).isInstanceOf(UserError.class);
    }

    @Test
    void truncatedAnywhere() {
        byte[] bytes = good.bytes();
        for (int length = 0; length < bytes.length; length++) {
            int expected = length < 8 ? 8 : length < bytes.length - 14 ? bytes.length - 14 : bytes.length;
            assertRefused(Arrays.copyOf(bytes, length))
                    .hasMessage(
                            "truncated safetensors file: %s (expected at least %d bytes, found %d; copy the file"
                                    + " again)",
                            file, expected, length);
        }
    }

    @Test
    void bytesTooMany() {
        byte[] bytes = good.bytes();
        assertRefused(Arrays.copyOf(bytes, bytes.length + 2))
                .hasMessage(
                        "bytes after the last tensor in %s: %d (expected %d bytes; copy the file again)",
                        file, bytes.length + 2, bytes.length);
    }

    @Test
    void headerLengthBombs() {
        for (long length : new long[] {-1, Long.MAX_VALUE, 100_000_001, 1, 0}) {
            byte[] bytes = good.bytes();
            SafetensorsFile.buffer(8).putLong(length).flip().get(bytes, 0, 8);
            assertRefused(bytes)
                    .hasMessage(
                            "bad header length in %s: %s (2 to 100000000 bytes; not a safetensors file, or damaged;"
                                    + " copy the file again)",
                            file, Long.toUnsignedString(length));
        }
    }

    @Test
    void headerThatIsNoJson() {
        assertRefused(good.bytes("{\"a\": nonsense}"))
                .hasMessageStartingWith("not valid JSON: header of " + file + " (Unrecognized token 'nonsense'");
        assertRefused(good.bytes("[]"))
                .hasMessage("not a JSON object: header of %s (found array; copy the file again)", file);
    }

    @Test
    void unknownDtype() {
        assertRefused(new SafetensorsFile()
                        .tensor("w", "F8_E5M2", "[2]", new byte[2])
                        .bytes())
                .hasMessage(
                        "unknown dtype of tensor w in %s: F8_E5M2 (F32, F16, BF16, F8_E4M3 are supported; use the model's"
                                + " unquantised checkpoint or one published in fp8)",
                        file);
        assertRefused(good.bytes("{\"w\": {}}"))
                .hasMessageContaining("unknown dtype of tensor w in " + file + ": none");
    }

    @Test
    void lengthThatIsNotTheShapes() {
        assertRefused(new SafetensorsFile()
                        .tensor("w", "F32", "[2, 3]", new byte[20])
                        .bytes())
                .hasMessage(
                        "wrong length of tensor w in %s: 20 bytes (F32 of shape [2, 3] takes 24; copy the file again)",
                        file);
        assertRefused(new SafetensorsFile()
                        .tensor("w", "F32", "[4294967296, 4294967296]", new byte[4])
                        .bytes())
                .hasMessage(
                        "wrong length of tensor w in %s: 4 bytes (F32 of shape [4294967296, 4294967296] takes more"
                                + " than 2^63; copy the file again)",
                        file);
    }

    @Test
    void shapesAndOffsetsThatAreNone() {
        assertRefused(new SafetensorsFile()
                        .tensor("w", "F32", "[-1]", new byte[4])
                        .bytes())
                .hasMessage("bad shape of tensor w in %s: [-1] (integers from 0; copy the file again)", file);
        assertRefused(new SafetensorsFile().entry("w", "F32", "[0]", 4, 0).bytes())
                .hasMessage(
                        "bad data_offsets of tensor w in %s: [4,0] (begin and end, in this order; copy the file"
                                + " again)",
                        file);
        assertRefused(new SafetensorsFile().tensor("w", "F32", "7", new byte[4]).bytes())
                .hasMessage("bad shape of tensor w in %s: 7 (a list of integers from 0; copy the file again)", file);
    }

    @Test
    void overlapAndGap() {
        assertRefused(new SafetensorsFile()
                        .fp32("a", "[2]", 1, 2)
                        .entry("b", "F32", "[1]", 4, 8)
                        .bytes())
                .hasMessage(
                        "overlapping tensors in %s: a and b (the latter begins at byte 4 of the data, expected 8; copy"
                                + " the file again)",
                        file);
        assertRefused(new SafetensorsFile()
                        .fp32("a", "[1]", 1)
                        .entry("b", "F32", "[1]", 8, 12)
                        .bytes())
                .hasMessage(
                        "gap between tensors in %s: a and b (the latter begins at byte 8 of the data, expected 4; copy"
                                + " the file again)",
                        file);
    }

    @Test
    void outsideTheFile() {
        byte[] bytes =
                new SafetensorsFile().entry("a", "F32", "[1000]", 0, 4000).bytes();
        assertRefused(bytes)
                .hasMessage(
                        "truncated safetensors file: %s (expected at least %d bytes, found %d; copy the file again)",
                        file, bytes.length + 4000, bytes.length);
    }

    @Test
    void damagedBytesAreRefusedOrReadButNeverThrowAnythingElse() {
        Random random = new Random(7);
        byte[] bytes = good.bytes();
        for (int i = 0; i < 500; i++) {
            byte[] damaged = bytes.clone();
            damaged[random.nextInt(damaged.length - 14)] ^= (byte) (1 << random.nextInt(8));
            SafetensorsFile.write(file, damaged);
            try {
                Checkpoints.open(dir).close();
            } catch (UserError e) {
                Assertions.assertThat(e).hasMessageContaining(file.toString()).hasMessageNotContaining("\n");
            }
        }
    }

    @Test
    void tensorMissingOrMisshapen() {
        good.write(file);
        Checkpoint checkpoint = Checkpoints.open(dir);
        assertThatThrownBy(() -> checkpoint.tensor("c", 2, 3))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "missing tensor in %s: c (expected shape [2, 3]; config.json and weights do not belong"
                                + " together; copy both again)",
                        dir);
        assertThatThrownBy(() -> checkpoint.tensor("b", 3, 1))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "wrong shape of tensor b in %s: [1, 3] (expected [3, 1]; config.json and weights do not belong"
                                + " together; copy both again)",
                        file);
    }
}
