package nighttrain.executor.device.cuda.step;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.tensor.HostCopies;
import nighttrain.io.constraint.TokenAutomaton;

/**
 * Token automata on one GPU, as sample.cu's {@code Automaton} structs followed by their tables, uploaded on first use. If they fill their memory, the
 * automaton unused for longest is dropped, but never one that a step under way may read. Memory is cut from chunks that are never freed: a driver may
 * wait for all GPUs to free memory, and these wait for one another inside steps.
 */
final class AutomatonTables {
    /** Bytes of a chunk; the first is allocated with the engine. */
    private static final long CHUNK = 64L << 20;

    /** Beyond this many bytes, unused automata are dropped before another chunk is allocated. */
    private static final long ROOM = 4 * CHUNK;

    private static final int HEADER_BYTES = 32;
    private static final int ALIGNMENT = 16;

    /** Most classes whose numbers fit into 16 bits. */
    private static final int CLASSES_OF_16_BITS = 1 << 16;

    private final Memory memory;
    private final long chunkBytes;
    private final long room;
    private final List<Chunk> chunks = new ArrayList<>();
    private final IdentityHashMap<TokenAutomaton, Table> tables = new IdentityHashMap<>();
    private long bytes;
    private long step;

    /** Memory of a GPU. */
    interface Memory {
        /** Address of {@code bytes} new bytes. */
        long allocate(long bytes);

        /** Writes all of {@code values} from {@code address} on. */
        void write(long address, ByteBuffer values);
    }

    private static final class OfDevice implements Memory {
        private final DeviceMemory memory;
        private final TreeMap<Long, DevicePointer> pointers = new TreeMap<>();

        OfDevice(DeviceMemory memory) {
            this.memory = memory;
        }

        @Override
        public long allocate(long bytes) {
            DevicePointer pointer = memory.allocate("automata of constraints", bytes);
            pointers.put(pointer.address(), pointer);
            return pointer.address();
        }

        @Override
        public void write(long address, ByteBuffer values) {
            Map.Entry<Long, DevicePointer> chunk = pointers.floorEntry(address);
            HostCopies.write(chunk.getValue().withByteOffset(address - chunk.getKey()), values);
        }
    }

    private record Chunk(long address, long bytes, TreeMap<Long, Long> taken) {
        /** Takes the first free piece of {@code size} bytes. */
        Optional<Long> take(long size) {
            long from = 0;
            for (Map.Entry<Long, Long> piece : taken.entrySet()) {
                if (piece.getKey() - from >= size) {
                    break;
                }
                from = piece.getKey() + piece.getValue();
            }
            if (bytes - from < size) {
                return Optional.empty();
            }
            taken.put(from, size);
            return Optional.of(address + from);
        }
    }

    private static final class Table {
        private final long address;
        private long lastUse;

        Table(long address) {
            this.address = address;
        }
    }

    AutomatonTables(DeviceMemory memory) {
        this(new OfDevice(memory), CHUNK, ROOM);
    }

    AutomatonTables(Memory memory, long chunkBytes, long room) {
        this.memory = memory;
        this.chunkBytes = chunkBytes;
        this.room = room;
        addChunk(chunkBytes);
    }

    private void addChunk(long size) {
        chunks.add(new Chunk(memory.allocate(size), size, new TreeMap<>()));
        bytes += size;
    }

    /** Begins the next step: later requests belong to it. */
    void beginStep() {
        step++;
    }

    /** Returns the address of an automaton, for the step that began last. */
    long addressOf(TokenAutomaton automaton) {
        Table table = tables.get(automaton);
        if (table == null) {
            table = new Table(upload(automaton));
            tables.put(automaton, table);
        }
        table.lastUse = step;
        return table.address;
    }

    private long upload(TokenAutomaton automaton) {
        boolean narrow = automaton.classes() <= CLASSES_OF_16_BITS;
        int tokens = automaton.classOf().length;
        long nextAt = aligned(HEADER_BYTES + (long) tokens * (narrow ? Short.BYTES : Integer.BYTES));
        long fewestAt = aligned(nextAt + (long) automaton.next().length * Integer.BYTES);
        long size = aligned(fewestAt + (long) automaton.fewestTokens().length * Integer.BYTES);
        long address = take(size);
        ByteBuffer host = ByteBuffer.allocateDirect(Math.toIntExact(size)).order(ByteOrder.nativeOrder());
        host.putLong(address + nextAt)
                .putLong(address + fewestAt)
                .putLong(address + HEADER_BYTES)
                .putInt(automaton.classes())
                .putInt(tokens);
        for (int tokenClass : automaton.classOf()) {
            if (narrow) {
                host.putShort((short) tokenClass);
            } else {
                host.putInt(tokenClass);
            }
        }
        putInts(host, nextAt, automaton.next());
        putInts(host, fewestAt, automaton.fewestTokens());
        memory.write(address, host.rewind());
        return address;
    }

    private static long aligned(long at) {
        return (at + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    private static void putInts(ByteBuffer host, long at, int[] values) {
        host.position((int) at)
                .slice()
                .order(ByteOrder.nativeOrder())
                .asIntBuffer()
                .put(values);
    }

    private long take(long size) {
        Optional<Long> found = takeFree(size);
        while (found.isEmpty()) {
            if (bytes + Math.max(chunkBytes, size) <= room || !dropOldest()) {
                addChunk(Math.max(chunkBytes, size));
            }
            found = takeFree(size);
        }
        return found.get();
    }

    private Optional<Long> takeFree(long size) {
        for (Chunk chunk : chunks) {
            Optional<Long> found = chunk.take(size);
            if (found.isPresent()) {
                return found;
            }
        }
        return Optional.empty();
    }

    /** Drops the automaton unused for longest; returns {@code false} if steps under way may read all of them. */
    private boolean dropOldest() {
        Optional<Map.Entry<TokenAutomaton, Table>> oldest = tables.entrySet().stream()
                .filter(entry -> entry.getValue().lastUse <= step - StepTurns.COUNT)
                .min(Comparator.comparingLong(entry -> entry.getValue().lastUse));
        oldest.ifPresent(entry -> {
            long address = entry.getValue().address;
            chunks.stream()
                    .filter(chunk -> address >= chunk.address() && address < chunk.address() + chunk.bytes())
                    .forEach(chunk -> chunk.taken().remove(address - chunk.address()));
            tables.remove(entry.getKey());
        });
        return oldest.isPresent();
    }
}
