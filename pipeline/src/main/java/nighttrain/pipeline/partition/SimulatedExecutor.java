package nighttrain.pipeline.partition;

import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import nighttrain.pipeline.partition.TaskPartitions.TaskPartition;

/**
 * An executor of a simulation. A task starts, then shares the engine with the other tasks in proportion to the sequences that it can
 * keep running, then waits for its last or its longest rows while the others have the engine. The engine computes the rows that it has
 * room for when a task starts before later rows: the first tasks have the longest rows.
 */
final class SimulatedExecutor {
    private static final double NOTHING = 1e-9;

    /** Rows that an engine holds, running and waiting, per sequence that it can run. */
    private static final int ROWS_PER_SEQUENCE = 2;

    private final Fleet fleet;
    private final double speed;
    private final List<Task> running = new ArrayList<>();
    private double now;
    private double upFrom;
    private double failsAt;
    private int version;

    private static final class Task {
        private final TaskPartition partition;
        private final double startsAt;
        private double left;
        private double first;
        private double endsAt = Double.POSITIVE_INFINITY;

        /** {@code room}: rows that the engine takes at once. */
        Task(TaskPartition partition, double startsAt, double room) {
            this.partition = partition;
            this.startsAt = startsAt;
            this.left = partition.work();
            this.first = left * Math.min(1, room / partition.rows());
        }

        double rowsLeft() {
            return partition.rows() * left / partition.work();
        }

        void work(double done) {
            left = rest(left, done);
            first = rest(first, done);
        }

        private static double rest(double work, double done) {
            return work - done <= NOTHING ? 0 : work - done;
        }

        boolean isWorking(double at) {
            return at >= startsAt && left > 0;
        }
    }

    SimulatedExecutor(Fleet fleet, double speed, double upFrom, double lifetime) {
        this.fleet = fleet;
        this.speed = speed;
        this.upFrom = upFrom;
        this.failsAt = upFrom + lifetime;
    }

    double speed() {
        return speed;
    }

    double upFrom() {
        return upFrom;
    }

    double failsAt() {
        return failsAt;
    }

    /** Changes whenever its predicted next event is void. */
    int version() {
        return version;
    }

    boolean isBusy() {
        return !running.isEmpty();
    }

    boolean isIdle() {
        return running.size() < fleet.slots();
    }

    /** Advances time, during which no task starts or ends. */
    void advance(double at) {
        double passed = at - now;
        Demand demand = demand(now);
        for (Task task : running) {
            if (task.isWorking(now)) {
                task.work(passed * rate(task, demand));
                if (task.left == 0) {
                    task.endsAt = Math.max(
                            at + task.partition.lastS() / 2 / speed, task.startsAt + task.partition.longestS() / speed);
                }
            }
        }
        now = at;
        running.removeIf(task -> task.endsAt <= at);
    }

    /** Starts tasks in free slots. */
    void take(Deque<TaskPartition> pending, double at) {
        while (takeOne(pending, at)) {}
    }

    /** Starts a task if there is one and a slot is free. Returns whether it did. */
    boolean takeOne(Deque<TaskPartition> pending, double at) {
        version++;
        if (at < upFrom || !isIdle() || pending.isEmpty()) {
            return false;
        }
        double there = running.stream().mapToDouble(Task::rowsLeft).sum();
        double room = Math.max(0, ROWS_PER_SEQUENCE * fleet.maxNumSeqs() - there);
        return running.add(new Task(pending.removeFirst(), at + fleet.launchS(), room));
    }

    /** Returns the rest of its tasks. Rows in flight, half done on average, are computed again. */
    List<TaskPartition> fail(double upAgain, double lifetime) {
        List<TaskPartition> back = running.stream().map(this::rest).toList();
        running.clear();
        upFrom = upAgain;
        failsAt = upAgain + lifetime;
        return back;
    }

    private TaskPartition rest(Task task) {
        double perRow = task.partition.work() / task.partition.rows();
        double inFlight = Math.min(task.partition.rows(), (double) fleet.maxNumSeqs() / fleet.slots());
        double work = Math.min(task.partition.work(), task.left + inFlight * perRow / 2);
        return new TaskPartition(work / perRow, work, task.partition.longestS(), task.partition.lastS());
    }

    /** When something will begin or end here if nothing else happens. */
    double nextChange() {
        if (running.isEmpty()) {
            return now < upFrom ? upFrom : failsAt;
        }
        Demand demand = demand(now);
        double next = failsAt;
        for (Task task : running) {
            double until = task.first > 0 ? task.first : task.left;
            double at = now < task.startsAt
                    ? task.startsAt
                    : task.left > 0 ? now + until / rate(task, demand) : task.endsAt;
            next = Math.min(next, at);
        }
        return Math.max(now, next);
    }

    /** Sequences that the tasks at work can keep running: with what the engine does first, and with the rest. */
    private record Demand(double first, double rest) {}

    private Demand demand(double at) {
        double first = 0;
        double rest = 0;
        for (Task task : running) {
            if (task.isWorking(at)) {
                first += task.first > 0 ? wanted(task.partition) : 0;
                rest += task.first > 0 ? 0 : wanted(task.partition);
            }
        }
        return new Demand(first, rest);
    }

    private double wanted(TaskPartition partition) {
        return Math.min(partition.rows(), fleet.maxNumSeqs());
    }

    /** Seconds of a full engine's work, a second. */
    private double rate(Task task, Demand demand) {
        double all = fleet.maxNumSeqs();
        if (task.first > 0) {
            return speed * wanted(task.partition) / Math.max(demand.first, all);
        }
        double free = Math.max(0, all - demand.first);
        return speed * wanted(task.partition) / Math.max(demand.rest, free) * free / all;
    }
}
