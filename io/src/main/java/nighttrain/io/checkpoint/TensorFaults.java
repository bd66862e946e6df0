package nighttrain.io.checkpoint;

import java.util.Arrays;
import java.util.List;
import nighttrain.io.UserError;

/** What is said of a tensor that is not there or has another shape than the config promises. */
final class TensorFaults {
    private static final String WAY_OUT = "; config.json and weights do not belong together; copy both again";

    private TensorFaults() {}

    static UserError missing(String where, String name, long... expectedShape) {
        return UserError.of(
                "missing tensor in " + where, name, "expected shape " + Arrays.toString(expectedShape) + WAY_OUT);
    }

    static void checkShape(String where, CheckpointTensor tensor, long... expectedShape) {
        List<Long> expected = Arrays.stream(expectedShape).boxed().toList();
        if (!tensor.shape().equals(expected)) {
            throw UserError.of(
                    "wrong shape of tensor " + tensor.name() + " in " + where,
                    tensor.shape(),
                    "expected " + expected + WAY_OUT);
        }
    }
}
