package nighttrain.pipeline.read;

import java.util.List;
import nighttrain.io.UserError;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.MetadataBuilder;
import org.apache.spark.sql.types.StructField;

/**
 * The reason why a column of the input cannot be used. It is stored in the metadata of the schema's field, since it concerns only a job
 * that uses the column.
 *
 * @param what what failed
 * @param value the column, and the file
 * @param hint limit and way out
 */
record Flaw(String what, String value, String hint) {
    private static final String WHAT = "nighttrain.flaw";
    private static final String VALUE = "nighttrain.flaw.value";
    private static final String HINT = "nighttrain.flaw.hint";
    private static final String LACKING = "nighttrain.lacking";

    /** Returns the field with this flaw in its metadata. */
    StructField of(StructField field) {
        return with(
                field,
                builder(field)
                        .putString(WHAT, what)
                        .putString(VALUE, value)
                        .putString(HINT, hint)
                        .build());
    }

    static boolean isIn(StructField field) {
        return field.metadata().contains(WHAT);
    }

    /** Throws the error of a column that has a flaw. */
    static void refuse(StructField field) {
        if (isIn(field)) {
            Metadata flaw = field.metadata();
            throw UserError.of(flaw.getString(WHAT), flaw.getString(VALUE), flaw.getString(HINT));
        }
    }

    /** Returns the field, marked as a column that {@code file} lacks. */
    static StructField lacking(StructField field, String file) {
        return with(field, builder(field).putString(LACKING, file).build());
    }

    static boolean isLacking(StructField field) {
        return field.metadata().contains(LACKING);
    }

    /** Returns the field without the metadata of this class. */
    static StructField without(StructField field) {
        MetadataBuilder plain = builder(field);
        List.of(WHAT, VALUE, HINT, LACKING).forEach(plain::remove);
        return with(field, plain.build());
    }

    /** Refuses a column that prompts need and that a file lacks: each row of that file would be an error. */
    static void refuseLacking(StructField field) {
        if (isLacking(field)) {
            throw UserError.of(
                    "no such column in a file",
                    field.name() + " is not in " + field.metadata().getString(LACKING),
                    "prompts are made of it, so that every file needs it; name the files that have it by --input");
        }
    }

    private static MetadataBuilder builder(StructField field) {
        return new MetadataBuilder().withMetadata(field.metadata());
    }

    private static StructField with(StructField field, Metadata metadata) {
        return new StructField(field.name(), field.dataType(), field.nullable(), metadata);
    }
}
