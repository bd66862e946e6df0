package nighttrain.executor.device.cpu;

import java.util.List;
import nighttrain.executor.device.Sampler;
import nighttrain.executor.device.StepIo;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampledToken;

/** The step of one rank: its batch, which {@link CpuOps} reads, and its samples. Every call returns when its work is done. */
final class CpuStep implements StepIo, Sampler {
    private final ThreadTeam team;
    private Batch batch = new Batch(new int[0], new int[0], new int[1], new int[0][], new int[0], List.of());
    private List<SampledToken> sampled = List.of();
    private long begunNanos;
    private long busyNanos;

    CpuStep(ThreadTeam team) {
        this.team = team;
    }

    Batch batch() {
        return batch;
    }

    @Override
    public void begin(Batch next) {
        batch = next;
        begunNanos = System.nanoTime();
    }

    @Override
    public void sample(Tensor logits, int first) {
        CpuTensor in = (CpuTensor) logits;
        SampledToken[] tokens = new SampledToken[in.rows()];
        team.run(
                tokens.length,
                i -> tokens[i] = CpuSampler.sample(batch.samples().get(first + i), in.data(), in.row(0, i), in.cols()));
        sampled = List.of(tokens);
        busyNanos += System.nanoTime() - begunNanos;
    }

    @Override
    public StepHandle end() {
        List<SampledToken> ofThisStep = sampled;
        return () -> ofThisStep;
    }

    @Override
    public long busyNanos() {
        return busyNanos;
    }
}
