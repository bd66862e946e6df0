package nighttrain.executor.device.cuda.step;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.device.Communicator.RowShare;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DeviceMemory.DevicePointer;
import nighttrain.executor.device.cuda.driver.Streams.Stream;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.executor.request.Generation.TokenLogprobs;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.step.SampleRequest;
import nighttrain.executor.step.SampledToken;

/**
 * The results of sample.cu: a token per row, or the code of a {@link nighttrain.executor.step.SampledToken.LogitFault}, and the row's {@code Likely}
 * struct if log-probabilities were asked for. The tokens of all ranks stay on every GPU as inputs of the next step.
 */
public final class SampleResults {
    private static final int LIKELY_BYTES = Float.BYTES + SamplingParams.MAX_LOGPROBS * (Integer.BYTES + Float.BYTES);

    /** Number of the allocation of tokens, equal on all ranks; no activation buffer has it. */
    private static final int ALLOCATION = 1 << 30;

    private final int ranks;
    private final int rows;
    private final CudaTensor own;
    private final CudaTensor all;
    private final DevicePointer likely;
    private final DeviceMemory.Pinned[] hostTokens = new DeviceMemory.Pinned[StepTurns.COUNT];
    private final DeviceMemory.Pinned[] hostLikely = new DeviceMemory.Pinned[StepTurns.COUNT];

    /** Allocates for at most {@code samples} samples of all ranks in a step. */
    public SampleResults(int samples, int ranks, DeviceMemory memory) {
        this.ranks = ranks;
        this.rows = RowShare.largest(samples, ranks);
        // One equal row for each rank to fetch: gathering rows gives every rank one row of each rank.
        this.own = tokens(memory, ALLOCATION, ranks, rows);
        this.all = ranks == 1 ? own : tokens(memory, ALLOCATION + 1, 1, ranks * rows);
        this.likely = memory.allocate("log-probabilities", (long) rows * LIKELY_BYTES);
        for (int turn = 0; turn < StepTurns.COUNT; turn++) {
            hostTokens[turn] = memory.pinned((long) rows * Integer.BYTES);
            hostLikely[turn] = memory.pinned((long) rows * LIKELY_BYTES);
        }
    }

    private static CudaTensor tokens(DeviceMemory memory, int allocation, int rows, int cols) {
        DevicePointer base = memory.allocate("sampled tokens", (long) rows * cols * Integer.BYTES);
        return new CudaTensor(base, allocation, 0, 1, rows, cols, rows, (long) rows * cols, Integer.BYTES);
    }

    /** This rank's tokens, {@link #copies} times. */
    public CudaTensor own() {
        return own;
    }

    public int copies() {
        return ranks;
    }

    /** Tokens of all ranks, which gathering fills. */
    public CudaTensor all() {
        return all;
    }

    long allTokens() {
        return all.address();
    }

    /** Returns the index of sample {@code sample}, of a step with {@code samples} samples, among the tokens of all ranks. */
    int placeOf(int sample, int samples) {
        int rank = RowShare.ownerOf(sample, samples, ranks);
        return rank * rows + sample - RowShare.of(samples, rank, ranks).from();
    }

    public long likely() {
        return likely.address();
    }

    /** Enqueues the copy of the results of {@code samples} that {@link #read} reads. */
    public void fetch(List<SampleRequest> samples, int turn, Stream stream) {
        if (samples.size() > rows) {
            throw new IllegalArgumentException("samples in a step: " + samples.size() + " (at most " + rows + ")");
        }
        hostTokens[turn].copyFrom(own.base(), (long) samples.size() * Integer.BYTES, stream);
        if (samples.stream().anyMatch(SampleResults::wantsLogprobs)) {
            hostLikely[turn].copyFrom(likely, (long) samples.size() * LIKELY_BYTES, stream);
        }
    }

    /** Returns the results of {@code samples}, once fetched. */
    public List<SampledToken> read(List<SampleRequest> samples, int turn) {
        List<SampledToken> sampled = new ArrayList<>(samples.size());
        for (int i = 0; i < samples.size(); i++) {
            int token = hostTokens[turn].view().getInt(i * Integer.BYTES);
            sampled.add(new SampledToken(
                    token,
                    token >= 0 && wantsLogprobs(samples.get(i))
                            ? Optional.of(logprobs(hostLikely[turn].view(), i, token, samples.get(i)))
                            : Optional.empty()));
        }
        return sampled;
    }

    private static boolean wantsLogprobs(SampleRequest sample) {
        return sample.sampling().logprobs() >= 0 || sample.given() != SampleRequest.NONE;
    }

    private static TokenLogprobs logprobs(ByteBuffer view, int row, int token, SampleRequest sample) {
        int at = row * LIKELY_BYTES;
        int candidateTokens = at + Float.BYTES;
        int candidateLogprobs = candidateTokens + SamplingParams.MAX_LOGPROBS * Integer.BYTES;
        List<TokenLogprobs.Candidate> candidates = new ArrayList<>();
        for (int k = 0; k < sample.sampling().logprobs(); k++) {
            float logprob = view.getFloat(candidateLogprobs + k * Float.BYTES);
            if (logprob == Float.NEGATIVE_INFINITY) {
                break; // neither this token nor those after it can be sampled
            }
            candidates.add(new TokenLogprobs.Candidate(view.getInt(candidateTokens + k * Integer.BYTES), logprob));
        }
        return new TokenLogprobs(token, view.getFloat(at), candidates);
    }
}
