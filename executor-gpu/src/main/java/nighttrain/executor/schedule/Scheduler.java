package nighttrain.executor.schedule;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import nighttrain.executor.cache.PageAllocator;
import nighttrain.executor.step.SampledToken;
import nighttrain.executor.step.StepLimits;

/**
 * Continuous batching (Orca, OSDI 2022) with chunked prefill: every step decodes all sequences that can, fills its remaining tokens with pieces of
 * prompts, and admits waiting sequences while pages last for the lengths that all sequences are expected to reach. If sequences become longer and
 * pages run out, the sequence admitted last gives its pages back and is computed again later. Uses no device, no clock and one thread.
 *
 * <p>The next step may be planned while one is under way, on the assumption that every sequence goes on with the token it is about to get. A row that
 * needs to know that token misses the step, while the others go on. If a sequence turns out to have ended, its row of the next step is wasted and its
 * sample ignored. Pages get a new owner at once: steps run one after the other, so a wasted row writes before the next owner's step begins.
 */
public final class Scheduler {
    /** One row in this many may miss a step: that costs half the row's tokens, which is less than planning while the device idles. */
    private static final int ROWS_PER_WAIT = 16;

    private final StepLimits limits;
    private final PageAllocator pages;
    private final Deque<Sequence> waiting = new ArrayDeque<>();
    private final List<Sequence> running = new ArrayList<>();
    private final int longestChunk;
    private final OutputLengths lengths;
    private final BranchPoints branchPoints;
    private long preemptions;
    private long sampledTokens;

    /** Makes a scheduler that expects outputs of the greatest length allowed, until some have ended. */
    public Scheduler(StepLimits limits, PageAllocator pages) {
        this(limits, pages, 0);
    }

    /**
     * Makes a scheduler without sequences.
     *
     * @param expectedOutput expected tokens of an output until some have ended; 0: the greatest length allowed
     */
    public Scheduler(StepLimits limits, PageAllocator pages, int expectedOutput) {
        this.limits = limits;
        this.pages = pages;
        this.lengths = new OutputLengths(expectedOutput);
        this.branchPoints = new BranchPoints(pages, waiting);
        this.longestChunk = Math.min(limits.maxTokens(), pages.longestChunk(limits.maxModelLen()));
    }

    public void add(Sequence sequence) {
        sequence.use(pages.newCache(), limits.maxModelLen());
        waiting.addLast(sequence);
    }

    public int running() {
        return running.size();
    }

    public int waiting() {
        return waiting.size();
    }

    public long preemptions() {
        return preemptions;
    }

    /** Tokens that were sampled and wanted. */
    public long sampledTokens() {
        return sampledTokens;
    }

    /**
     * Plans the next step while at most one is under way. The step is empty if there is nothing to do, or nothing before the one under way is
     * committed.
     */
    public Step next() {
        if (isWorthWaiting()) {
            return Step.NONE;
        }
        if (pages.isWindowed()) {
            running.forEach(sequence -> pages.giveBackUnseen(sequence.cache(), sequence.computed()));
        }
        StepPlan plan = new StepPlan(limits, longestChunk, pages.sharesPrefixes(), running.size(), samplers());
        long preemptionsBefore = preemptions;
        planRunning(plan, true);
        planRunning(plan, false);
        if (preemptions == preemptionsBefore && !waiting.isEmpty()) {
            plan.slices().forEach(this::share);
            admit(plan);
        }
        if (plan.slices().isEmpty()) {
            return Step.NONE;
        }
        Step step = Step.of(plan.slices(), plan.forks(), pages.slots().takeCopies());
        begin(step);
        return step;
    }

    /**
     * Returns whether to plan the next step only after the one under way has ended, because many rows need its tokens. A step takes about as long
     * without these rows; without a step ahead the device idles while the host plans. So a few rows miss a step, but many make all rows wait.
     */
    private boolean isWorthWaiting() {
        int needy = 0;
        for (Sequence sequence : running) {
            if (sequence.mustWait() && !sequence.isDrained()) {
                needy++;
            }
        }
        return needy * ROWS_PER_WAIT > running.size();
    }

    /** Records the step: from here on its slices count as computed. */
    private void begin(Step step) {
        int samples = 0;
        for (Step.Slice slice : step.slices()) {
            Sequence sequence = slice.sequence();
            samples += slice.outputs();
            sequence.planned(slice.done(), slice.scoredTo());
            if (slice.samples()) {
                sequence.awaits(samples - 1);
            }
            pages.publish(sequence.cache(), sequence.tokens(), sequence.computedAndKnown());
            branchPoints.planned(sequence);
        }
        for (Step.Fork fork : step.forks()) {
            Sequence source = step.slices().get(fork.copied().slice()).sequence();
            pages.slots().fork(source.cache(), fork.sequence().cache());
        }
    }

    /** Forgets the sequences that were cancelled, and returns them. */
    public List<Sequence> dropCancelled() {
        List<Sequence> dropped = new ArrayList<>();
        running.forEach(sequence -> collectCancelled(sequence, dropped));
        waiting.forEach(sequence -> collectCancelled(sequence, dropped));
        if (!dropped.isEmpty()) {
            running.removeAll(dropped);
            waiting.removeAll(dropped);
            dropped.forEach(sequence -> {
                sequence.abandon();
                pages.release(sequence.cache());
            });
        }
        return dropped;
    }

    private static void collectCancelled(Sequence sequence, List<Sequence> dropped) {
        if (sequence.isCancelled()) {
            dropped.add(sequence);
        }
    }

    /** Plans decodes, or pieces of prompts. Decodes are planned first, so that a long prompt never makes a running sequence wait. */
    private void planRunning(StepPlan plan, boolean decodes) {
        for (int i = 0; i < running.size(); i++) {
            Sequence sequence = running.get(i);
            if (!sequence.isDrained() && !sequence.mustWait() && (sequence.pending() == 1) == decodes) {
                int count = plan.most(sequence);
                if (count > 0 && makeRoom(sequence, sequence.computed() + count, plan)) {
                    plan.add(sequence, count);
                }
            }
        }
    }

    /**
     * Finds pages for {@code tokens} tokens. Takes them from the sequence admitted last if necessary, but not if another sequence gives its pages
     * back after the step under way.
     */
    private boolean makeRoom(Sequence sequence, int tokens, StepPlan plan) {
        while (!pages.extend(sequence.cache(), tokens)) {
            if (running.stream().anyMatch(Sequence::isDrained)) {
                return false;
            }
            Sequence last = running.get(running.size() - 1);
            plan.remove(last);
            preempt(last);
            if (last == sequence) {
                return false;
            }
        }
        return true;
    }

    private void preempt(Sequence sequence) {
        running.remove(running.size() - 1);
        putBack(sequence);
        preemptions++;
    }

    private void putBack(Sequence sequence) {
        pages.release(sequence.cache());
        sequence.restart();
        waiting.addFirst(sequence);
    }

    private int samplers() {
        return (int) running.stream()
                .filter(sequence -> sequence.samples() && !sequence.isDrained())
                .count();
    }

    private void admit(StepPlan plan) {
        int leaving = (int) running.stream().filter(Sequence::isDrained).count();
        Deque<Sequence> passedOver = new ArrayDeque<>(); // at most as many as the next step can begin
        Expectation expected = null;
        while (!waiting.isEmpty()
                && running.size() - leaving < limits.maxSequences()
                && plan.hasTokensLeft()
                && passedOver.size() < limits.maxSequences()) {
            Sequence sequence = waiting.removeFirst();
            Optional<Sequence> awaited = branchPoints.awaited(sequence, running);
            Optional<Step.Copied> fork = awaited.flatMap(source -> branchPoints.fork(source, plan));
            if (awaited.isPresent() && fork.isEmpty()) {
                passedOver.addLast(sequence);
                continue;
            }
            expected = expected == null ? new Expectation() : expected;
            if (!admit(sequence, fork, plan, expected)) {
                putBack(sequence);
                break;
            }
        }
        while (!passedOver.isEmpty()) {
            waiting.addFirst(passedOver.removeLast());
        }
    }

    private boolean admit(Sequence sequence, Optional<Step.Copied> fork, StepPlan plan, Expectation expected) {
        return (!sequence.samples() || plan.keepsRow())
                && (fork.isPresent() ? fork(sequence, fork.get(), plan, expected) : begin(sequence, plan, expected));
    }

    /** Takes a sequence into the step; returns {@code false} if there is no room for it. */
    private boolean begin(Sequence sequence, StepPlan plan, Expectation expected) {
        int shared = pages.adoptPrefix(sequence.cache(), sequence.tokens(), sequence.adoptable());
        Step.Copied copied = pages.sharesStates() ? Step.Copied.NONE : plan.copied(sequence, shared);
        sequence.startAt(shared, copied.count());
        int end = sequence.computed() + plan.most(sequence);
        if (end == sequence.computed() // no room for its scores
                || !run(sequence, end, expected)) {
            return false;
        }
        branchPoints.begin(sequence);
        share(plan.add(sequence, plan.most(sequence), copied));
        return true;
    }

    /** Begins a sequence where a slice of the step ends; returns {@code false} if there is no room for it. */
    private boolean fork(Sequence sequence, Step.Copied copied, StepPlan plan, Expectation expected) {
        Sequence source = plan.slices().get(copied.slice()).sequence();
        sequence.startAt(pages.adoptPages(sequence.cache(), source.cache()), copied.count());
        if (!run(sequence, sequence.computed(), expected)) {
            return false;
        }
        plan.fork(sequence, copied);
        return true;
    }

    /**
     * Gives a sequence its slot and pages, in groups with a window only for the tokens before {@code end}; returns {@code false} if there is no room
     * for it.
     */
    private boolean run(Sequence sequence, int end, Expectation expected) {
        // With windows, keep one page of growth for each running sequence, or one would soon be preempted.
        int spare = running.isEmpty() || !pages.isWindowed() ? 0 : running.size() + 1;
        if (!(running.isEmpty() || expected.hasRoom(sequence))
                || !pages.hasRoom(sequence.cache(), sequence.length(), longestChunk, spare)
                || !pages.begin(sequence.cache(), sequence.length(), end)) {
            return false;
        }
        running.add(sequence);
        expected.admit(sequence);
        return true;
    }

    /** Tells whether pages last until the running sequences have ended at their expected lengths. */
    private final class Expectation {
        private final FutureTokens future = new FutureTokens(running.size() + 16);
        private final long room;

        Expectation() {
            lengths.learn(running);
            long own = 0;
            for (Sequence sequence : running) {
                future.add(steps(sequence), last(sequence));
                own += pages.growing(sequence.cache()) - pages.pagesFor(sequence.adopted());
            }
            future.sort();
            room = (pages.growing() - Math.max(0, pages.growingUsed() - own)) * pages.pageTokens();
        }

        boolean hasRoom(Sequence sequence) {
            // How full its last page is, is known only at a sequence's end: such deviations add up by the square root.
            long margin = (long) Math.ceil(Math.sqrt(running.size())) * pages.pageTokens();
            return future.peakWith(steps(sequence), last(sequence)) + margin <= room;
        }

        void admit(Sequence sequence) {
            future.add(steps(sequence), last(sequence));
            future.sort();
        }

        private int steps(Sequence sequence) {
            return lengths.remaining(sequence.outputTokens(), sequence.mostToCome());
        }

        /** Returns the tokens in the cache at the sequence's end: all but the last of the output. */
        private int last(Sequence sequence) {
            int tokens = sequence.length() + Math.max(0, steps(sequence) - 1);
            return (pages.pagesFor(tokens) - pages.pagesFor(sequence.adopted())) * pages.pageTokens();
        }
    }

    /**
     * Shares the pages that a slice fills with sequences admitted after it to the same step: every layer stores the keys and values of all tokens
     * before any token attends.
     */
    private void share(Step.Slice slice) {
        Sequence sequence = slice.sequence();
        int filled = Math.min(sequence.computed() + slice.done(), sequence.length());
        pages.publish(sequence.cache(), sequence.tokens(), filled);
    }

    /** Takes the tokens that a step sampled, in the order of its samples, and returns the sequences that are finished. */
    public List<Sequence> commit(Step step, List<SampledToken> sampled, long nowNanos) {
        List<Sequence> finished = new ArrayList<>();
        int next = 0;
        for (Step.Slice slice : step.slices()) {
            List<SampledToken> own = sampled.subList(next, next + slice.outputs());
            next += own.size();
            if (slice.counts()) {
                take(slice, own, nowNanos);
                if (slice.sequence().isFinished()) {
                    finished.add(slice.sequence());
                }
            }
        }
        if (!finished.isEmpty()) {
            running.removeIf(Sequence::isFinished);
        }
        return finished;
    }

    private void take(Step.Slice slice, List<SampledToken> sampled, long nowNanos) {
        Sequence sequence = slice.sequence();
        int scored = slice.scored();
        for (int i = 0; i < scored && !sequence.isFinished(); i++) {
            sequence.appendScore(sampled.get(i), nowNanos);
        }
        if (slice.samples() && !sequence.isFinished()) {
            sampledTokens += sampled.get(scored).fault().isPresent() ? 0 : 1;
            sequence.append(sampled.get(scored), nowNanos);
        }
        if (sequence.isFinished()) {
            if (!sequence.isFailed()) {
                if (sequence.samples()) {
                    lengths.add(sequence.outputTokens(), sequence.endedAtLimit());
                }
                pages.publish(sequence.cache(), sequence.tokens(), sequence.computedAndKnown());
            }
            pages.release(sequence.cache());
        }
    }
}
