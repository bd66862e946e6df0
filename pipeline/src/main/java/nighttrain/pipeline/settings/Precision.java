package nighttrain.pipeline.settings;

/** The number format of the computation. */
public enum Precision {
    /** The best that the backend has: fp32 on the CPU. */
    AUTO,
    FP32,
    BF16
}
