package nighttrain.io.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import nighttrain.io.checkpoint.SafetensorsHeader.TensorEntry;

/**
 * Identifies a model by SHA-256 over everything that its answers depend on: the small files whole, tensor names, types and
 * shapes, and the weights' bytes (files up to 64 MiB whole, larger ones by length and 256 samples spread evenly, so that a
 * large model need not be read to be recognised). The directory's own name and the files' dates do not count.
 */
final class Fingerprint {
    private static final List<String> SMALL_FILES = List.of(
            "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja");
    private static final long WHOLE_UP_TO_BYTES = 64L << 20;
    private static final int SAMPLES = 256;
    private static final int SAMPLE_BYTES = 64 << 10;

    private Fingerprint() {}

    /** Returns 64 hexadecimal digits. */
    static String of(Path dir, Collection<MappedTensor> tensors) {
        MessageDigest digest = smallFiles(dir);
        tensors.stream()
                .map(MappedTensor::entry)
                .sorted(Comparator.comparing(TensorEntry::name))
                .forEach(entry -> add(digest, entry.name() + " " + entry.dtype() + " " + entry.shape() + "\n"));
        tensors.stream()
                .map(MappedTensor::file)
                .collect(Collectors.toMap(MappedFile::path, file -> file, (a, b) -> a))
                .values()
                .stream()
                .sorted(Comparator.comparing(MappedFile::path))
                .forEach(file -> addWeights(digest, file));
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Returns the fingerprint of a model without weights. */
    static String ofDummy(Path dir) {
        MessageDigest digest = smallFiles(dir);
        add(digest, "dummy weights");
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest smallFiles(Path dir) {
        MessageDigest digest = sha256();
        for (String name : SMALL_FILES) {
            Path file = dir.resolve(name);
            if (Files.isRegularFile(file)) {
                byte[] bytes = read(file);
                add(digest, name + " " + bytes.length + "\n");
                digest.update(bytes);
            }
        }
        return digest;
    }

    private static void addWeights(MessageDigest digest, MappedFile file) {
        add(digest, file.size() + "\n");
        if (file.size() <= WHOLE_UP_TO_BYTES) {
            addRange(digest, file, 0, file.size());
            return;
        }
        long lastStart = file.size() - SAMPLE_BYTES;
        for (int i = 0; i < SAMPLES; i++) {
            addRange(digest, file, lastStart * i / (SAMPLES - 1), SAMPLE_BYTES);
        }
    }

    private static void addRange(MessageDigest digest, MappedFile file, long offset, long length) {
        for (long done = 0; done < length; ) {
            var part = file.slice(offset + done, length - done);
            done += part.remaining();
            digest.update(part);
        }
    }

    private static byte[] read(Path file) {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void add(MessageDigest digest, String text) {
        digest.update(text.getBytes(StandardCharsets.UTF_8));
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
