package nighttrain.jobs.compare;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.UserError;
import nighttrain.io.checkpoint.Checkpoint;
import nighttrain.io.checkpoint.Checkpoints;
import nighttrain.jobs.bench.FixedPrompts;
import nighttrain.jobs.compare.Comparison.Candidate;
import nighttrain.jobs.compare.Comparison.Choice;
import nighttrain.jobs.compare.Comparison.NamedWorkload;
import nighttrain.pipeline.job.Fingerprint;
import nighttrain.pipeline.job.JobFolder;
import nighttrain.pipeline.job.JobLock;
import nighttrain.pipeline.job.JobLock.RunId;

/** Measures a comparison into a folder, or what is missing of it there. */
public final class Compare {
    private final Comparison comparison;
    private final JobFolder folder;
    private final Site site;

    /** {@code site}: where engines stand. */
    public Compare(Comparison comparison, JobFolder folder, Site site) {
        this.comparison = comparison;
        this.folder = folder;
        this.site = site;
    }

    /**
     * Runs it.
     *
     * @param choice what of it to measure now; figures of the rest that are there stay
     * @param overwrite forget what is there
     * @return everything that was measured, now or earlier
     * @throws UserError for a model that cannot be read, or a folder of something else; nothing was written then
     */
    public CompareResult run(Choice choice, boolean overwrite, CompareListener listener) throws InterruptedException {
        comparison.checkChoice(choice);
        folder.refuseForeign();
        Map<String, String> facts = new LinkedHashMap<>();
        int vocabulary = checkModels(facts);
        facts.putAll(comparison.facts());
        facts.put("machine", site.machine(comparison.engine()));
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
            } finally { // what was measured before a stop is worth a look, too
                Undisturbed.run(() -> write(run.result(facts.get("machine"))));
            }
            return run.result(facts.get("machine"));
        }
    }

    private void write(CompareResult result) {
        CompareTables.write(result, folder);
        folder.writeReport(CompareReport.of(result));
    }

    /** The smallest vocabulary: prompts made of it are the same for every model. */
    private int checkModels(Map<String, String> facts) {
        int vocabulary = Integer.MAX_VALUE;
        for (Candidate contender : comparison.contenders()) {
            try (Checkpoint model = comparison.dummyWeights()
                    ? Checkpoints.dummy(contender.model())
                    : Checkpoints.open(contender.model())) {
                vocabulary = Math.min(vocabulary, model.spec().vocabSize());
                facts.put("model " + contender.name(), model.fingerprint());
            }
        }
        for (NamedWorkload load : comparison.loads()) {
            if (load.load() instanceof FixedPrompts table) {
                checkTokens(load.name(), table, vocabulary);
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

    /** What is there may grow, by models, layouts and loads, but what both have must be the same. */
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
                        "changed: " + String.join(", ", changes) + "; use --overwrite, or another --output");
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
}
