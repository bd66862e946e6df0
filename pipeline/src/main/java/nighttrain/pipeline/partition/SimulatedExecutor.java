package nighttrain.pipeline.partition;

import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import nighttrain.pipeline.partition.TaskPartitions.TaskPartition;

/**
 * An executor of a simulation. A task is launched, then works with the others on the engine, each by the sequences that it can keep
 * running; then it waits for its last rows, or for its longest, while the others have the engine. What it finds room for when it
 * comes, the engine does before what comes later: the first tasks of all bring the longest rows.
 */
final class SimulatedExecutor {
    private static final double NOTHING = 1e-9;

    /** Rows that an engine has, running and waiting, for each that it can run. */
    private static final int ROWS_PER_SEQUENCE = 2;

    private final Fleet fleet;
    private final double speed;
    private final List<Task> running = new ArrayList<>();
    private double now;
    private double upFrom;
    private double failsAt;
    private int version;

    private static final class Task {
        private final TaskPartition cut;
        private final double startsAt;
        private double left;
        private double first;
        private double endsAt = Double.POSITIVE_INFINITY;

        /** {@code room}: rows that the engine takes at once. */
        Task(TaskPartition cut, double startsAt, double room) {
            this.cut = cut;
            this.startsAt = startsAt;
            this.left = cut.work();
            this.first = left * Math.min(1, room / cut.rows());
        }

        double rowsLeft() {
            return cut.rows() * left / cut.work();
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

    /** Changes whenever what was foreseen for it is void. */
    int version() {
        return version;
    }

    boolean isBusy() {
        return !running.isEmpty();
    }

    boolean isIdle() {
        return running.size() < fleet.slots();
    }

    /** Lets time pass, in which nothing begins or ends. */
    void advance(double at) {
        double passed = at - now;
        Demand demand = demand(now);
        for (Task task : running) {
            if (task.isWorking(now)) {
                task.work(passed * rate(task, demand));
                if (task.left == 0) {
                    task.endsAt =
                            Math.max(at + task.cut.lastS() / 2 / speed, task.startsAt + task.cut.longestS() / speed);
                }
            }
        }
        now = at;
        running.removeIf(task -> task.endsAt <= at);
    }

    /** Takes up tasks where slots are free. */
    void take(Deque<TaskPartition> pending, double at) {
        while (takeOne(pending, at)) {}
    }

    /** Takes up a task, where there is one and a slot is free; whether it did. */
    boolean takeOne(Deque<TaskPartition> pending, double at) {
        version++;
        if (at < upFrom || !isIdle() || pending.isEmpty()) {
            return false;
        }
        double there = running.stream().mapToDouble(Task::rowsLeft).sum();
        double room = Math.max(0, ROWS_PER_SEQUENCE * fleet.maxNumSeqs() - there);
        return running.add(new Task(pending.removeFirst(), at + fleet.launchS(), room));
    }

    /** Gives back what its tasks had left; rows in flight, half done on average, are computed again. */
    List<TaskPartition> fail(double upAgain, double lifetime) {
        List<TaskPartition> back = running.stream().map(this::rest).toList();
        running.clear();
        upFrom = upAgain;
        failsAt = upAgain + lifetime;
        return back;
    }

    private TaskPartition rest(Task task) {
        double perRow = task.cut.work() / task.cut.rows();
        double inFlight = Math.min(task.cut.rows(), (double) fleet.maxNumSeqs() / fleet.slots());
        double work = Math.min(task.cut.work(), task.left + inFlight * perRow / 2);
        return new TaskPartition(work / perRow, work, task.cut.longestS(), task.cut.lastS());
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
                first += task.first > 0 ? wanted(task.cut) : 0;
                rest += task.first > 0 ? 0 : wanted(task.cut);
            }
        }
        return new Demand(first, rest);
    }

    private double wanted(TaskPartition cut) {
        return Math.min(cut.rows(), fleet.maxNumSeqs());
    }

    /** Seconds of a full engine's work, a second. */
    private double rate(Task task, Demand demand) {
        double all = fleet.maxNumSeqs();
        if (task.first > 0) {
            return speed * wanted(task.cut) / Math.max(demand.first, all);
        }
        double free = Math.max(0, all - demand.first);
        return speed * wanted(task.cut) / Math.max(demand.rest, free) * free / all;
    }
}
