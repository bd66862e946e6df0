package nighttrain.executor.device.cuda;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.device.Draw;
import nighttrain.executor.device.Drawn;
import nighttrain.executor.request.SamplingParams;
import nighttrain.executor.request.TokenLogprobs;

/** What draw.cu wrote: a token per row, and its {@code Likely} struct where log-probabilities were asked for. */
final class DrawResults {
    private static final int LIKELY_BYTES = Float.BYTES + SamplingParams.MAX_LOGPROBS * (Integer.BYTES + Float.BYTES);

    private final int rows;
    private final DevicePointer tokens;
    private final DevicePointer likely;
    private final DeviceMemory.Pinned hostTokens;
    private final DeviceMemory.Pinned hostLikely;

    DrawResults(int rows, DeviceMemory memory) {
        this.rows = rows;
        this.tokens = memory.allocate("drawn tokens", (long) rows * Integer.BYTES);
        this.likely = memory.allocate("log-probabilities", (long) rows * LIKELY_BYTES);
        this.hostTokens = memory.pinned((long) rows * Integer.BYTES);
        this.hostLikely = memory.pinned((long) rows * LIKELY_BYTES);
    }

    long tokens() {
        return tokens.address();
    }

    long likely() {
        return likely.address();
    }

    /** Waits for the device and reads the answers to {@code draws}. */
    List<Drawn> read(List<Draw> draws, Streams streams) {
        if (draws.size() > rows) {
            throw new IllegalArgumentException("draws in a step: " + draws.size() + " (at most " + rows + ")");
        }
        hostTokens.copyFrom(tokens, (long) draws.size() * Integer.BYTES, streams.main());
        if (draws.stream().anyMatch(DrawResults::wantsLogprobs)) {
            hostLikely.copyFrom(likely, (long) draws.size() * LIKELY_BYTES, streams.main());
        }
        streams.synchronize();
        List<Drawn> drawn = new ArrayList<>(draws.size());
        for (int i = 0; i < draws.size(); i++) {
            int token = hostTokens.view().getInt(i * Integer.BYTES);
            drawn.add(new Drawn(
                    token,
                    wantsLogprobs(draws.get(i)) ? Optional.of(logprobs(i, token, draws.get(i))) : Optional.empty()));
        }
        return drawn;
    }

    private static boolean wantsLogprobs(Draw draw) {
        return draw.sampling().logprobs() >= 0 || draw.given() != Draw.NONE;
    }

    private TokenLogprobs logprobs(int row, int token, Draw draw) {
        ByteBuffer view = hostLikely.view();
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
