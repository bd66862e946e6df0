package nighttrain.executor.device;

/**
 * What one device gives at best, as measured.
 *
 * @param bytesPerSecond of a large copy, bytes read and bytes written
 * @param flopsPerSecond of a large bf16 matrix product of random numbers
 */
public record PeakRates(double bytesPerSecond, double flopsPerSecond) {}
