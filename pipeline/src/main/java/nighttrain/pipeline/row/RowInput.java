package nighttrain.pipeline.row;

/**
 * What the input says of a row.
 *
 * @param row position in its file, from 0
 * @param prompt text to complete, or the row's whole request; null beside messages
 * @param messages conversation to continue, as JSON, or null
 */
public record RowInput(long row, String prompt, String messages) {}
