package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A learned parameter; every part of a model consists of these. */
public sealed interface Parameter {
    /** Returns the tensors in which a checkpoint stores it; parameters may share one. */
    List<TensorSpec> tensors();

    /** Returns the number of its own elements, without those of other parameters in its tensors. */
    long elements();

    /**
     * A linear layer, {@code y = x W^T + b} with W {@code [outputs, inputs]}.
     *
     * @param weight the tensor that holds W
     * @param bias the tensor that holds b
     * @param storage how the two are stored
     */
    record Linear(String weight, Optional<String> bias, int outputs, int inputs, Storage storage) implements Parameter {
        /**
         * The location of a layer's outputs in its tensors, which may hold several layers.
         *
         * @param firstOutput index of the layer's first output among the tensors' outputs
         * @param order order of the layer's outputs in the tensors, from the first on
         * @param outputs all outputs of the tensors
         * @param inputsFirst whether the weight is stored as {@code [inputs, outputs]} (GPT-2)
         */
        public record Storage(int firstOutput, Order order, int outputs, boolean inputsFirst) {
            /** Creates the storage of contiguous outputs. */
            public Storage(int firstOutput, int outputs, boolean inputsFirst) {
                this(firstOutput, Order.ADJACENT, outputs, inputsFirst);
            }

            private long[] weightShape(int inputs) {
                return inputsFirst ? new long[] {inputs, outputs} : new long[] {outputs, inputs};
            }
        }

        /** The order of a layer's outputs in its tensors. */
        public sealed interface Order {
            /** Contiguous outputs. */
            Order ADJACENT = new Adjacent();

            /** Returns the position of an output relative to the first. */
            long place(long output);

            /** Returns how many outputs from this one on are contiguous, itself included. */
            long together(long output);

            /** Contiguous outputs. */
            record Adjacent() implements Order {
                @Override
                public long place(long output) {
                    return output;
                }

                @Override
                public long together(long output) {
                    return Long.MAX_VALUE;
                }
            }

            /** Runs of {@code length} outputs, one every {@code stride}: for example, the outputs of every head with another layer's between them. */
            record Runs(int length, int stride) implements Order {
                @Override
                public long place(long output) {
                    return output / length * stride + output % length;
                }

                @Override
                public long together(long output) {
                    return length - output % length;
                }
            }

            /**
             * Heads of {@code headDim} outputs. The two outputs that rotary positions rotate together are stored side by side, {@code (2i, 2i + 1)},
             * and are used half a head apart, {@code (i, i + headDim / 2)}.
             */
            record PairsApart(int headDim) implements Order {
                @Override
                public long place(long output) {
                    long inHead = output % headDim;
                    long half = headDim / 2;
                    return output - inHead + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
                }

                @Override
                public long together(long output) {
                    return 1;
                }
            }
        }

        /** Returns a layer with tensors of its own: {@code name.weight} and, where it has a bias, {@code name.bias}. */
        public static Linear of(String name, int outputs, int inputs, boolean hasBias) {
            return new Linear(
                    name + ".weight",
                    hasBias ? Optional.of(name + ".bias") : Optional.empty(),
                    outputs,
                    inputs,
                    new Storage(0, outputs, false));
        }

        /** Returns the same layer with this storage. */
        public Linear storedAs(Storage stored) {
            return new Linear(weight, bias, outputs, inputs, stored);
        }

        /** Returns the same layer with another tensor for W. */
        public Linear withWeight(String tensor) {
            return new Linear(tensor, bias, outputs, inputs, storage);
        }

        @Override
        public List<TensorSpec> tensors() {
            List<TensorSpec> tensors = new ArrayList<>();
            tensors.add(TensorSpec.of(weight, TensorSpec.Fill.NORMAL, storage.weightShape(inputs)));
            bias.ifPresent(name -> tensors.add(TensorSpec.of(name, TensorSpec.Fill.ZERO, storage.outputs())));
            return tensors;
        }

        @Override
        public long elements() {
            return (long) outputs * inputs + (bias.isPresent() ? outputs : 0);
        }
    }

    /**
     * A norm over the last dimension.
     *
     * @param kind equation of the norm
     * @param weight tensor of the weight, {@code [size]}
     * @param bias tensor of the bias, {@code [size]}; only for LayerNorm, where it is optional
     * @param epsilon added to the mean square, or to the variance
     * @param onePlusWeight whether it multiplies by {@code 1 + w} (Gemma, Qwen 3.5) instead of {@code w}
     */
    record Norm(Kind kind, String weight, Optional<String> bias, int size, double epsilon, boolean onePlusWeight)
            implements Parameter {
        /** Kinds of norm. */
        public enum Kind {
            /** RMSNorm (arXiv 1910.07467). */
            RMS("RMSNorm"),
            /** LayerNorm (arXiv 1607.06450). */
            LAYER("LayerNorm");

            private final String label;

            Kind(String label) {
                this.label = label;
            }

            /** Returns the usual name. */
            public String label() {
                return label;
            }
        }

        /** Returns an RMSNorm whose weight is {@code name.weight}. */
        public static Norm rms(String name, int size, double epsilon) {
            return new Norm(Kind.RMS, name + ".weight", Optional.empty(), size, epsilon, false);
        }

        /** Returns a LayerNorm whose weight is {@code name.weight}, with the bias {@code name.bias}, if any. */
        public static Norm layer(String name, int size, double epsilon, boolean hasBias) {
            Optional<String> bias = hasBias ? Optional.of(name + ".bias") : Optional.empty();
            return new Norm(Kind.LAYER, name + ".weight", bias, size, epsilon, false);
        }

        /** Returns the same norm with another tensor for the weight. */
        public Norm withWeight(String tensor) {
            return new Norm(kind, tensor, bias, size, epsilon, onePlusWeight);
        }

        /** Returns the same norm, multiplying by {@code 1 + w}. */
        public Norm withOnePlusWeight() {
            return new Norm(kind, weight, bias, size, epsilon, true);
        }

        @Override
        public List<TensorSpec> tensors() {
            List<TensorSpec> tensors = new ArrayList<>();
            tensors.add(TensorSpec.of(weight, onePlusWeight ? TensorSpec.Fill.ZERO : TensorSpec.Fill.ONE, size));
            bias.ifPresent(name -> tensors.add(TensorSpec.of(name, TensorSpec.Fill.ZERO, size)));
            return tensors;
        }

        @Override
        public long elements() {
            return bias.isPresent() ? 2L * size : size;
        }
    }

    /**
     * A causal convolution of each channel separately, {@code y[t, c] = b[c] + sum over j < width of w[c, j] x[t - width + 1 + j, c]}.
     *
     * @param weight tensor of the weights, {@code [channels, 1, width]}
     * @param bias tensor of the bias, {@code [channels]}
     * @param width number of latest tokens that an output depends on, its own included
     */
    record Convolution(String weight, Optional<String> bias, int channels, int width) implements Parameter {
        /** Returns a convolution without a bias, whose weight is {@code name.weight}. */
        public static Convolution of(String name, int channels, int width) {
            return new Convolution(name + ".weight", Optional.empty(), channels, width);
        }

        @Override
        public List<TensorSpec> tensors() {
            List<TensorSpec> tensors = new ArrayList<>();
            tensors.add(TensorSpec.of(weight, TensorSpec.Fill.NORMAL, channels, 1, width));
            bias.ifPresent(name -> tensors.add(TensorSpec.of(name, TensorSpec.Fill.ZERO, channels)));
            return tensors;
        }

        @Override
        public long elements() {
            return (long) channels * elementsPerChannel();
        }

        /** Number of weights of a channel and, where it has one, its bias. */
        public int elementsPerChannel() {
            return width + (bias.isPresent() ? 1 : 0);
        }
    }

    /**
     * A table of rows that are looked up.
     *
     * @param name tensor of the table, {@code [rows, cols]}
     */
    record Table(String name, int rows, int cols) implements Parameter {
        @Override
        public List<TensorSpec> tensors() {
            return List.of(TensorSpec.of(name, TensorSpec.Fill.NORMAL, rows, cols));
        }

        @Override
        public long elements() {
            return (long) rows * cols;
        }
    }

    /**
     * One number for each of {@code size} heads or experts.
     *
     * @param name tensor of the numbers, {@code [size]}
     * @param neutral fill of dummy weights
     */
    record Vector(String name, int size, TensorSpec.Fill neutral) implements Parameter {
        @Override
        public List<TensorSpec> tensors() {
            return List.of(TensorSpec.of(name, neutral, size));
        }

        @Override
        public long elements() {
            return size;
        }
    }
}
