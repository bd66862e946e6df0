package nighttrain.executor.block;

/** The tokens whose logits one rank computes: the vocabulary cut into ranges of equal length, the last one shorter. */
record VocabularySlice(int from, int size) {
    static VocabularySlice of(int vocabulary, int rank, int ranks) {
        int length = (vocabulary + ranks - 1) / ranks;
        int from = Math.min(vocabulary, rank * length);
        return new VocabularySlice(from, Math.min(length, vocabulary - from));
    }
}
