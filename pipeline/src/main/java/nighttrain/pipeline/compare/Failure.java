package nighttrain.pipeline.compare;

/**
 * Why a cell has no figures.
 *
 * @param why in one line
 * @param refused whether it can never work (it does not fit, the layout does not divide the model); else something broke
 */
public record Failure(String why, boolean refused) {}
