package nighttrain.jobs.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import nighttrain.io.UserError;
import nighttrain.io.text.Tokenizer;
import nighttrain.jobs.bench.BenchOptions;
import nighttrain.jobs.bench.Workload;
import nighttrain.jobs.bench.Workload.FixedPrompts;
import nighttrain.jobs.bench.Workload.RandomWorkload;
import nighttrain.jobs.bench.WorkloadSettings;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;

/** Reads one workload of a comparison: bench's settings by name, or a table of prompts. */
final class WorkloadFile {
    private static final String NAME = "name";
    private static final String TABLE = "table";
    private static final String COLUMN = "column";
    private static final String TOKENIZER = "tokenizer";
    private static final String NUM_PROMPTS = WorkloadSettings.NUM_PROMPTS.name();
    private static final String INPUT_LEN = WorkloadSettings.INPUT_LEN.name();
    private static final String INPUT_LEN_SPREAD = WorkloadSettings.INPUT_LEN_SPREAD.name();
    private static final String OUTPUT_LEN = WorkloadSettings.OUTPUT_LEN.name();
    private static final String MAX_CONCURRENCY = WorkloadSettings.MAX_CONCURRENCY.name();

    private WorkloadFile() {}

    /**
     * Types and checks one workload.
     *
     * @param shared settings of the whole comparison
     * @param file file of the comparison; paths are relative to it
     */
    static NamedWorkload parse(Tree tree, Map<String, Object> shared, Path file) {
        boolean table = tree.has(TABLE);
        tree.onlyKeys(
                table
                        ? List.of(NAME, TABLE, COLUMN, TOKENIZER, NUM_PROMPTS, OUTPUT_LEN, MAX_CONCURRENCY)
                        : List.of(NAME, NUM_PROMPTS, INPUT_LEN, INPUT_LEN_SPREAD, OUTPUT_LEN, MAX_CONCURRENCY));
        Map<String, Object> given = new LinkedHashMap<>(shared);
        tree.values().forEach((key, value) -> {
            if (!List.of(NAME, TABLE, COLUMN, TOKENIZER).contains(key)) {
                given.put(key, value);
            }
        });
        RandomWorkload workload = BenchOptions.of(given).workload();
        return new NamedWorkload(name(tree), table ? ofTable(tree, workload, file) : workload);
    }

    /** Returns the given name, or the sizes that tell workloads apart: {@code 1024/128}, {@code 1024/128 batch 1}. */
    static String name(Tree tree) {
        return tree.text(NAME)
                .orElseGet(() -> tree.text(TABLE)
                                .map(table -> Path.of(table).getFileName().toString())
                                .orElseGet(() -> length(tree, WorkloadSettings.INPUT_LEN))
                        + "/"
                        + length(tree, WorkloadSettings.OUTPUT_LEN)
                        + tree.text(MAX_CONCURRENCY)
                                .map(most -> " batch " + most)
                                .orElse(""));
    }

    private static String length(Tree tree, nighttrain.pipeline.settings.Setting<Integer> setting) {
        return tree.text(setting.name())
                .orElseGet(() -> setting.print(setting.defaultValue().orElseThrow()));
    }

    private static Workload ofTable(Tree tree, RandomWorkload workload, Path file) {
        Path table = file.resolveSibling(tree.text(TABLE).orElseThrow());
        String column = tree.text(COLUMN).orElse("prompt");
        Path model = file.resolveSibling(tree.text(TOKENIZER)
                .orElseThrow(() -> UserError.of(
                        "no tokenizer",
                        name(tree),
                        "a table's prompts need one; give tokenizer: a model directory with a tokenizer.json")));
        List<String> prompts = PromptFile.read(table, column, workload.numPrompts());
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            List<int[]> tokens = prompts.stream()
                    .map(prompt -> tokenizer.encode(prompt, true))
                    .toList();
            return new FixedPrompts(tokens, workload.outputLen(), workload.maxConcurrency());
        }
    }

    /** Reads the first prompts of a Parquet file without Spark: a comparison needs a few hundred at most. */
    private static final class PromptFile {
        private PromptFile() {}

        static List<String> read(Path file, String column, int most) {
            if (!Files.isRegularFile(file)) {
                throw UserError.of("no table of prompts", file, "a local Parquet file is needed; check the path");
            }
            Configuration conf = new Configuration();
            List<String> prompts = new ArrayList<>();
            try (ParquetReader<Group> rows = ParquetReader.builder(
                            new GroupReadSupport(), new org.apache.hadoop.fs.Path(file.toUri()))
                    .withConf(conf)
                    .build()) {
                for (Group row = rows.read(); row != null && prompts.size() < most; row = rows.read()) {
                    prompts.add(prompt(row, column, file));
                }
            } catch (IOException e) {
                throw UserError.of(
                        "cannot read the table of prompts", file, e.getMessage() + "; give a Parquet file", e);
            }
            if (prompts.size() < most) {
                throw UserError.of(
                        "too few prompts",
                        prompts.size(),
                        "numPrompts asks for " + most + " of " + file + "; lower it");
            }
            return prompts;
        }

        private static String prompt(Group row, String column, Path file) {
            if (!row.getType().containsField(column) || row.getFieldRepetitionCount(column) == 0) {
                throw UserError.of(
                        "no prompt in column",
                        column,
                        "of " + file + ", which has "
                                + row.getType().getFields().stream()
                                        .map(org.apache.parquet.schema.Type::getName)
                                        .toList()
                                + "; name another");
            }
            return row.getString(column, 0);
        }
    }
}
