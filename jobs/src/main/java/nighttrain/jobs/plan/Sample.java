package nighttrain.jobs.plan;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import nighttrain.executor.EnginePlan;
import nighttrain.executor.perf.Forecast;
import nighttrain.executor.perf.StepTime;
import nighttrain.pipeline.row.RowKind.Branch;

/**
 * What a plan knows of the rows: the lengths of some of them, chosen at random.
 *
 * @param rows outputs of the whole job, failing ones included
 * @param errorShare share of the rows that fail before they cost anything, 0 to 1
 * @param lengths of sampled rows, at least one
 * @param sharedTokens leading tokens that prompts of different rows have in common, on average
 * @param branches the requests of a row, at least one
 * @param source where the lengths of outputs come from, in words
 */
public record Sample(
        long rows, double errorShare, List<Length> lengths, int sharedTokens, List<Branch> branches, String source) {
    private static final int VOCABULARY = 1 << 30;

    public Sample {
        lengths = List.copyOf(lengths);
        branches = List.copyOf(branches);
        if (rows < 1 || lengths.isEmpty() || branches.isEmpty()) {
            throw new IllegalArgumentException("sample: " + lengths.size() + " of " + rows + " rows, " + branches.size()
                    + " requests each (at least 1)");
        }
    }

    /** Whether rows produce texts; otherwise prompts are only scored. */
    public boolean hasOutputs() {
        return lengths.stream().anyMatch(length -> length.outputTokens() > 0);
    }

    /** Number of rows that are computed, failing ones excluded. */
    public long computedRows() {
        return Math.max(1, Math.round(rows * (1 - errorShare)));
    }

    public double meanPromptTokens() {
        return mean(Length::promptTokens);
    }

    public double meanOutputTokens() {
        return mean(Length::outputTokens);
    }

    /** Prompt tokens of the whole job. */
    public double promptTokens() {
        return computedRows() * meanPromptTokens();
    }

    /** Output tokens of the whole job. */
    public double outputTokens() {
        return computedRows() * meanOutputTokens();
    }

    /** Tokens of the longest sampled output. */
    public int longestOutput() {
        return lengths.stream().mapToInt(Length::outputTokens).max().orElseThrow();
    }

    /**
     * Returns the requests of {@code count} rows like these, in the sample's order and repeated, for a model whose sequences hold {@code maxModelLen}
     * tokens.
     */
    List<Forecast.Request> requests(int count, int maxModelLen) {
        return IntStream.range(0, count)
                .boxed()
                .flatMap(row -> requests(row, lengths.get(row % lengths.size()), maxModelLen))
                .toList();
    }

    private Stream<Forecast.Request> requests(int row, Length length, int maxModelLen) {
        int prompt = Math.min(length.promptTokens(), maxModelLen - 1);
        int shared = Math.min(sharedTokens, prompt);
        SplittableRandom own = new SplittableRandom(row);
        int[] tokens = IntStream.range(0, prompt)
                .map(i -> i < shared ? i : own.nextInt(VOCABULARY))
                .toArray();
        return branches.stream().map(branch -> request(tokens, branch, own, length.outputTokens(), maxModelLen));
    }

    /** Returns one request of a row. A score takes one step, as a token of an output does. */
    private static Forecast.Request request(
            int[] prompt, Branch branch, SplittableRandom own, int outputTokens, int maxModelLen) {
        int count = Math.min(maxModelLen - 1, Math.max(1, prompt.length + branch.longer()));
        int[] tokens = Arrays.copyOf(prompt, count);
        for (int i = Math.max(0, prompt.length - branch.apart()); i < count; i++) {
            tokens[i] = own.nextInt(VOCABULARY);
        }
        return new Forecast.Request(tokens, Math.min(Math.max(1, outputTokens), maxModelLen - count));
    }

    private double mean(ToIntFunction<Length> of) {
        return lengths.stream().mapToInt(of).average().orElseThrow();
    }

    /**
     * The lengths of a row.
     *
     * @param promptTokens tokens of the prompt, at least 1
     * @param outputTokens tokens of the output; 0 where the prompt is only scored
     */
    public record Length(int promptTokens, int outputTokens) {
        public Length {
            if (promptTokens < 1 || outputTokens < 0) {
                throw new IllegalArgumentException("length: " + promptTokens + " and " + outputTokens
                        + " tokens (at least 1 of the prompt, 0 of the output)");
            }
        }
    }

    /**
     * The time that one replica takes for a number of rows of a sample. Few rows are forecast to the last step; for many, the rate in the middle is
     * extrapolated, so that start and end count once.
     *
     * @param fewRows up to this number of rows the forecast is exact
     * @param fewS seconds for {@code fewRows} rows
     * @param rowsPerS rows per second of a full replica in the middle of its work; of all rows where they are few
     * @param communicationShare share of the time in which ranks wait for all-reduces, 0 to 1
     */
    record ReplicaTime(long fewRows, double fewS, double rowsPerS, double communicationShare) {
        private static final int BATCHES = 4;
        private static final int LEAST = 256;
        private static final int MOST = 2048;

        /** {@code rows}: rows of this replica. */
        static ReplicaTime of(Sample sample, EnginePlan plan, StepTime time, long rows) {
            int requests = Math.min(MOST, Math.max(LEAST, BATCHES * plan.maxNumSeqs()));
            int exact = Math.max(2, requests / sample.branches().size());
            if (rows <= exact) {
                Forecast all = plan.forecast(time, sample.requests((int) Math.max(1, rows), plan.maxModelLen()));
                return new ReplicaTime(rows, all.seconds(), rows / all.seconds(), all.communicationS() / all.seconds());
            }
            Forecast half = plan.forecast(time, sample.requests(exact / 2, plan.maxModelLen()));
            Forecast whole = plan.forecast(time, sample.requests(exact, plan.maxModelLen()));
            double rowsPerS = (exact - exact / 2) / (whole.seconds() - half.seconds());
            return new ReplicaTime(exact, whole.seconds(), rowsPerS, whole.communicationS() / whole.seconds());
        }

        /** Returns the seconds for at least {@code fewRows} rows. */
        double seconds(double rows) {
            return fewS + Math.max(0, rows - fewRows) / rowsPerS;
        }
    }
}
