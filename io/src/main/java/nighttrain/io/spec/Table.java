package nighttrain.io.spec;

import java.util.List;

/**
 * Rows that are looked up.
 *
 * @param name its tensor, {@code [rows, cols]}
 */
public record Table(String name, int rows, int cols) implements Parameter {
    @Override
    public List<TensorSpec> tensors() {
        return List.of(TensorSpec.of(name, TensorSpec.Fill.NORMAL, rows, cols));
    }
}
