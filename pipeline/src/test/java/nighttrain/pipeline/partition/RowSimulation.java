package nighttrain.pipeline.partition;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import nighttrain.pipeline.partition.PartitionPlan.TaskOf;

/**
 * Simulates engines step by step. Tasks feed them as Spark and the feeder do, with each prompt in its task of {@link PartitionPlan}. A step gives
 * each running sequence a token; a slow engine takes one step while the others take several.
 */
final class RowSimulation {
    /** Steps from a task's end to the next task's first prompt, which Spark takes. */
    private static final int LAUNCH_STEPS = 2;
    /** Offers that the feeder makes at once. */
    private static final int OFFERS_AT_ONCE = 64;

    private final Random random = new Random(1);

    private final Slots slots;
    private final List<Engine> engines;
    private final Deque<Deque<Integer>> tasks = new ArrayDeque<>();
    private final int[] outputs;
    private final int taskCount;

    /** The outcome; {@code busy}: per step, the share of possible sequences that run on healthy engines. */
    record Outcome(int tasks, List<Double> busy) {
        int steps() {
            return busy.size();
        }

        double busyInLast(double share) {
            int from = (int) Math.ceil(steps() * (1 - share));
            return busy.subList(from, steps()).stream()
                    .mapToDouble(it -> it)
                    .average()
                    .orElseThrow();
        }
    }

    /**
     * @param estimates tokens of every prompt, as the partition plan estimates them
     * @param outputs steps that each prompt takes
     * @param slowness steps that pass while an engine takes one
     */
    RowSimulation(long[] estimates, int[] outputs, Slots slots, int... slowness) {
        this.slots = slots;
        this.outputs = outputs;
        this.engines = IntStream.of(slowness).mapToObj(Engine::new).toList();
        LengthHistogram lengths = new LengthHistogram();
        for (long estimate : estimates) {
            lengths.add(LengthHistogram.classOf(estimate), 1, estimate);
        }
        TokenLine line = TokenLine.of(lengths, PrefixGroups.none());
        TaskOf taskOf = new TaskOf(line, TaskSizes.ends(line, slots));
        List<List<Integer>> dealt = new ArrayList<>();
        IntStream.range(0, taskOf.tasks()).forEach(task -> dealt.add(new ArrayList<>()));
        for (int row = 0; row < estimates.length; row++) {
            dealt.get(taskOf.task(estimates[row], 0, row)).add(row);
        }
        dealt.forEach(rows -> {
            rows.sort(Comparator.comparingLong((Integer row) -> -estimates[row]));
            tasks.add(new ArrayDeque<>(rows));
        });
        this.taskCount = tasks.size();
    }

    Outcome run() {
        List<Double> busy = new ArrayList<>();
        for (int step = 0; engines.stream().anyMatch(Engine::hasWork) || !tasks.isEmpty(); step++) {
            int now = step;
            for (int round = 0; round < slots.perEngine(); round++) { // as Spark: each executor gets one task in turn
                engines.forEach(engine -> engine.takeTask(now));
            }
            engines.forEach(engine -> engine.feed(now));
            busy.add(engines.stream()
                    .filter(engine -> engine.slowness == 1)
                    .mapToDouble(engine -> (double) engine.running.size() / slots.maxNumSeqs())
                    .average()
                    .orElseThrow());
            engines.forEach(engine -> engine.step(now));
        }
        return new Outcome(taskCount, busy);
    }

    private static final class Slot {
        private Deque<Integer> rows = new ArrayDeque<>();
        private int inFlight;
        private int freeFrom;
    }

    private final class Sequence {
        private final Slot slot;
        private int left;

        Sequence(Slot slot, int row) {
            this.slot = slot;
            this.left = outputs[row];
        }

        boolean finishes() {
            left--;
            slot.inFlight -= left == 0 ? 1 : 0;
            return left == 0;
        }
    }

    private final class Engine {
        private final int slowness;
        private final List<Slot> mine = new ArrayList<>();
        private final Deque<Sequence> waiting = new ArrayDeque<>();
        private final List<Sequence> running = new ArrayList<>();

        Engine(int slowness) {
            this.slowness = slowness;
            IntStream.range(0, slots.perEngine()).forEach(slot -> mine.add(new Slot()));
        }

        boolean hasWork() {
            return mine.stream().anyMatch(slot -> slot.inFlight > 0 || !slot.rows.isEmpty());
        }

        void takeTask(int now) {
            for (Slot slot : mine) {
                if (slot.rows.isEmpty() && slot.inFlight == 0 && now >= slot.freeFrom && !tasks.isEmpty()) {
                    slot.rows = tasks.remove();
                    slot.freeFrom = now + LAUNCH_STEPS;
                    return;
                }
            }
        }

        void feed(int now) {
            // Tasks are threads, so it is random which of them finds room in the engine first. (Real sessions share
            // room more evenly.)
            Collections.shuffle(mine, random);
            mine.stream().filter(slot -> now >= slot.freeFrom).forEach(this::offer);
            while (running.size() < slots.maxNumSeqs() && !waiting.isEmpty()) {
                running.add(waiting.remove());
            }
        }

        private void offer(Slot slot) {
            for (int offers = 0; offers < OFFERS_AT_ONCE && !slot.rows.isEmpty(); offers++) {
                if (waiting.size() + running.size() == 2 * slots.maxNumSeqs()) {
                    return;
                }
                waiting.add(new Sequence(slot, slot.rows.remove()));
                slot.inFlight++;
            }
        }

        void step(int now) {
            if (now % slowness == 0) {
                running.removeIf(Sequence::finishes);
            }
        }
    }
}
