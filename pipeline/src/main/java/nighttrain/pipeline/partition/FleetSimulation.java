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
 * Simulates a run on many executors, task by task. Tasks are those of {@link TaskPartitions}, started in order as slots become free,
 * and the tasks of an executor share its engine. The simulation has no tokens and no steps, so a thousand executors take a second.
 */
public final class FleetSimulation {
    private static final double SECONDS_PER_DAY = 86_400;

    /** An executor's next change; void once the executor has changed otherwise. */
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
        for (int round = 0; round < fleet.slots(); round++) { // as Spark does: one task to each executor in turn
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

    /** Until an executor fails, in seconds; many small chances make it exponential. */
    private double lifetime() {
        return fleet.failuresPerDay() == 0
                ? Double.POSITIVE_INFINITY
                : -Math.log(1 - random.nextDouble()) * SECONDS_PER_DAY / fleet.failuresPerDay();
    }

    /**
     * The outcome of a simulation.
     *
     * @param seconds from the first executor's start to the last row
     * @param busyShare of the executors' time in which they were at work, weighed by what they could have done, 0 to 1
     * @param tasks the number of tasks
     * @param failures of executors
     */
    public record FleetForecast(double seconds, double busyShare, int tasks, int failures) {}
}
