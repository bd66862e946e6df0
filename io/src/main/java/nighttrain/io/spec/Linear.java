package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A linear layer, {@code y = x W^T + b} with W {@code [outputs, inputs]}.
 *
 * @param weight the tensor that holds W
 * @param bias the tensor that holds b
 * @param storage how the two are stored
 */
public record Linear(String weight, Optional<String> bias, int outputs, int inputs, Storage storage)
        implements Parameter {
    /**
     * Where a layer's outputs are within its tensors, which may hold several layers' side by side.
     *
     * @param firstOutput of the tensors' outputs
     * @param outputs of the tensors
     * @param inputsFirst the weight is stored as {@code [inputs, outputs]} (GPT-2)
     */
    public record Storage(int firstOutput, int outputs, boolean inputsFirst) {}

    /** Tensors of its own: {@code name.weight} and, where it has one, {@code name.bias}. */
    public static Linear of(String name, int outputs, int inputs, boolean hasBias) {
        return new Linear(
                name + ".weight",
                hasBias ? Optional.of(name + ".bias") : Optional.empty(),
                outputs,
                inputs,
                new Storage(0, outputs, false));
    }

    /** The same, of which {@code stored} tells more. */
    public Linear storedAs(Storage stored) {
        return new Linear(weight, bias, outputs, inputs, stored);
    }

    /** The same with another tensor for W. */
    public Linear withWeight(String tensor) {
        return new Linear(tensor, bias, outputs, inputs, storage);
    }

    /** Whether the tensors are exactly W and b. */
    public boolean isStoredPlainly() {
        return storage.equals(new Storage(0, outputs, false));
    }

    @Override
    public List<TensorSpec> tensors() {
        List<TensorSpec> tensors = new ArrayList<>();
        tensors.add(
                storage.inputsFirst()
                        ? TensorSpec.of(weight, TensorSpec.Fill.NORMAL, inputs, storage.outputs())
                        : TensorSpec.of(weight, TensorSpec.Fill.NORMAL, storage.outputs(), inputs));
        bias.ifPresent(name -> tensors.add(TensorSpec.of(name, TensorSpec.Fill.ZERO, storage.outputs())));
        return tensors;
    }
}
