package nighttrain.executor.device.cuda.step;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntUnaryOperator;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams.Stream;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.step.SampleMask;
import nighttrain.executor.step.SampleRequest;

/** Writes how to sample each output row, as sample.cu's {@code SampleRequest} and {@code Penalty} structs. */
public final class SampleTable {
    private static final int BYTES = 88;
    static final int INTS = BYTES / Integer.BYTES;
    private static final int PENALTY_BYTES = 16;
    private static final int IGNORE_END = 1;
    private static final int LOGPROBS_BEFORE = 2;

    private final DeviceMemory memory;
    private final AutomatonTables automata;
    private DeviceMemory.Pinned hostPenalties;
    private DevicePointer penalties;
    private int room;

    SampleTable(DeviceMemory memory, AutomatonTables automata) {
        this.memory = memory;
        this.automata = automata;
    }

    /**
     * Writes to {@code buffer} from byte {@code offset} on; penalties and automata are uploaded separately.
     *
     * @param placeOf index of the token of a sample of the step before
     */
    void write(List<SampleRequest> samples, ByteBuffer buffer, int offset, IntUnaryOperator placeOf, Stream stream) {
        ByteBuffer table = buffer.duplicate().order(ByteOrder.nativeOrder()).position(offset);
        int used = 0;
        for (int i = 0; i < samples.size(); i++) {
            SampleRequest sample = samples.get(i);
            int count = 0;
            if (sample.sampling().hasPenalties() && sample.given() == SampleRequest.NONE) {
                Map<Integer, Integer> counts = outputCounts(sample);
                count = counts.size();
                reserve(used + count);
                writePenalties(counts, used);
            }
            write(table, sample, used, count);
            writeMask(table, sample, placeOf);
            used += count;
        }
        if (used > 0) {
            // A larger buffer may have replaced the one whose address earlier rows have.
            for (int i = 0; i < samples.size(); i++) {
                int at = offset + i * BYTES;
                table.putLong(at + 8, penalties.address() + table.getLong(at + 8));
            }
            hostPenalties.copyTo(penalties, (long) used * PENALTY_BYTES, stream);
        }
    }

    /** Returns the tokens so far, with the number of times each is in the output. */
    private static Map<Integer, Integer> outputCounts(SampleRequest sample) {
        Map<Integer, Integer> counts = new HashMap<>();
        for (int i = 0; i < sample.length(); i++) {
            counts.merge(sample.history()[i], i < sample.promptLength() ? 0 : 1, Integer::sum);
        }
        return counts;
    }

    private void writePenalties(Map<Integer, Integer> counts, int from) {
        int at = from * PENALTY_BYTES;
        for (Map.Entry<Integer, Integer> entry : counts.entrySet()) {
            hostPenalties.view().putInt(at, entry.getKey()).putInt(at + 4, entry.getValue());
            at += PENALTY_BYTES;
        }
    }

    private void reserve(int entries) {
        if (entries <= room) {
            return;
        }
        room = Math.max(4096, 2 * entries);
        DeviceMemory.Pinned larger = memory.pinned((long) room * PENALTY_BYTES);
        if (hostPenalties != null) {
            larger.view().put(0, hostPenalties.view(), 0, hostPenalties.view().capacity());
        }
        hostPenalties = larger;
        penalties = memory.allocate("penalties", (long) room * PENALTY_BYTES);
    }

    private static void write(ByteBuffer table, SampleRequest sample, int firstPenalty, int count) {
        SamplingParams sampling = sample.sampling();
        table.putDouble(sample.uniform());
        table.putLong((long) firstPenalty * PENALTY_BYTES);
        table.putDouble(sampling.filter().topP());
        table.putFloat(sampling.isGreedy() ? 0f : (float) Math.min(1 / sampling.temperature(), Float.MAX_VALUE));
        table.putFloat((float) sampling.filter().minP());
        table.putFloat((float) sampling.penalties().repetition());
        table.putFloat((float) sampling.penalties().presence());
        table.putFloat((float) sampling.penalties().frequency());
        table.putInt(sampling.filter().topK());
        table.putInt(count);
        table.putInt(sampling.logprobs());
        table.putInt(sample.given());
    }

    private void writeMask(ByteBuffer table, SampleRequest sample, IntUnaryOperator placeOf) {
        if (sample.mask().isEmpty()) {
            table.putInt(0).putLong(0).putLong(0).putLong(0);
            return;
        }
        SampleMask mask = sample.mask().get();
        table.putInt((sample.sampling().ignoreEos() ? IGNORE_END : 0)
                | (mask.constraint().logprobsBefore() ? LOGPROBS_BEFORE : 0));
        table.putLong(automata.addressOf(mask.constraint().automaton()));
        table.putInt(mask.state());
        table.putInt(mask.remaining());
        table.putInt(mask.state() < 0 ? placeOf.applyAsInt(~mask.state()) : 0);
        table.putInt(0);
    }
}
