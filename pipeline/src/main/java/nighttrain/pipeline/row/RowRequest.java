package nighttrain.pipeline.row;

/**
 * What a row asks for.
 *
 * @param prompt what to go on with
 * @param decoding how
 */
public record RowRequest(Prompt prompt, Decoding decoding) {}
