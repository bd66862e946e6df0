package nighttrain.pipeline.partition;

/**
 * What became of many executors in a simulation.
 *
 * @param seconds from the first executor's start to the last row
 * @param busyShare of the executors' time in which they were at work, weighed by what they could have done, 0 to 1
 * @param tasks that the rows were cut into
 * @param failures of executors
 */
public record FleetForecast(double seconds, double busyShare, int tasks, int failures) {}
