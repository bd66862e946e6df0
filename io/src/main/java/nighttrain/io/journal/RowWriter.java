package nighttrain.io.journal;

import java.nio.charset.StandardCharsets;
import org.apache.arrow.vector.BigIntVector;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.Float8Vector;
import org.apache.arrow.vector.IntVector;
import org.apache.arrow.vector.VarCharVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.complex.ListVector;

/** Puts one row after another into Arrow columns: the values of a row in the order of the schema. */
final class RowWriter {
    private final VectorSchemaRoot root;
    private int row;
    private int column;
    private long bytes;

    RowWriter(VectorSchemaRoot root) {
        this.root = root;
    }

    /** Ends a row: the next value goes to the first column of the next. */
    void endRow() {
        if (column != root.getFieldVectors().size()) {
            throw new IllegalStateException("row has " + column + " values: " + root.getSchema());
        }
        row++;
        column = 0;
    }

    /** Forgets the values of a row that could not be put whole. */
    void abandonRow() {
        column = 0;
    }

    /** Begins again with empty columns. */
    void reset() {
        root.clear();
        row = 0;
        column = 0;
        bytes = 0;
    }

    int rows() {
        return row;
    }

    /** Bytes put, about. */
    long bytes() {
        return bytes;
    }

    void text(String value) {
        VarCharVector vector = (VarCharVector) next(Integer.BYTES);
        if (value == null) {
            vector.setNull(row);
            return;
        }
        byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
        vector.setSafe(row, utf8);
        bytes += utf8.length;
    }

    void int32(int value) {
        ((IntVector) next(Integer.BYTES)).setSafe(row, value);
    }

    void int64(Long value) {
        BigIntVector vector = (BigIntVector) next(Long.BYTES);
        if (value == null) {
            vector.setNull(row);
        } else {
            vector.setSafe(row, value);
        }
    }

    void float64(Double value) {
        Float8Vector vector = (Float8Vector) next(Double.BYTES);
        if (value == null) {
            vector.setNull(row);
        } else {
            vector.setSafe(row, value);
        }
    }

    void int32List(int[] values) {
        ListVector vector = (ListVector) next(Integer.BYTES);
        if (values == null) {
            vector.setNull(row);
            return;
        }
        IntVector elements = (IntVector) vector.getDataVector();
        int start = vector.startNewValue(row);
        for (int i = 0; i < values.length; i++) {
            elements.setSafe(start + i, values[i]);
        }
        vector.endValue(row, values.length);
        bytes += (long) values.length * Integer.BYTES;
    }

    private FieldVector next(int fixedBytes) {
        bytes += fixedBytes;
        return root.getVector(column++);
    }
}
