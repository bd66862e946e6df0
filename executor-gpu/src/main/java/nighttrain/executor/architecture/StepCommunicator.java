package nighttrain.executor.architecture;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import nighttrain.executor.architecture.Blocks.Output;
import nighttrain.executor.architecture.ResidualStream.Addend;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Communicator.Pending;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.Norm;
import nighttrain.executor.device.Tensor;

/**
 * What one step asks of the {@link Communicator}, which also hands out the buffers for partial outputs: it knows which of them still
 * travel, and which peers may still read. A module's output is finished here, between its sum and its addition, whatever the
 * architecture.
 */
public final class StepCommunicator {
    private final Communicator ranks;
    private final Ops ops;
    private final IntFunction<Tensor> buffers;
    private final List<Tensor> streams;
    private final List<Slot> slots = new ArrayList<>();
    private Slot module;
    private Slot last;

    /** A buffer: whether its sum is under way, and whether peers may still read it though their sum has landed here. */
    private static final class Slot {
        private final Tensor tensor;
        private boolean travels;
        private boolean isRead;

        private Slot(Tensor tensor) {
            this.tensor = tensor;
        }
    }

    /**
     * @param buffers for partial outputs, as many as {@link DryRun#outputBuffers} says
     * @param streams where residual streams live: one, or two where those of tracks are summed
     */
    public StepCommunicator(Communicator ranks, Ops ops, IntFunction<Tensor> buffers, List<Tensor> streams) {
        this.ranks = ranks;
        this.ops = ops;
        this.buffers = buffers;
        this.streams = streams;
    }

    /**
     * A buffer for the next partial output, which keeps it until this is called again. It is free: not the one handed out last, which may
     * be about to be added, and none that a sum still needs.
     */
    public Tensor output() {
        module = null;
        module = free(null);
        return module.tensor;
    }

    private Slot free(Slot excluded) {
        int i = 0;
        while (isTaken(slot(i)) || slot(i) == excluded) {
            i++;
        }
        last = slot(i);
        return last;
    }

    private boolean isTaken(Slot slot) {
        return slot == last || slot == module || slot.travels || slot.isRead;
    }

    private Slot slot(int i) {
        if (i == slots.size()) {
            slots.add(new Slot(buffers.apply(i)));
        }
        return slots.get(i);
    }

    private Slot slotOf(Tensor part) {
        return slots.stream()
                .filter(slot -> slot.tensor == part)
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("not a buffer for partial outputs"));
    }

    /**
     * The finished sum of all ranks' parts, which is waited for, enqueued when it is added. Peers may read this rank's part until another
     * sum has landed.
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

    /** The same, travelling while other modules compute. It lands when no peer reads this rank's part any more. */
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

    /** The finished output of a module that this rank has whole. */
    public Tensor local(Output output) {
        return finished(output, slotOf(output.part()), output.part());
    }

    /** {@code factor} times the same, in a buffer of its own. */
    public Tensor local(Output output, float factor) {
        Tensor own = local(output);
        Tensor scaled = free(slotOf(output.part())).tensor;
        ops.scale(scaled, own, factor);
        return scaled;
    }

    /** What the other tracks add to this one's part, which stays as it is: the finished sum of all parts less the finished part. */
    public Tensor others(Output output) {
        Slot part = slotOf(output.part());
        Slot room = free(part);
        Tensor sum = ranks.allReduceNow(room.tensor, part.tensor, 1f);
        anotherLanded();
        part.isRead = ranks.size() > 1;
        return others(output, part, room, sum);
    }

    /** The same, travelling while other modules compute. */
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
        ops.scale(others.tensor, own, -1f);
        ops.add(others.tensor, finished(output, room, sum));
        room.travels = false;
        last = others;
        return others.tensor;
    }

    private Tensor finished(Output output, Slot slot, Tensor sum) {
        if (output.finish().isEmpty()) {
            return sum;
        }
        Tensor out = free(slot).tensor;
        output.finish().get().into(out, sum);
        return out;
    }

    /** {@code scale} times the sum of the streams of all tracks of all ranks, in another buffer than {@code stream}. */
    public Tensor allReduce(Tensor stream, float scale) {
        Tensor sum = ranks.allReduceNow(otherThan(stream), stream, scale);
        anotherLanded();
        return sum;
    }

    /** The same, travelling while modules compute that do not change the stream. */
    public Pending start(Tensor stream, float scale) {
        Pending sum = ranks.allReduce(otherThan(stream), stream, scale);
        return () -> {
            Tensor landed = sum.await();
            anotherLanded();
            return landed;
        };
    }

    private Tensor otherThan(Tensor stream) {
        return streams.get(0) == stream ? streams.get(1) : streams.get(0);
    }

    /** Every rank is past the sums before: none reads their parts any more. */
    private void anotherLanded() {
        slots.forEach(slot -> slot.isRead = false);
    }
}
