package nighttrain.io.spec;

import java.util.List;

/** The part of a layer that sees one token at a time. */
public sealed interface FeedForward permits Mlp {
    List<Parameter> parameters();

    /** Its sizes, for people: {@code MLP 14336}. */
    String shape();

    /** What sets it apart, for people. */
    List<String> traits();
}
