package nighttrain.io.journal;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/** Remembers whether its end was reached, which tells a torn file from a failing disk. */
final class EndAwareInputStream extends FilterInputStream {
    private boolean reachedEnd;

    EndAwareInputStream(InputStream in) {
        super(in);
    }

    boolean reachedEnd() {
        return reachedEnd;
    }

    @Override
    public int read() throws IOException {
        int value = super.read();
        reachedEnd |= value < 0;
        return value;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
        int count = super.read(target, offset, length);
        reachedEnd |= count < 0;
        return count;
    }
}
