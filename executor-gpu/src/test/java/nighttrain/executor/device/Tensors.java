package nighttrain.executor.device;

/** Tensors and matrices of given values. */
final class Tensors {
    private Tensors() {}

    static Tensor holding(Device device, float[] values, int tracks, int rows, int cols) {
        Tensor tensor = device.tensor("test", tracks, rows, cols);
        device.write(tensor, values);
        return tensor;
    }

    static Matrix.Rows rows(float[] values, int outputs, int inputs) {
        return (track, output, target) ->
                System.arraycopy(values, (track * outputs + output) * inputs, target, 0, inputs);
    }
}
