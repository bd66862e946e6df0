package nighttrain.io.text;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import ai.djl.util.Utils;
import ai.djl.util.cuda.CudaUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.LongFunction;
import nighttrain.io.Causes;
import nighttrain.io.UserError;

/** Calls Hugging Face's tokenizer library through DJL's binding: only what is needed, offline, and safe to close while in use. */
final class NativeTokenizer implements AutoCloseable {
    static {
        // By default the binding reports its use to its makers, and downloads another library on a machine with CUDA.
        // The user's own settings are
        // respected.
        setIfAbsent("ai.djl.offline", "true");
        setIfAbsent("OPT_OUT_TRACKING", "true");
        setIfAbsent("RUST_FLAVOR", "cpu");
        // By default a process that sees a GPU unpacks its library inside the library folder of processes without a
        // GPU, which then find no library
        // there. On one machine some processes may see a GPU and others not: an executor and a driver.
        setIfAbsent(
                "ENGINE_CACHE_DIR",
                Utils.getCacheDir()
                        .resolve(CudaUtils.hasCuda() ? "gpu" : "no-gpu")
                        .toString());
    }

    private static final Map<String, String> AS_IS = Map.of("truncation", "false", "padding", "false");

    // A native handle must not be freed during a call: calls share the lock, and closing takes it exclusively.
    private final ReadWriteLock lock = new ReentrantReadWriteLock();
    private final HuggingFaceTokenizer tokenizer;

    private NativeTokenizer(HuggingFaceTokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    private static void setIfAbsent(String property, String value) {
        if (System.getProperty(property) == null) {
            System.setProperty(property, value);
        }
    }

    /** Creates a tokenizer from the content of {@code tokenizer.json}; errors call it {@code name}. */
    static NativeTokenizer of(byte[] json, String name) {
        try {
            return new NativeTokenizer(HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json), AS_IS));
        } catch (RuntimeException e) {
            String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
            throw UserError.of("broken tokenizer", name, reason + "; copy the file again", e);
        } catch (IOException e) {
            throw new IllegalStateException("reading from memory cannot fail", e);
        } catch (LinkageError e) {
            throw UserError.of(
                    "cannot load the native tokenizer library",
                    System.getProperty("os.name") + " " + System.getProperty("os.arch"),
                    innermost(e)
                            + "; use Linux (glibc), macOS or Windows, and make ~/.djl.ai or DJL_CACHE_DIR writable,"
                            + " where it is unpacked",
                    e);
        }
    }

    /** Returns the innermost message: after the first failure the JVM only reports that there was one, with its reason in a cause. */
    private static String innermost(LinkageError e) {
        return Causes.of(e).reduce((outer, inner) -> inner).orElse(e).getMessage();
    }

    int[] encode(String text, boolean addSpecialTokens) {
        String valid = wholeCharacters(text);
        // Bypasses the tokenizer object, which also builds every token's text and offsets, at many times the cost.
        return locked(handle -> {
            long encoding = TokenizersLibrary.LIB.encode(handle, valid, addSpecialTokens);
            try {
                return Arrays.stream(TokenizersLibrary.LIB.getTokenIds(encoding))
                        .mapToInt(Math::toIntExact)
                        .toArray();
            } finally {
                TokenizersLibrary.LIB.deleteEncoding(encoding);
            }
        });
    }

    /** Returns the text of {@code ids[from .. to]}, special tokens left out. */
    String decode(int[] ids, int from, int to) {
        long[] wide = new long[to - from];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = ids[from + i];
        }
        return locked(handle -> TokenizersLibrary.LIB.decode(handle, wide, true));
    }

    private <T> T locked(LongFunction<T> call) {
        lock.readLock().lock();
        try {
            if (tokenizer.isReleased()) {
                throw new IllegalStateException("tokenizer is closed");
            }
            return call.apply(tokenizer.getHandle());
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Replaces unpaired surrogates by U+FFFD: no encoding has them, and one would garble the whole text on its way to the library. */
    static String wholeCharacters(String text) {
        int first = firstUnpaired(text, 0);
        if (first < 0) {
            return text;
        }
        StringBuilder mended = new StringBuilder(text);
        for (int at = first; at >= 0; at = firstUnpaired(text, at + 1)) {
            mended.setCharAt(at, '\uFFFD');
        }
        return mended.toString();
    }

    private static int firstUnpaired(String text, int from) {
        int at = from;
        while (at < text.length()) {
            int codePoint = text.codePointAt(at);
            if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) {
                return at;
            }
            at += Character.charCount(codePoint);
        }
        return -1;
    }

    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            tokenizer.close();
        } finally {
            lock.writeLock().unlock();
        }
    }
}
