package nighttrain.executor.architecture;

import java.util.Optional;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.Tensor;

/**
 * The residual stream h, {@code [localTracks, tokens, hidden]}. {@link #add} only remembers its argument: the next norm folds
 * it in, so that architectures read like the maths and still run the fused add-and-norm kernel.
 */
public final class ResidualStream {
    private final Ops ops;
    private Tensor h;
    private Optional<Addend> addend = Optional.empty();

    /** A term to be added: a tensor, or an all-reduce that is enqueued only when its result is asked for. */
    @FunctionalInterface
    public interface Addend {
        /** Returns the tensor. Called once. */
        Tensor tensor();

        /** {@code h += this; out = norm(h)}, instead of {@link #tensor}. */
        default void addNorm(Ops ops, Tensor out, Tensor h, Norm norm) {
            ops.addNorm(out, h, tensor(), norm);
        }
    }

    public ResidualStream(Ops ops, Tensor h) {
        this.ops = ops;
        this.h = h;
    }

    /** {@code h += y}; {@code y} must not change until the next norm or {@link #settle}. */
    public void add(Tensor y) {
        add(() -> y);
    }

    /** {@code h += y}, as {@link #add(Tensor)}. */
    public void add(Addend y) {
        settle();
        addend = Optional.of(y);
    }

    /** Returns a stream that begins as {@code start} and uses its buffer. */
    public ResidualStream at(Tensor start) {
        return new ResidualStream(ops, start);
    }

    /** Gathers the rows that the head reads into {@code rows}, which is the stream from here on. */
    public void narrow(Tensor rows) {
        ops.gatherOutputRows(rows, settle());
        h = rows;
    }

    /** Rows of every track. */
    public int rows() {
        return h.rows();
    }

    /** Returns h with all terms added. */
    public Tensor settle() {
        addend.ifPresent(y -> ops.add(h, y.tensor()));
        addend = Optional.empty();
        return h;
    }

    /** {@code out = norm(h)}. */
    public void normInto(Tensor out, Norm norm) {
        if (addend.isPresent()) {
            addend.get().addNorm(ops, out, h, norm);
            addend = Optional.empty();
        } else {
            ops.norm(out, h, norm);
        }
    }
}
