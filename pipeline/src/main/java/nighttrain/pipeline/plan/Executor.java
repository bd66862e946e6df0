package nighttrain.pipeline.plan;

import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import nighttrain.pipeline.order.Cuts.Cut;

/**
 * An executor of a simulation. A task is launched, then works with the others on the engine, each by the sequences that it can keep
 * running; then it waits for its last rows, or for its longest, while the others have the engine.
 */
final class Executor {
    private final Fleet fleet;
    private final double speed;
    private final List<Task> running = new ArrayList<>();
    private double now;
    private double upFrom;
    private double failsAt;
    private int version;

    private static final class Task {
        private final Cut cut;
        private double startsAt;
        private double left;
        private double endsAt = Double.POSITIVE_INFINITY;

        Task(Cut cut, double startsAt) {
            this.cut = cut;
            this.startsAt = startsAt;
            this.left = cut.work();
        }

        boolean isWorking(double at) {
            return at >= startsAt && left > 0;
        }
    }

    Executor(Fleet fleet, double speed, double upFrom, double lifetime) {
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
        double sequences = sequences(now);
        for (Task task : running) {
            if (task.isWorking(now)) {
                task.left -= passed * rate(task, sequences);
                if (task.left <= 1e-9) {
                    task.left = 0;
                    task.endsAt =
                            Math.max(at + task.cut.lastS() / 2 / speed, task.startsAt + task.cut.longestS() / speed);
                }
            }
        }
        now = at;
        running.removeIf(task -> task.endsAt <= at);
    }

    /** Takes up tasks where slots are free. */
    void take(Deque<Cut> pending, double at) {
        version++;
        while (at >= upFrom && isIdle() && !pending.isEmpty()) {
            running.add(new Task(pending.removeFirst(), at + fleet.launchS()));
        }
    }

    /** Gives back what its tasks had left; rows in flight, half done on average, are computed again. */
    List<Cut> fail(double upAgain, double lifetime) {
        List<Cut> back = running.stream().map(this::rest).toList();
        running.clear();
        upFrom = upAgain;
        failsAt = upAgain + lifetime;
        return back;
    }

    private Cut rest(Task task) {
        double perRow = task.cut.work() / task.cut.rows();
        double inFlight = Math.min(task.cut.rows(), (double) fleet.maxNumSeqs() / fleet.slots());
        double work = Math.min(task.cut.work(), task.left + inFlight * perRow / 2);
        return new Cut(work / perRow, work, task.cut.longestS(), task.cut.lastS());
    }

    /** When something will begin or end here if nothing else happens. */
    double nextChange() {
        if (running.isEmpty()) {
            return now < upFrom ? upFrom : failsAt;
        }
        double sequences = sequences(now);
        double next = failsAt;
        for (Task task : running) {
            double at = now < task.startsAt
                    ? task.startsAt
                    : task.left > 0 ? now + task.left / rate(task, sequences) : task.endsAt;
            next = Math.min(next, at);
        }
        return Math.max(now, next);
    }

    /** Sequences that the tasks at work can keep running, or all that the engine takes. */
    private double sequences(double at) {
        double wanted = running.stream()
                .filter(task -> task.isWorking(at))
                .mapToDouble(task -> wanted(task.cut))
                .sum();
        return Math.max(wanted, fleet.maxNumSeqs());
    }

    private double wanted(Cut cut) {
        return Math.min(cut.rows(), fleet.maxNumSeqs());
    }

    private double rate(Task task, double sequences) {
        return speed * wanted(task.cut) / sequences;
    }
}
