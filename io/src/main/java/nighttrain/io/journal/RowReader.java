package nighttrain.io.journal;

import java.nio.charset.StandardCharsets;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;

/** Takes rows from Arrow columns: the values of a row in the order of the schema. */
final class RowReader {
    private final VectorSchemaRoot root;
    private int row;
    private int column;

    RowReader(VectorSchemaRoot root) {
        this.root = root;
    }

    /** Goes to the first column of a row. */
    void seek(int toRow) {
        row = toRow;
        column = 0;
    }

    String text() {
        byte[] utf8 = ((VarCharVector) next()).get(row);
        return utf8 == null ? null : new String(utf8, StandardCharsets.UTF_8);
    }

    int int32() {
        return ((IntVector) next()).get(row);
    }

    Long int64() {
        return ((BigIntVector) next()).getObject(row);
    }

    Double float64() {
        return ((Float8Vector) next()).getObject(row);
    }

    int[] int32List() {
        ListVector vector = (ListVector) next();
        if (vector.isNull(row)) {
            return null;
        }
        IntVector elements = (IntVector) vector.getDataVector();
        int start = vector.getElementStartIndex(row);
        int[] values = new int[vector.getElementEndIndex(row) - start];
        for (int i = 0; i < values.length; i++) {
            values[i] = elements.get(start + i);
        }
        return values;
    }

    private FieldVector next() {
        return root.getVector(column++);
    }
}
