package nighttrain.executor.device;

/** The keys and values of one layer on one rank: a fixed number of pages of a fixed number of tokens. A handle. */
public interface KvPages {}
