package nighttrain.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import nighttrain.io.UserError;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import nighttrain.pipeline.settings.Settings.TableMode;
import nighttrain.pipeline.testing.JobTest;
import nighttrain.pipeline.testing.TinyJob;
import nighttrain.pipeline.testing.TinyModel;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Checks that a job refuses an output table that it could not commit to before it computes or writes anything. The package {@code lake} tests real
 * tables.
 */
class OutputTableTest extends JobTest {
    private SettingValues withoutIds;

    @BeforeEach
    void inputWithIds() {
        input(1, prompts(3));
        withoutIds = values.with(Settings.OUTPUT_TABLE, "nightly");
        values = withoutIds.with(Settings.ID_COLUMN, "key");
    }

    @Test
    void rowsThatAreMergedNeedIdsOfTheirOwn() {
        values = values.with(Settings.ID_COLUMN, "prompt");
        spark.sql("SELECT 'same' AS prompt, id AS key FROM range(2)")
                .write()
                .mode("append")
                .parquet(dir.resolve("input").toString());
        refuses("id of several rows: same (--output-table merges rows by id, so each is needed once; name another"
                + " --id-column, or use --table-mode append)");
        values = withoutIds;
        refuses("missing option: --id-column (--output-table merges rows by id, and another input has other rows at the"
                + " same places; name a column of ids, or use --table-mode append)");
        assertNothingWritten();
    }

    @Test
    void aTableWithoutAHomeIsRefused() {
        values = withoutIds.with(Settings.TABLE_MODE, TableMode.APPEND);
        refuses(
                "output table would be forgotten: nightly (Spark's own catalog is in memory here; name a table of another"
                        + " catalog, or of a Hive metastore, or a path as delta.`/PATH`)");
        assertNothingWritten();
    }

    @Test
    void aCatalogThatSparkDoesNotKnowIsRefused() {
        values = values.with(Settings.OUTPUT_TABLE, "delta.`" + dir.resolve("table") + "`");
        assertThatThrownBy(this::run)
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("cannot make output table: delta.`" + dir.resolve("table") + "` (")
                .hasMessageEndingWith("; check the name, the catalog's conf and its package for this Spark)");
        assertNothingWritten();
    }

    @Test
    void tablesWithoutCommitsAreRefused() {
        spark.sql("CREATE TABLE nightly (id STRING) USING parquet LOCATION '" + dir.resolve("table") + "'");
        try {
            refuses("no Delta or Iceberg table: nightly is parquet (only such tables take rows in one commit; name"
                    + " another --output-table)");
        } finally {
            spark.sql("DROP TABLE nightly");
        }
        spark.range(1).createOrReplaceTempView("nightly");
        try {
            refuses("no Delta or Iceberg table: nightly is a view (only such tables take rows in one commit; name"
                    + " another --output-table)");
        } finally {
            spark.catalog().dropTempView("nightly");
        }
        assertNothingWritten();
    }

    @Test
    void theColumnOfJobsIsTaken() {
        spark.sql("SELECT 1L AS key, 'text' AS prompt, 'cook' AS job")
                .write()
                .mode("overwrite")
                .parquet(dir.resolve("input").toString());
        values = values.with(Settings.KEEP_COLUMNS, List.of("job"));
        refuses(
                "cannot keep column: job (the output table has a column of that name for the job of each row; rename it in"
                        + " the input)");
    }

    @Test
    void aFinishedJobFillsNoTableLater() {
        SettingValues withTable = values;
        values = TinyJob.in(dir, TinyModel.CONTEXT_TOKENS).with(Settings.ID_COLUMN, "key");
        run();
        values = withTable;
        refuses("job is finished without its output table: file:" + output()
                + " (an earlier run did not name nightly; write the"
                + " results there by SQL, or leave out --output-table, or use --overwrite to compute them again)");
    }

    private void assertNothingWritten() {
        assertThat(output()).doesNotExist();
    }
}
