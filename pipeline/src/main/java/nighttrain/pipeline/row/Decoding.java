package nighttrain.pipeline.row;

import java.io.Serializable;
import java.util.List;
import nighttrain.executor.request.SamplingParams;

/**
 * How an output comes about.
 *
 * @param sampling how tokens are chosen
 * @param stop texts that end it
 * @param seed of every random number
 */
public record Decoding(SamplingParams sampling, List<String> stop, long seed) implements Serializable {
    public Decoding {
        stop = List.copyOf(stop);
    }
}
