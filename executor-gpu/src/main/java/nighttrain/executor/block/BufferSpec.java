package nighttrain.executor.block;

/**
 * A buffer that a block works in: a row per token and track. Blocks that name the same one share it, since one runs at a time.
 *
 * @param role what it is for, named in errors
 * @param cols of one track
 */
public record BufferSpec(String role, int cols) {}
