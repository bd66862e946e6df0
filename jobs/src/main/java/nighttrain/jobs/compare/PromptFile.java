package nighttrain.jobs.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import nighttrain.io.UserError;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;

/** The first prompts of a Parquet file, without Spark: a comparison needs no more than some hundreds. */
final class PromptFile {
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
                    "too few prompts", prompts.size(), "numPrompts asks for " + most + " of " + file + "; lower it");
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
