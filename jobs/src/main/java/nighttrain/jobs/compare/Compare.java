package nighttrain.jobs.compare;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import nighttrain.executor.Engines;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.io.spec.ModelSpec;
import nighttrain.jobs.bench.Workload.FixedPrompts;
import nighttrain.jobs.compare.Cell.Visit;
import nighttrain.jobs.compare.CompareResult.Failure;
import nighttrain.jobs.compare.Comparison.Candidate;
import nighttrain.jobs.compare.Comparison.Choice;
import nighttrain.pipeline.job.Files;
import nighttrain.pipeline.job.Fingerprint;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.job.JobLock;
import nighttrain.pipeline.job.JobLock.RunId;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/** Measures a comparison into a folder, or the part of it that the folder lacks. */
public final class Compare {
    /** Fact that every comparison has, and no other job. */
    private static final String MACHINE = "machine";

    private final Comparison comparison;
    private final JobFolder folder;
    private final Site site;

    /** {@code site}: where engines run. */
    public Compare(Comparison comparison, JobFolder folder, Site site) {
        this.comparison = comparison;
        this.folder = folder;
        this.site = site;
    }

    /**
     * Runs the comparison.
     *
     * @param choice the part to measure now; existing figures of the rest are kept
     * @param overwrite whether to delete existing figures first
     * @return everything that was measured, now or earlier
     * @throws UserError for a model that cannot be read, or a folder with other content; then nothing is written
     */
    public CompareResult run(Choice choice, boolean overwrite, Listener listener) throws InterruptedException {
        comparison.checkChoice(choice);
        folder.refuseForeign();
        refuseJob();
        Map<String, String> facts = new LinkedHashMap<>();
        int vocabulary = checkModels(facts);
        facts.putAll(comparison.facts());
        facts.put(MACHINE, site.machine(comparison.measuring().engine()));
        try (JobLock lock = JobLock.take(folder, RunId.next())) {
            if (overwrite) {
                folder.clear();
            } else {
                refuseOther(facts);
            }
            writeFacts(facts, overwrite);
            RoundJournal journal = new RoundJournal(folder);
            CompareRun run = new CompareRun(
                    comparison,
                    choice,
                    site,
                    vocabulary,
                    journal.read(),
                    round -> Undisturbed.run(() -> journal.add(round)),
                    listener);
            try {
                run.measure();
            } finally { // rounds measured before a stop are reported, too
                Undisturbed.run(() -> write(run.result(facts.get(MACHINE))));
            }
            return run.result(facts.get(MACHINE));
        }
    }

    private void write(CompareResult result) {
        CompareParquet.write(result, folder);
        folder.writeReport(CompareReport.of(result));
    }

    /** Refuses models and settings that do not go together. Returns the smallest vocabulary: prompts made of it are the same for every model. */
    private int checkModels(Map<String, String> facts) {
        List<ModelSpec> specs = new ArrayList<>();
        for (Candidate candidate : comparison.candidates()) {
            try (Checkpoint model = comparison.measuring().dummyWeights()
                    ? Checkpoints.dummy(candidate.model())
                    : Checkpoints.open(candidate.model())) {
                specs.add(model.spec());
                facts.put("model " + candidate.name(), model.fingerprint());
            }
        }
        Engines.checkUses(comparison.measuring().engine(), specs);
        int vocabulary = specs.stream().mapToInt(ModelSpec::vocabSize).min().orElse(Integer.MAX_VALUE);
        for (NamedWorkload workload : comparison.workloads()) {
            if (workload.workload() instanceof FixedPrompts table) {
                checkTokens(workload.name(), table, vocabulary);
            }
        }
        return vocabulary;
    }

    private static void checkTokens(String name, FixedPrompts table, int vocabulary) {
        int largest = table.tokens().stream().flatMapToInt(Arrays::stream).max().orElse(0);
        if (largest >= vocabulary) {
            throw UserError.of(
                    "token outside the vocabulary",
                    largest,
                    "of workload " + name + ", and the smallest vocabulary compared has " + vocabulary
                            + "; choose a tokenizer that all models share");
        }
    }

    /** Refuses the folder of a job: its results would no longer be its rows alone, and {@code overwrite} would delete them. */
    private void refuseJob() {
        folder.fingerprint()
                .filter(earlier -> !earlier.facts().containsKey(MACHINE))
                .ifPresent(job -> {
                    throw UserError.of(
                            "no comparison is in the output",
                            folder.output(),
                            "a job wrote its results there; choose another --output");
                });
    }

    /** Refuses the folder of another comparison. Models, layouts and workloads may be added, but facts that both have must be equal. */
    private void refuseOther(Map<String, String> facts) {
        folder.fingerprint().ifPresent(earlier -> {
            Map<String, String> shared = new LinkedHashMap<>(earlier.facts());
            shared.keySet().retainAll(facts.keySet());
            Map<String, String> now = new LinkedHashMap<>(facts);
            now.keySet().retainAll(shared.keySet());
            List<String> changes = new Fingerprint(now).changesSince(new Fingerprint(shared));
            if (!changes.isEmpty()) {
                throw UserError.of(
                        "another comparison is in the output",
                        folder.output(),
                        "changed: " + String.join(", ", changes)
                                + "; set these back to go on with it, use --overwrite to delete it and start anew, or"
                                + " choose another --output");
            }
        });
    }

    private void writeFacts(Map<String, String> facts, boolean overwrite) {
        Map<String, String> all = new LinkedHashMap<>();
        if (!overwrite) {
            folder.fingerprint().ifPresent(earlier -> all.putAll(earlier.facts()));
        }
        all.putAll(facts);
        folder.write(new Fingerprint(all));
    }

    /** Receives the progress of a comparison. */
    public interface Listener {
        /** Receives the current phase, in a few words. */
        void phase(String what);

        /**
         * Receives a measured round.
         *
         * @param done rounds measured in this run
         * @param total rounds of this run, as far as is known
         */
        void measured(FinishedRound round, int done, int total);

        /** Receives a cell, or several cells of an engine, that cannot be measured, and why. */
        void failed(String what, String why);
    }

    /**
     * Sweeps over every engine once per round: A B C A B C. A machine that slows down then slows down for all. An engine holds all memory of its
     * GPUs, so each visit opens it, warms it up, measures one round of each workload, and closes it.
     */
    private static final class CompareRun {
        private final Comparison comparison;
        private final Choice choice;
        private final Site site;
        private final int vocabulary;
        private final List<FinishedRound> finished;
        private final Consumer<FinishedRound> journal;
        private final Listener listener;
        private final Map<Cell, Failure> failures = new LinkedHashMap<>();
        private int done;

        CompareRun(
                Comparison comparison,
                Choice choice,
                Site site,
                int vocabulary,
                List<FinishedRound> earlier,
                Consumer<FinishedRound> journal,
                Listener listener) {
            this.comparison = comparison;
            this.choice = choice;
            this.site = site;
            this.vocabulary = vocabulary;
            this.finished = new ArrayList<>(earlier);
            this.journal = journal;
            this.listener = listener;
        }

        void measure() throws InterruptedException {
            for (int round = 1; round <= comparison.measuring().rounds(); round++) {
                for (Visit visit : comparison.visits()) {
                    List<NamedWorkload> missing = choice.has(visit) ? missing(round, visit) : List.of();
                    if (!missing.isEmpty()) {
                        site.measure(
                                comparison.assignment(round, visit, missing, vocabulary), new Visitor(round, visit));
                    }
                }
            }
        }

        CompareResult result(String machine) {
            return new CompareResult(comparison, machine, finished, failures);
        }

        private List<NamedWorkload> missing(int round, Visit visit) {
            return comparison.workloads().stream()
                    .filter(choice::has)
                    .filter(workload -> !failures.containsKey(new Cell(visit, workload.name())))
                    .filter(workload -> !isFinished(round, new Cell(visit, workload.name())))
                    .toList();
        }

        private boolean isFinished(int round, Cell cell) {
            return finished.stream()
                    .anyMatch(ended -> ended.round() == round && ended.cell().equals(cell));
        }

        /** Returns the number of rounds that this run still has to measure. */
        private int left() {
            return IntStream.rangeClosed(1, comparison.measuring().rounds())
                    .map(round -> comparison.visits().stream()
                            .filter(choice::has)
                            .mapToInt(visit -> missing(round, visit).size())
                            .sum())
                    .sum();
        }

        /** Records the results of one visit. */
        private final class Visitor implements Site.Witness {
            private final int round;
            private final Visit visit;

            Visitor(int round, Visit visit) {
                this.round = round;
                this.visit = visit;
            }

            @Override
            public void phase(String what) {
                listener.phase(
                        "Round " + round + " of " + comparison.measuring().rounds() + ": " + what);
            }

            @Override
            public void measured(FinishedRound ended) {
                journal.accept(ended);
                finished.add(ended);
                done++;
                listener.measured(ended, done, done + left());
            }

            @Override
            public void failed(List<String> workloads, Failure failure) {
                workloads.forEach(workload -> failures.put(new Cell(visit, workload), failure));
                listener.failed(visit + ", " + String.join(" and ", workloads), failure.why());
            }
        }
    }

    /** Finished rounds, one file each, written atomically: a comparison that was killed resumes after the last of them. */
    static final class RoundJournal {
        private final JobFolder folder;
        private int last;

        RoundJournal(JobFolder folder) {
            this.folder = folder;
        }

        /** Returns all rounds in the order in which they were measured. */
        List<FinishedRound> read() {
            return Files.unchecked(() -> {
                List<FinishedRound> rounds = new ArrayList<>();
                for (FileStatus file : list()) {
                    rounds.add(FinishedRound.parse(Files.read(folder.fs(), file.getPath())));
                }
                return rounds;
            });
        }

        void add(FinishedRound round) {
            Files.unchecked(() -> {
                Path file = new Path(folder.rounds(), String.format("%06d.json", ++last));
                Files.write(folder.fs(), file, round.json());
                return null;
            });
        }

        private List<FileStatus> list() throws IOException {
            folder.fs().mkdirs(folder.rounds());
            List<FileStatus> found = Arrays.stream(folder.fs().listStatus(folder.rounds()))
                    .filter(file -> !file.getPath().getName().startsWith("_"))
                    .sorted(Comparator.comparing(file -> file.getPath().getName()))
                    .toList();
            found.forEach(
                    file -> last = Integer.parseInt(file.getPath().getName().replace(".json", "")));
            return found;
        }
    }
}
