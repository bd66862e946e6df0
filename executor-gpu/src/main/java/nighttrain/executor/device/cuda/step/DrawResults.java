package nighttrain.executor.device.cuda.step;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.device.Draw;
import nighttrain.executor.device.Drawn;
import nighttrain.executor.device.RowShare;
import nighttrain.executor.device.cuda.driver.DeviceMemory;
import nighttrain.executor.device.cuda.driver.DevicePointer;
import nighttrain.executor.device.cuda.driver.Stream;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.TokenLogprobs;

/**
 * What draw.cu wrote: a token per row, or the code of a {@link nighttrain.executor.device.LogitFault}, and the row's
 * {@code Likely} struct where log-probabilities were asked for. The tokens of all ranks stay on every GPU, for the next step to go
 * on with.
 */
public final class DrawResults {
    private static final int LIKELY_BYTES = Float.BYTES + SamplingParams.MAX_LOGPROBS * (Integer.BYTES + Float.BYTES);

    /** What ranks know the tokens by; a number that no activation buffer has. */
    private static final int ALLOCATION = 1 << 30;

    private final int ranks;
    private final int rows;
    private final CudaTensor own;
    private final CudaTensor all;
    private final DevicePointer likely;
    private final DeviceMemory.Pinned[] hostTokens = new DeviceMemory.Pinned[StepTurns.COUNT];
    private final DeviceMemory.Pinned[] hostLikely = new DeviceMemory.Pinned[StepTurns.COUNT];

    /** For at most {@code draws} draws in a step of all ranks. */
    public DrawResults(int draws, int ranks, DeviceMemory memory) {
        this.ranks = ranks;
        this.rows = RowShare.largest(draws, ranks);
        // A row for each rank to fetch, all alike: gathering rows gives every rank one row of each.
        this.own = tokens(memory, ALLOCATION, ranks, rows);
        this.all = ranks == 1 ? own : tokens(memory, ALLOCATION + 1, 1, ranks * rows);
        this.likely = memory.allocate("log-probabilities", (long) rows * LIKELY_BYTES);
        for (int turn = 0; turn < StepTurns.COUNT; turn++) {
            hostTokens[turn] = memory.pinned((long) rows * Integer.BYTES);
            hostLikely[turn] = memory.pinned((long) rows * LIKELY_BYTES);
        }
    }

    private static CudaTensor tokens(DeviceMemory memory, int allocation, int rows, int cols) {
        DevicePointer base = memory.allocate("drawn tokens", (long) rows * cols * Integer.BYTES);
        return new CudaTensor(base, allocation, 0, 1, rows, cols, rows, (long) rows * cols, Integer.BYTES);
    }

    /** This rank's tokens, {@link #copies} times. */
    public CudaTensor own() {
        return own;
    }

    public int copies() {
        return ranks;
    }

    /** Where those of all ranks are to go. */
    public CudaTensor all() {
        return all;
    }

    long allTokens() {
        return all.address();
    }

    /** Where draw {@code draw} of a step that made {@code draws} lies among the tokens of all ranks. */
    int placeOf(int draw, int draws) {
        int rank = RowShare.ownerOf(draw, draws, ranks);
        return rank * rows + draw - RowShare.of(draws, rank, ranks).from();
    }

    public long likely() {
        return likely.address();
    }

    /** Enqueues the copy of the answers to {@code draws} that {@link #read} reads. */
    public void fetch(List<Draw> draws, int turn, Stream stream) {
        if (draws.size() > rows) {
            throw new IllegalArgumentException("draws in a step: " + draws.size() + " (at most " + rows + ")");
        }
        hostTokens[turn].copyFrom(own.base(), (long) draws.size() * Integer.BYTES, stream);
        if (draws.stream().anyMatch(DrawResults::wantsLogprobs)) {
            hostLikely[turn].copyFrom(likely, (long) draws.size() * LIKELY_BYTES, stream);
        }
    }

    /** The answers to {@code draws}, once fetched. */
    public List<Drawn> read(List<Draw> draws, int turn) {
        List<Drawn> drawn = new ArrayList<>(draws.size());
        for (int i = 0; i < draws.size(); i++) {
            int token = hostTokens[turn].view().getInt(i * Integer.BYTES);
            drawn.add(new Drawn(
                    token,
                    token >= 0 && wantsLogprobs(draws.get(i))
                            ? Optional.of(logprobs(hostLikely[turn].view(), i, token, draws.get(i)))
                            : Optional.empty()));
        }
        return drawn;
    }

    private static boolean wantsLogprobs(Draw draw) {
        return draw.sampling().logprobs() >= 0 || draw.given() != Draw.NONE;
    }

    private static TokenLogprobs logprobs(ByteBuffer view, int row, int token, Draw draw) {
        int at = row * LIKELY_BYTES;
        int candidateTokens = at + Float.BYTES;
        int candidateLogprobs = candidateTokens + SamplingParams.MAX_LOGPROBS * Integer.BYTES;
        List<TokenLogprobs.Candidate> candidates = new ArrayList<>();
        for (int k = 0; k < draw.sampling().logprobs(); k++) {
            candidates.add(new TokenLogprobs.Candidate(
                    view.getInt(candidateTokens + k * Integer.BYTES),
                    view.getFloat(candidateLogprobs + k * Float.BYTES)));
        }
        return new TokenLogprobs(token, view.getFloat(at), candidates);
    }
}
