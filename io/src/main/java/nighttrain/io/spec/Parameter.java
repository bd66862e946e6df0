package nighttrain.io.spec;

import java.util.List;

/** What a model has learned: every part of it is made of these. */
public sealed interface Parameter permits Linear, Norm, Table {
    /** The tensors that a checkpoint keeps it in; parameters may share one. */
    List<TensorSpec> tensors();
}
