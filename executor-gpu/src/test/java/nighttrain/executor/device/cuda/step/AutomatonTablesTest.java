package nighttrain.executor.device.cuda.step;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import nighttrain.executor.Dfa;
import nighttrain.io.constraint.TokenAutomaton;
import org.junit.jupiter.api.Test;

/** Tests tables of automata in simulated GPU memory. */
class AutomatonTablesTest {
    private static final int CHUNK = 40_000;

    /** Simulated memory: zeroed chunks at distinct addresses. */
    private static final class FakeMemory implements AutomatonTables.Memory {
        final TreeMap<Long, byte[]> chunks = new TreeMap<>();
        long bytes;
        int writes;

        @Override
        public long allocate(long size) {
            long address = 1_000_000L * (chunks.size() + 1);
            chunks.put(address, new byte[(int) size]);
            bytes += size;
            return address;
        }

        @Override
        public void write(long address, ByteBuffer values) {
            Map.Entry<Long, byte[]> chunk = chunks.floorEntry(address);
            values.get(chunk.getValue(), (int) (address - chunk.getKey()), values.capacity());
            writes++;
        }

        ByteBuffer at(long address) {
            Map.Entry<Long, byte[]> chunk = chunks.floorEntry(address);
            int from = (int) (address - chunk.getKey());
            return ByteBuffer.wrap(chunk.getValue(), from, chunk.getValue().length - from)
                    .slice()
                    .order(ByteOrder.nativeOrder());
        }
    }

    private final FakeMemory memory = new FakeMemory();

    private void check(TokenAutomaton automaton, long address) {
        ByteBuffer header = memory.at(address);
        ByteBuffer next = memory.at(header.getLong(0));
        ByteBuffer fewest = memory.at(header.getLong(8));
        ByteBuffer classOf = memory.at(header.getLong(16));
        assertThat(header.getInt(24)).isEqualTo(automaton.classes());
        assertThat(header.getInt(28)).isEqualTo(automaton.classOf().length);
        for (int i = 0; i < automaton.next().length; i++) {
            assertThat(next.getInt(4 * i)).isEqualTo(automaton.next()[i]);
        }
        for (int i = 0; i < automaton.fewestTokens().length; i++) {
            assertThat(fewest.getInt(4 * i)).isEqualTo(automaton.fewestTokens()[i]);
        }
        for (int i = 0; i < automaton.classOf().length; i++) {
            assertThat(automaton.classes() <= 65_536 ? classOf.getShort(2 * i) & 0xffff : classOf.getInt(4 * i))
                    .isEqualTo(automaton.classOf()[i]);
        }
    }

    private static TokenAutomaton automaton(Random random) {
        return Dfa.random(random, 2 + random.nextInt(30), 50 + random.nextInt(2_000), 7)
                .automaton();
    }

    /** Tables of the two latest steps stay intact; memory stays within its limit if no step needs more. */
    @Test
    void whatAStepUnderWayReadsStays() {
        Random random = new Random(3);
        AutomatonTables tables = new AutomatonTables(memory, CHUNK, 3 * CHUNK);
        List<TokenAutomaton> all = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            all.add(automaton(random));
        }
        Map<TokenAutomaton, Long> before = Map.of();
        for (int step = 0; step < 500; step++) {
            tables.beginStep();
            Map<TokenAutomaton, Long> now = new HashMap<>();
            for (int i = 0; i < 1 + step % 4; i++) {
                TokenAutomaton automaton = all.get(random.nextInt(all.size()));
                now.put(automaton, tables.addressOf(automaton));
            }
            before.forEach(this::check);
            now.forEach(this::check);
            before = now;
        }
        assertThat(memory.bytes).isLessThanOrEqualTo(3 * CHUNK);
        assertThat(memory.writes).as("some are dropped, and come again").isBetween(61, 1_200);
    }

    @Test
    void anAutomatonIsUploadedOnceWhileThereIsRoom() {
        AutomatonTables tables = new AutomatonTables(memory, CHUNK, 3 * CHUNK);
        TokenAutomaton automaton = automaton(new Random(1));
        for (int step = 0; step < 20; step++) {
            tables.beginStep();
            check(automaton, tables.addressOf(automaton));
        }
        assertThat(memory.writes).isEqualTo(1);
    }

    /** A table larger than the limit, and more tables in one step than fit, are uploaded anyway. */
    @Test
    void aStepGetsAllThatItNeeds() {
        AutomatonTables tables = new AutomatonTables(memory, 1_000, 2_000);
        Random random = new Random(5);
        tables.beginStep();
        Map<TokenAutomaton, Long> addresses = new HashMap<>();
        for (int i = 0; i < 20; i++) {
            TokenAutomaton automaton = automaton(random);
            addresses.put(automaton, tables.addressOf(automaton));
        }
        int[] classOf = new int[70_000];
        for (int token = 0; token < classOf.length; token++) {
            classOf[token] = token + 2;
        }
        int[] next = new int[70_002];
        TokenAutomaton wide = new TokenAutomaton(70_002, classOf, next, new int[] {0});
        addresses.put(wide, tables.addressOf(wide));
        addresses.forEach(this::check);
    }
}
