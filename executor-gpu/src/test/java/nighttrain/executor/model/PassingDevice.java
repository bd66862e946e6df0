package nighttrain.executor.model;

import java.util.Optional;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Device.GraphRecorder;
import nighttrain.executor.device.ExpertOps;
import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.Ops;
import nighttrain.executor.device.Ops.KvPages;
import nighttrain.executor.device.RecurrentOps;
import nighttrain.executor.device.Sampler;
import nighttrain.executor.device.StepIo;
import nighttrain.executor.device.Tensor;
import nighttrain.io.spec.KvFormat;
import nighttrain.io.spec.WeightFormat;

/** A device that delegates everything to another, so that a subclass can change one thing. */
class PassingDevice implements Device {
    final Device real;

    PassingDevice(Device real) {
        this.real = real;
    }

    @Override
    public Ops ops() {
        return real.ops();
    }

    @Override
    public Optional<ExpertOps> expertOps() {
        return real.expertOps();
    }

    @Override
    public Optional<RecurrentOps> recurrentOps() {
        return real.recurrentOps();
    }

    @Override
    public Sampler sampler() {
        return real.sampler();
    }

    @Override
    public StepIo stepIo() {
        return real.stepIo();
    }

    @Override
    public Communicator communicator() {
        return real.communicator();
    }

    @Override
    public Tensor tensor(String role, int tracks, int rows, int cols) {
        return real.tensor(role, tracks, rows, cols);
    }

    @Override
    public Tensor logits(String role, int tracks, int rows, int cols) {
        return real.logits(role, tracks, rows, cols);
    }

    @Override
    public Tensor constant(String role, int tracks, int rows, int cols, float[] values) {
        return real.constant(role, tracks, rows, cols, values);
    }

    @Override
    public Tensor table(String role, int rows, int cols, Matrix.Rows values) {
        return real.table(role, rows, cols, values);
    }

    @Override
    public Matrix matrix(
            String role,
            int tracks,
            int outputs,
            int inputs,
            Matrix.Rows rows,
            Optional<float[]> bias,
            WeightFormat format) {
        return real.matrix(role, tracks, outputs, inputs, rows, bias, format);
    }

    @Override
    public Matrix experts(
            String role,
            int slabs,
            int outputs,
            int inputs,
            Matrix.Rows rows,
            Optional<float[]> bias,
            WeightFormat format) {
        return real.experts(role, slabs, outputs, inputs, rows, bias, format);
    }

    @Override
    public KvPages kvPages(
            String role, int group, int tracks, int pages, int pageTokens, int kvHeads, int headDim, KvFormat format) {
        return real.kvPages(role, group, tracks, pages, pageTokens, kvHeads, headDim, format);
    }

    @Override
    public void write(Tensor tensor, float[] values) {
        real.write(tensor, values);
    }

    @Override
    public Optional<GraphRecorder> recorder() {
        return real.recorder();
    }

    @Override
    public float[] read(Tensor tensor) {
        return real.read(tensor);
    }

    @Override
    public void close() {
        real.close();
    }
}
