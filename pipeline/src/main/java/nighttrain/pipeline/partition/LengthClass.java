package nighttrain.pipeline.partition;

/** Prompts whose estimated tokens are within a fifth of each other count as equally long. */
final class LengthClass {
    /** More than any prompt has. */
    static final int COUNT = 128;

    private static final int PER_OCTAVE = 4;

    private LengthClass() {}

    /** The class of that many tokens, from 0; longer prompts have higher ones. */
    static int of(long tokens) {
        double octaves = Math.log(Math.max(1, tokens)) / Math.log(2);
        return (int) Math.min(COUNT - 1, Math.round(octaves * PER_OCTAVE));
    }
}
