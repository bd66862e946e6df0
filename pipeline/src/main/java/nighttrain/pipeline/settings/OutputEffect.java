package nighttrain.pipeline.settings;

/** Whether a setting changes the output of a job, and so whether a job may be resumed with another value of it. */
public enum OutputEffect {
    /** Its value changes the output: it is part of a job's fingerprint. */
    BY_VALUE,
    /** What it leads to changes the output: the fingerprint has the model, the input, the prompts or the context length itself. */
    BY_CONTENT,
    /** It changes where, when or how fast; at most the rounding of a sum. */
    NONE
}
