package nighttrain.executor.device.cuda.step;

import java.nio.IntBuffer;
import java.util.List;
import java.util.Map;
import nighttrain.executor.cache.CacheLayout;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams.Stream;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.kernel.Struct;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.StepLimits;

/**
 * The inputs of a step on the device, at fixed addresses, so that captured graphs can be replayed. The inputs of a step are packed and copied
 * at once; a kernel unpacks them and fills in the tokens that the step before sampled. There are two host buffers, so that a step can be
 * packed while the copy of the step before is under way.
 */
public final class StepInputs {
    private static final int BLOCKS = 64;
    private static final int THREADS = 256;
    private static final KernelSource SAMPLE = new KernelSource("sample.cu", Map.of());

    private final int pageTokens;
    private final int pagesPerSequence;
    private final int groups;
    private final int tokenRoom;
    private final KernelModules modules;
    private final SampleResults results;
    private final DeviceMemory.Pinned[] hosts = new DeviceMemory.Pinned[StepTurns.COUNT];
    private final SampleTable[] samples = new SampleTable[StepTurns.COUNT];
    private final AutomatonTables automata;
    private final DevicePointer[] automatonStates = new DevicePointer[StepTurns.COUNT];
    private final DevicePointer packed;
    private final DevicePointer fixed;
    private final DevicePointer tables;
    private final int positions;
    private final int slots;
    private final int copied;
    private final int queryStarts;
    private final int contexts;
    private final int decodes;
    private final int states;
    private final int outputRows;
    private final int padding;
    private final int samplesAt;
    private Batch batch = new Batch(new int[0], new int[0], new int[1], new int[0][], new int[0], List.of());
    private int decodeCount;

    public StepInputs(
            StepLimits limits, CacheLayout layout, DeviceMemory memory, KernelModules modules, SampleResults results) {
        this.pageTokens = layout.pageTokens();
        this.groups = layout.groups().size();
        this.pagesPerSequence = (limits.maxModelLen() + pageTokens - 1) / pageTokens;
        this.modules = modules;
        this.results = results;
        this.tokenRoom = even(limits.maxTokens());
        int sequenceRoom = even(limits.maxSequences() + 1);
        this.positions = tokenRoom;
        this.slots = 2 * tokenRoom;
        this.copied = slots + 2 * groups * tokenRoom;
        this.queryStarts = copied + tokenRoom;
        this.contexts = queryStarts + sequenceRoom;
        this.decodes = contexts + sequenceRoom;
        this.states = decodes + sequenceRoom;
        this.outputRows = states + sequenceRoom;
        this.padding = outputRows + even(limits.maxSamples());
        this.samplesAt = padding + 2;
        long fixedInts = samplesAt + (long) limits.maxSamples() * SampleTable.INTS;
        long tableInts = (long) limits.maxSequences() * groups * pagesPerSequence;
        this.fixed = memory.allocate("inputs of a step", fixedInts * Integer.BYTES);
        this.tables = memory.allocate("page tables of a step", tableInts * Integer.BYTES);
        this.packed = memory.allocate("packed inputs of a step", (fixedInts + tableInts) * Integer.BYTES);
        this.automata = new AutomatonTables(memory);
        for (int turn = 0; turn < StepTurns.COUNT; turn++) {
            hosts[turn] = memory.pinned((fixedInts + tableInts) * Integer.BYTES);
            samples[turn] = new SampleTable(memory, automata);
            automatonStates[turn] =
                    memory.allocate("states of constraints", (long) limits.maxSamples() * Integer.BYTES);
        }
    }

    private static int even(int count) {
        return (count + 1) / 2 * 2;
    }

    /** Enqueues a step's inputs; the step that had this turn before must be over. */
    public void upload(Batch next, int turn, Stream stream) {
        int rowsBefore = batch.samples().size();
        batch = next;
        PackedInputs packing =
                new PackedInputs(hosts[turn].view().asIntBuffer(), packed.address(), results.allTokens());
        packing.put(tokens(), tokensWithAddresses(rowsBefore));
        packing.put(positions(), next.positions());
        packing.put(copiedRows(), next.copies().rows());
        packing.put(queryStarts(), next.queryStarts());
        packing.put(contexts(), contextsAndDecodes());
        packing.put(states(), statesOfSequences());
        packing.put(outputRows(), next.outputRows());
        packing.put(padding(), new int[] {next.padding()});
        int samplesFrom = packing.skip(sampleTable(0), next.samples().size() * SampleTable.INTS);
        automata.beginStep();
        samples[turn].write(
                next.samples(),
                hosts[turn].view(),
                samplesFrom * Integer.BYTES,
                sample -> results.placeOf(sample, rowsBefore),
                stream);
        for (int group = 0; group < groups; group++) {
            packing.put(slots(group), group < groups(next) ? slotsOfTokens(group) : new int[0]);
        }
        packTables(packing);
        hosts[turn].copyTo(packed, (long) packing.size() * Integer.BYTES, stream);
        modules.get("lay_out", new KernelSource("step_inputs.cu", Map.of("GROUPS", groups)))
                .launch(stream, Kernel.Grid.of(BLOCKS, 1, THREADS), packing.layout());
        if (next.samples().stream().anyMatch(sample -> sample.mask().isPresent())) {
            advanceStates(turn, stream);
        }
    }

    /** Enqueues the kernel that computes the automaton states after the tokens that the step before sampled. */
    private void advanceStates(int turn, Stream stream) {
        int count = batch.samples().size();
        modules.get("advance_states", SAMPLE)
                .launch(
                        stream,
                        Kernel.Grid.of((count + THREADS - 1) / THREADS, 1, THREADS),
                        sampleTable(0),
                        count,
                        results.allTokens(),
                        automatonStates[(turn + StepTurns.COUNT - 1) % StepTurns.COUNT].address(),
                        automatonStates[turn].address());
    }

    /** Returns a step's tokens; for tokens that the step before sampled, their place on the device. */
    private int[] tokensWithAddresses(int rowsBefore) {
        int[] tokens = batch.tokens();
        for (int i = 0; i < tokens.length; i++) {
            if (tokens[i] < 0) {
                tokens = tokens == batch.tokens() ? tokens.clone() : tokens;
                tokens[i] = ~results.placeOf(~tokens[i], rowsBefore);
            }
        }
        return tokens;
    }

    private static int groups(Batch batch) {
        return batch.sequences() == 0 ? 0 : batch.pageTables()[0].length;
    }

    /** Returns the slots of the keys and values of a step's tokens in the pages of a group. */
    private int[] slotsOfTokens(int group) {
        Batch.Copies copies = batch.copies();
        int[] slots = new int[batch.size() + copies.size()];
        for (int s = 0; s < batch.sequences(); s++) {
            for (int i = batch.queryStarts()[s]; i < batch.queryStarts()[s + 1]; i++) {
                slots[i] = slot(batch.pageTables()[s][group], batch.positions()[i]);
            }
        }
        for (int copy = 0; copy < copies.size(); copy++) {
            slots[batch.size() + copy] = slot(copies.pageTables()[copy][group], batch.positions()[copies.rows()[copy]]);
        }
        return slots;
    }

    private int slot(int[] pageTable, int position) {
        return pageTable[position / pageTokens] * pageTokens + position % pageTokens;
    }

    /** Returns the sequences' contexts and {@link #decodes}, at the same distance as on the device. */
    private int[] contextsAndDecodes() {
        int room = decodes - contexts;
        int[] both = new int[room + batch.sequences()];
        decodeCount = 0;
        for (int s = 0; s < batch.sequences(); s++) {
            both[s] = context(s);
            if (queryLength(s) == 1) {
                both[room + decodeCount++] = batch.tokens()[batch.queryStarts()[s]] < 0 ? ~s : s;
            }
        }
        return both;
    }

    private int[] statesOfSequences() {
        int[] slots = batch.slots().clone();
        for (int s = 0; s < slots.length; s++) {
            slots[s] = batch.begins(s) ? ~slots[s] : slots[s];
        }
        return slots;
    }

    /** Packs the page tables, each as long as the longest context needs. */
    private void packTables(PackedInputs packing) {
        int width = 1;
        for (int s = 0; s < batch.sequences(); s++) {
            width = Math.max(width, pages(context(s)));
        }
        packing.beginTables(
                pageTables(0), pageTableStride(), pagesPerSequence, width, batch.sequences(), groups(batch));
        for (int s = 0; s < batch.sequences(); s++) {
            for (int[] table : batch.pageTables()[s]) {
                packing.putTable(table, pages(context(s)));
            }
        }
    }

    private int pages(int tokens) {
        return (tokens + pageTokens - 1) / pageTokens;
    }

    public Batch batch() {
        return batch;
    }

    /** Sequences with a single token in the step. */
    public int decodeCount() {
        return decodeCount;
    }

    /** Tokens of a sequence in the step. */
    public int queryLength(int sequence) {
        return batch.queryStarts()[sequence + 1] - batch.queryStarts()[sequence];
    }

    /** Tokens of a sequence in the cache, including this step's. */
    public int context(int sequence) {
        return batch.positions()[batch.queryStarts()[sequence + 1] - 1] + 1;
    }

    public long tokens() {
        return at(0);
    }

    public long positions() {
        return at(positions);
    }

    /**
     * Slots of the keys and values of tokens, and then of {@link #copiedRows}, in the pages of a group: page number times {@code pageTokens} plus the
     * place in the page.
     */
    public long slots(int group) {
        return at(slots + 2 * group * tokenRoom);
    }

    /** Tokens whose keys and values are also written to a second slot. */
    public long copiedRows() {
        return at(copied);
    }

    public long queryStarts() {
        return at(queryStarts);
    }

    public long contexts() {
        return at(contexts);
    }

    /**
     * The sequences with a single token: {@code ~s} if the step before sampled that token, so that earlier steps stored all keys and values before
     * it; otherwise {@code s}, since a sequence that begins may share pages that this step fills.
     */
    public long decodes() {
        return at(decodes);
    }

    /** The slot of every sequence's state; {@code ~slot} if the sequence begins with the step, so that its state is empty. */
    public long states() {
        return at(states);
    }

    public long outputRows() {
        return at(outputRows);
    }

    /** Number of the step's last tokens that are padding. */
    public long padding() {
        return at(padding);
    }

    /** The sample requests of the step from {@code first} on. */
    public long sampleTable(int first) {
        return at(samplesAt + first * SampleTable.INTS);
    }

    /** Entries of a page table. */
    public int pagesPerSequence() {
        return pagesPerSequence;
    }

    public int pageTableStride() {
        return groups * pagesPerSequence;
    }

    /** The page table of the first sequence in a group; the next sequence's is {@link #pageTableStride} entries on. */
    public long pageTables(int group) {
        return tables.address() + (long) group * pagesPerSequence * Integer.BYTES;
    }

    private long at(int index) {
        return fixed.address() + (long) index * Integer.BYTES;
    }

    /** Writes a step's inputs one after the other, and step_inputs.cu's {@code Layout}, which holds the target of each. */
    public static final class PackedInputs {
        private final IntBuffer ints;
        private final Struct layout;
        private int size;
        private int tableWidth;

        /**
         * @param packed device address of {@code ints} after the copy
         * @param sampled device address of the tokens that the step before sampled
         */
        PackedInputs(IntBuffer ints, long packed, long sampled) {
            this.ints = ints;
            this.layout = new Struct().pointer(packed).pointer(sampled);
        }

        /** Adds {@code values} for the address {@code target}. */
        void put(long target, int[] values) {
            ints.put(skip(target, values.length), values);
        }

        /** Leaves room for {@code count} values for the address {@code target}, and returns its index. */
        int skip(long target, int count) {
            int from = size;
            layout.pointer(target).integer(from).integer(count);
            size += count;
            return from;
        }

        /**
         * Begins the page tables, after all other inputs: tables of {@code width} entries, sequence by sequence, {@code groups} of each. Their
         * targets begin at {@code target}, {@code sequenceStride} entries apart for sequences and {@code groupStride} apart for groups.
         */
        void beginTables(long target, int sequenceStride, int groupStride, int width, int sequences, int groups) {
            layout.pointer(target)
                    .integer(sequenceStride)
                    .integer(groupStride)
                    .integer(size)
                    .integer(width)
                    .integer(sequences)
                    .integer(groups);
            tableWidth = width;
        }

        void putTable(int[] table, int entries) {
            ints.put(size, table, 0, entries);
            size += tableWidth;
        }

        /** Number of values so far. */
        int size() {
            return size;
        }

        Struct layout() {
            return layout;
        }
    }
}
