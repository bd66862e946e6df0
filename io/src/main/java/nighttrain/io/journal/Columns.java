package nighttrain.io.journal;

import java.util.List;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;
import org.apache.arrow.vector.types.pojo.FieldType;

/** The kinds of column that journals use. */
final class Columns {
    private static final ArrowType INT32 = new ArrowType.Int(32, true);

    private Columns() {}

    static Field text(String name) {
        return Field.nullable(name, new ArrowType.Utf8());
    }

    static Field int32(String name) {
        return Field.notNullable(name, INT32);
    }

    static Field int64(String name) {
        return Field.nullable(name, new ArrowType.Int(64, true));
    }

    static Field float64(String name) {
        return Field.nullable(name, new ArrowType.FloatingPoint(FloatingPointPrecision.DOUBLE));
    }

    static Field int32List(String name) {
        Field element = new Field("element", FieldType.notNullable(INT32), null);
        return new Field(name, FieldType.nullable(new ArrowType.List()), List.of(element));
    }
}
