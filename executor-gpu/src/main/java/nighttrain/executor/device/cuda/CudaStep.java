package nighttrain.executor.device.cuda;

import java.util.List;
import java.util.Map;
import nighttrain.executor.device.Communicator.PeerFailedException;
import nighttrain.executor.device.Communicator.RowShare;
import nighttrain.executor.device.Sampler;
import nighttrain.executor.device.StepIo;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cuda.collective.CudaCommunicator;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.Streams;
import nighttrain.executor.device.cuda.kernel.Kernel;
import nighttrain.executor.device.cuda.kernel.KernelModules;
import nighttrain.executor.device.cuda.kernel.KernelSource;
import nighttrain.executor.device.cuda.recurrent.CudaRecurrentOps;
import nighttrain.executor.device.cuda.step.SampleResults;
import nighttrain.executor.device.cuda.step.StepInputs;
import nighttrain.executor.device.cuda.step.StepTurns;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;

/** The steps of one rank: uploads inputs, samples, and copies the samples back without a wait. */
final class CudaStep implements StepIo, Sampler, AutoCloseable {
    private static final int SAMPLE_THREADS = 1024;

    private final CudaContext context;
    private final KernelModules modules;
    private final Streams streams;
    private final StepInputs inputs;
    private final CudaAttention attention;
    private final CudaRecurrentOps recurrent;
    private final SampleResults results;
    private final CudaCommunicator ranks;
    private final CudaExperts experts;
    private final StepTurns turns = new StepTurns();

    CudaStep(
            CudaContext context,
            KernelModules modules,
            Streams streams,
            StepInputs inputs,
            CudaAttention attention,
            CudaRecurrentOps recurrent,
            SampleResults results,
            CudaCommunicator ranks,
            CudaExperts experts) {
        this.context = context;
        this.modules = modules;
        this.streams = streams;
        this.inputs = inputs;
        this.attention = attention;
        this.recurrent = recurrent;
        this.results = results;
        this.ranks = ranks;
        this.experts = experts;
    }

    @Override
    public void begin(Batch batch) {
        context.makeCurrent();
        int turn = turns.begin(streams);
        inputs.upload(batch, turn, streams.main());
        attention.begin(turn);
        recurrent.begin(turn);
    }

    @Override
    public void sample(Tensor logits, int first) {
        CudaTensor x = (CudaTensor) logits;
        modules.get("sample_rows", new KernelSource("sample.cu", Map.of()))
                .launch(
                        streams.main(),
                        Kernel.Grid.of(x.rows(), 1, SAMPLE_THREADS),
                        x.address(),
                        inputs.sampleTable(first),
                        results.own().address(),
                        results.copies(),
                        results.own().cols(),
                        results.likely(),
                        x.cols());
        ranks.gatherRows(results.all(), results.own());
    }

    @Override
    public StepHandle end() {
        int turn = turns.now();
        List<SampleRequest> all = inputs.batch().samples();
        RowShare share = RowShare.of(all.size(), ranks.rank(), ranks.size());
        List<SampleRequest> samples = all.subList(share.from(), share.from() + share.count());
        results.fetch(samples, turn, streams.main());
        ranks.readClock();
        experts.fetchLoad();
        turns.end(streams);
        return () -> await(samples, turn);
    }

    private List<SampledToken> await(List<SampleRequest> samples, int turn) {
        context.makeCurrent();
        turns.await(turn);
        if (ranks.hasFailedPeer()) {
            throw new PeerFailedException();
        }
        return results.read(samples, turn);
    }

    @Override
    public long busyNanos() {
        return turns.busyNanos();
    }

    @Override
    public void close() {
        turns.close();
    }
}
