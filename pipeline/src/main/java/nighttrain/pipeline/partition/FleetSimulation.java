package nighttrain.pipeline.partition;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
import nighttrain.pipeline.partition.TaskPartitions.TaskPartition;

/**
 * Simulates a run on many executors, task by task. The tasks of {@link TaskPartitions} start in order as slots become free, and the tasks
 * of an executor share its engine. The simulation has no tokens and no steps, so it simulates a thousand executors in a second.
 */
public final class FleetSimulation {
    private static final double SECONDS_PER_DAY = 86_400;

    /** An executor's next change; void once another change has come first. */
    private record Event(double at, SimulatedExecutor executor, int version) {}

    private final Fleet fleet;
    private final Deque<TaskPartition> pending;
    private final int tasks;
    private final double work;
    private final SplittableRandom random = new SplittableRandom(1);
    private final PriorityQueue<Event> events = new PriorityQueue<>(Comparator.comparingDouble(Event::at));
    private final List<SimulatedExecutor> executors = new ArrayList<>();
    private int failures;

    private FleetSimulation(Fleet fleet, List<TaskPartition> tasks) {
        this.fleet = fleet;
        this.pending = new ArrayDeque<>(tasks);
        this.tasks = tasks.size();
        this.work = tasks.stream().mapToDouble(TaskPartition::work).sum();
        int slow = (int) Math.round(fleet.slowShare() * fleet.executors());
        for (int i = 0; i < fleet.executors(); i++) {
            double startsAt = fleet.spreadS() * i / fleet.executors();
            executors.add(new SimulatedExecutor(fleet, i < slow ? 1 / fleet.slowness() : 1, startsAt, lifetime()));
        }
    }

    /** Runs the tasks, in this order. */
    public static FleetForecast run(Fleet fleet, List<TaskPartition> tasks) {
        return new FleetSimulation(fleet, tasks).run();
    }

    private FleetForecast run() {
        for (int round = 0; round < fleet.slots(); round++) { // like Spark, gives one task to each executor in turn
            executors.forEach(it -> it.takeOne(pending, 0));
        }
        executors.forEach(this::schedule);
        double now = 0;
        while (!pending.isEmpty() || executors.stream().anyMatch(SimulatedExecutor::isBusy)) {
            Event event = events.remove();
            if (event.version() == event.executor().version()) {
                now = event.at();
                happen(event.executor(), now);
            }
        }
        double could =
                now * executors.stream().mapToDouble(SimulatedExecutor::speed).sum();
        return new FleetForecast(now, could == 0 ? 0 : Math.min(1, work / could), tasks, failures);
    }

    private void happen(SimulatedExecutor executor, double now) {
        executor.advance(now);
        if (executor.failsAt() <= now) {
            failures++;
            List<TaskPartition> back = executor.fail(now + fleet.restartS(), lifetime());
            for (int i = back.size() - 1; i >= 0; i--) {
                pending.addFirst(back.get(i));
            }
            executors.stream().filter(SimulatedExecutor::isIdle).forEach(idle -> wake(idle, now));
        }
        executor.take(pending, now);
        schedule(executor);
    }

    private void wake(SimulatedExecutor idle, double now) {
        idle.advance(now);
        idle.take(pending, now);
        schedule(idle);
    }

    private void schedule(SimulatedExecutor executor) {
        double at = executor.nextChange();
        if (at < Double.POSITIVE_INFINITY) {
            events.add(new Event(at, executor, executor.version()));
        }
    }

    /**
     * Returns a random time until an executor fails, in seconds. It is exponentially distributed, as failures are equally likely at any
     * time.
     */
    private double lifetime() {
        return fleet.failuresPerDay() == 0
                ? Double.POSITIVE_INFINITY
                : -Math.log(1 - random.nextDouble()) * SECONDS_PER_DAY / fleet.failuresPerDay();
    }

    /**
     * The outcome of a simulation.
     *
     * @param seconds time from the first executor's start to the last row
     * @param busyShare work done as a share of the work that the executors could have done in that time, 0 to 1
     * @param tasks the number of tasks
     * @param failures number of executor failures
     */
    public record FleetForecast(double seconds, double busyShare, int tasks, int failures) {}

    /**
     * An executor of a simulation. A task starts, then shares the engine with the other tasks in proportion to the sequences that it can
     * keep running, then waits for its last or its longest rows while the other tasks use the engine. The rows for which the engine has
     * room when a task starts are computed before later rows: the first tasks have the longest rows.
     */
    static final class SimulatedExecutor {
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

            /** {@code room}: rows that the engine takes when the task starts. */
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

        /** Returns a number that changes whenever the predicted next event becomes void. */
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
                                at + task.partition.lastS() / 2 / speed,
                                task.startsAt + task.partition.longestS() / speed);
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

        /** Returns the time of this executor's next change if nothing else happens. */
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

        /** Sequences that the working tasks can keep running: with the rows that the engine computes first, and with the rest. */
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

        /** Returns the rate of a task, in seconds of a full engine's work per second. */
        private double rate(Task task, Demand demand) {
            double all = fleet.maxNumSeqs();
            if (task.first > 0) {
                return speed * wanted(task.partition) / Math.max(demand.first, all);
            }
            double free = Math.max(0, all - demand.first);
            return speed * wanted(task.partition) / Math.max(demand.rest, free) * free / all;
        }
    }

    /**
     * Executors that share a job, and their failures.
     *
     * @param executors number of executors, with one engine each
     * @param slots tasks that feed an engine at a time
     * @param maxNumSeqs sequences that an engine runs at a time, over its replicas
     * @param launchS seconds from a task's end to the next one's first row
     * @param spreadS seconds over which executors start, one after the other
     * @param slowShare share of slow executors, 0 to 1: they are the first, which get the longest rows, so this is the worst case
     * @param slowness how many times slower the slow executors are
     * @param failuresPerDay failures per day of one executor
     * @param restartS seconds until another executor replaces a failed one
     */
    public record Fleet(
            int executors,
            int slots,
            int maxNumSeqs,
            double launchS,
            double spreadS,
            double slowShare,
            double slowness,
            double failuresPerDay,
            double restartS) {
        public Fleet {
            if (executors < 1 || slots < 1 || maxNumSeqs < 1) {
                throw new IllegalArgumentException(
                        "fleet: " + executors + " x " + slots + " x " + maxNumSeqs + " (each at least 1)");
            }
        }

        /** Returns a fleet of equal executors that never fail and all start at once. */
        public static Fleet healthy(int executors, int slots, int maxNumSeqs) {
            return new Fleet(executors, slots, maxNumSeqs, 0.1, 0, 0, 1, 0, 0);
        }
    }
}
