package nighttrain.io.spec;

import java.util.List;

/** The part of a layer that lets tokens see one another. */
public sealed interface Mixer permits Attention {
    List<Parameter> parameters();

    /** Its sizes, for people: {@code 32 heads (8 KV) of 128}. */
    String shape();

    /** What sets it apart, for people. */
    List<String> traits();

    /** What one token leaves in the cache of one track, in elements. */
    long cachedElementsPerToken();
}
