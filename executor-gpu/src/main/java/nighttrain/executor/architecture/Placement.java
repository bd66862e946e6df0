package nighttrain.executor.architecture;

/**
 * The part of a model that one rank holds: whole tracks, or a shard of the only one.
 *
 * @param firstTrack the first track on this rank
 * @param localTracks tracks on this rank
 * @param shard which part of each track's heads and MLP this rank holds
 * @param shards how many ranks share a track
 */
public record Placement(int firstTrack, int localTracks, int shard, int shards) {
    /** This rank's first of {@code whole} heads, columns or rows. */
    public int from(int whole) {
        return whole / shards * shard;
    }

    /** How many of {@code whole} this rank has. */
    public int share(int whole) {
        return whole / shards;
    }
}
