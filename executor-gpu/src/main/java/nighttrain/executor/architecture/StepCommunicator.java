package nighttrain.executor.architecture;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import nighttrain.executor.architecture.Blocks.Output;
import nighttrain.executor.architecture.ResidualStream.Addend;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Communicator.Pending;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.Tensor;

/**
 * Makes one step's calls of the {@link Communicator}, and hands out the buffers for partial outputs: it knows which buffers an all-reduce still uses,
 * and which peers may still read. It also finishes a module's output between its sum and its addition, for every architecture. From {@link #narrow}
 * on, tensors have only the rows that the head reads.
 */
public final class StepCommunicator {
    private final Communicator ranks;
    private final Ops ops;
    private final Pool whole;
    private final Pool narrow;
    private List<Tensor> streams;
    private Pool pool;
    private Slot module;
    private Slot last;

    /** A buffer, with two flags: its all-reduce is under way, or has ended here but peers may still read the buffer. */
    private static final class Slot {
        private final Tensor tensor;
        private boolean travels;
        private boolean isRead;

        private Slot(Tensor tensor) {
            this.tensor = tensor;
        }
    }

    /** Buffers of the same number of rows. */
    private record Pool(IntFunction<Tensor> buffers, List<Slot> slots) {
        private Pool(IntFunction<Tensor> buffers) {
            this(buffers, new ArrayList<>());
        }

        private Slot slot(int i) {
            if (i == slots.size()) {
                slots.add(new Slot(buffers.apply(i)));
            }
            return slots.get(i);
        }
    }

    /**
     * @param buffers buffers for partial outputs, as many as {@link DryRun#outputBuffers} says
     * @param narrowBuffers buffers for partial outputs after {@link #narrow}, as many as {@link DryRun#narrowBuffers} says
     * @param streams buffers of residual streams: one, or two if the streams of tracks are summed
     */
    public StepCommunicator(
            Communicator ranks,
            Ops ops,
            IntFunction<Tensor> buffers,
            IntFunction<Tensor> narrowBuffers,
            List<Tensor> streams) {
        this.ranks = ranks;
        this.ops = ops;
        this.whole = new Pool(buffers);
        this.narrow = new Pool(narrowBuffers);
        this.pool = whole;
        this.streams = streams;
    }

    /**
     * Returns a buffer for the next partial output, which keeps it until the next call. The buffer is not the one handed out last, which may be about
     * to be added, and no all-reduce still needs it.
     */
    public Tensor output() {
        module = null;
        module = free(null);
        return module.tensor;
    }

    private Slot free(Slot excluded) {
        int i = 0;
        while (isTaken(pool.slot(i)) || pool.slot(i) == excluded) {
            i++;
        }
        last = pool.slot(i);
        return last;
    }

    /**
     * Returns the {@code rows} rows of {@code output} that the head reads. From here on partial outputs and sums have only these rows; an all-reduce
     * under way is cut to them when it ends.
     */
    public Output narrow(Output output, int rows) {
        pool = narrow;
        streams = streams.stream().map(stream -> stream.firstRows(rows)).toList();
        Tensor part = outputRows(output.part());
        module = last;
        return new Output(part, output.finish());
    }

    private Tensor outputRows(Tensor landed) {
        Tensor rows = free(null).tensor;
        ops.gatherOutputRows(rows, landed);
        return rows;
    }

    private boolean isTaken(Slot slot) {
        return slot == last || slot == module || slot.travels || slot.isRead;
    }

    private Slot slotOf(Tensor part) {
        return Stream.of(whole, narrow)
                .flatMap(each -> each.slots().stream())
                .filter(slot -> slot.tensor == part)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("not a buffer for partial outputs"));
    }

    /**
     * Returns the finished sum of all ranks' parts. The all-reduce is waited for, and is enqueued when the sum is added. Peers may read this rank's
     * part until another all-reduce has ended.
     */
    public Addend allReduce(Output output) {
        Slot slot = slotOf(output.part());
        slot.travels = true;
        return new Addend() {
            @Override
            public Tensor tensor() {
                Tensor sum = ranks.allReduceNow(output.part());
                landed(slot);
                return finished(output, slot, sum);
            }

            @Override
            public void addNorm(Ops ops, Tensor out, Tensor h, Norm norm) {
                if (output.finish().isPresent()) {
                    ops.addNorm(out, h, tensor(), norm);
                } else {
                    ranks.allReduceAddNorm(out, h, output.part(), norm, ops);
                    landed(slot);
                }
            }
        };
    }

    private void landed(Slot slot) {
        anotherLanded();
        slot.travels = false;
        slot.isRead = ranks.size() > 1;
    }

    /** As {@link #allReduce(Output)}, while other modules compute. It ends when no peer reads this rank's part any more. */
    public Pending start(Output output) {
        Slot slot = slotOf(output.part());
        slot.travels = true;
        Pending sum = ranks.allReduce(output.part());
        return () -> {
            Tensor landed = sum.await();
            anotherLanded();
            slot.travels = false;
            return finished(output, slot, landed);
        };
    }

    /** Returns the finished output of a module that this rank has whole. */
    public Tensor local(Output output) {
        return finished(output, slotOf(output.part()), output.part());
    }

    /** Returns {@code factor} times {@link #local(Output)}, in a separate buffer. */
    public Tensor local(Output output, float factor) {
        Tensor own = local(output);
        Tensor scaled = free(slotOf(output.part())).tensor;
        ops.scale(scaled, own, factor);
        return scaled;
    }

    /** Returns the other tracks' contribution: the finished sum of all parts less this track's finished part, which does not change. */
    public Tensor others(Output output) {
        Slot part = slotOf(output.part());
        Slot room = free(part);
        Tensor sum = ranks.allReduceNow(room.tensor, part.tensor, 1f);
        anotherLanded();
        part.isRead = ranks.size() > 1;
        return others(output, part, room, sum);
    }

    /** As {@link #others(Output)}, while other modules compute. */
    public Pending startOthers(Output output) {
        Slot part = slotOf(output.part());
        Slot room = free(part);
        part.travels = true;
        room.travels = true;
        Pending sum = ranks.allReduce(room.tensor, part.tensor, 1f);
        return () -> {
            Tensor landed = sum.await();
            anotherLanded();
            Tensor others = others(output, part, room, landed);
            part.travels = false;
            return others;
        };
    }

    private Tensor others(Output output, Slot part, Slot room, Tensor sum) {
        room.travels = true;
        Tensor own = finished(output, part, part.tensor);
        Slot others = free(part);
        others.travels = true;
        ops.scale(others.tensor, own, -1f);
        ops.add(others.tensor, finished(output, room, sum));
        others.travels = false;
        room.travels = false;
        last = others;
        return others.tensor;
    }

    private Tensor finished(Output output, Slot slot, Tensor landed) {
        Tensor sum = pool.slots().contains(slot) ? landed : outputRows(landed);
        if (output.finish().isEmpty()) {
            return sum;
        }
        Tensor out = free(slot).tensor;
        output.finish().get().into(out, sum);
        return out;
    }

    /** Returns {@code scale} times the sum of the streams of all tracks of all ranks, in another buffer than {@code stream}. */
    public Tensor allReduce(Tensor stream, float scale) {
        Tensor sum = ranks.allReduceNow(otherThan(stream), stream, scale);
        anotherLanded();
        return sum;
    }

    /** As {@link #allReduce(Tensor, float)}, while modules compute that do not change the stream. */
    public Pending start(Tensor stream, float scale) {
        Pool started = pool;
        Pending sum = ranks.allReduce(otherThan(stream), stream, scale);
        return () -> {
            Tensor landed = sum.await();
            anotherLanded();
            return started == pool ? landed : outputRows(landed);
        };
    }

    private Tensor otherThan(Tensor stream) {
        return streams.get(0) == stream ? streams.get(1) : streams.get(0);
    }

    /** Frees the parts of earlier all-reduces: every rank is past them, so no rank reads them any more. */
    private void anotherLanded() {
        whole.slots().forEach(slot -> slot.isRead = false);
        narrow.slots().forEach(slot -> slot.isRead = false);
    }
}
