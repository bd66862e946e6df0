package nighttrain.io.spec;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What a model has learned: every part of it is made of these. */
public sealed interface Parameter {
    /** The tensors that a checkpoint keeps it in; parameters may share one. */
    List<TensorSpec> tensors();

    /** The numbers that are its own, whatever else is in its tensors. */
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
         * Where a layer's outputs are within its tensors, which may hold several layers'.
         *
         * @param firstOutput of the tensors' outputs
         * @param order how the layer's outputs lie there from the first on
         * @param outputs of the tensors
         * @param inputsFirst the weight is stored as {@code [inputs, outputs]} (GPT-2)
         */
        public record Storage(int firstOutput, Order order, int outputs, boolean inputsFirst) {
            /** Of neighbouring outputs. */
            public Storage(int firstOutput, int outputs, boolean inputsFirst) {
                this(firstOutput, Order.ADJACENT, outputs, inputsFirst);
            }

            private long[] weightShape(int inputs) {
                return inputsFirst ? new long[] {inputs, outputs} : new long[] {outputs, inputs};
            }
        }

        /** How a layer's outputs lie in its tensors. */
        public sealed interface Order {
            /** One after the other. */
            Order ADJACENT = new Adjacent();

            /** Where an output is, counted from where the first is. */
            long place(long output);

            /** How many outputs from this one on lie one after the other, itself included. */
            long together(long output);

            /** One after the other. */
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

            /** In runs of {@code length}, one every {@code stride}: of every head, say, between which another layer's lie. */
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
             * In heads of {@code headDim}, of which those that rotary positions turn together are stored side by side, {@code (2i, 2i + 1)}, and seen
             * half a head apart, {@code (i, i + headDim / 2)}.
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
     * @param kind its equation
     * @param weight the weight's tensor, {@code [size]}
     * @param bias the bias's tensor, {@code [size]}; of LayerNorm, which may do without
     * @param epsilon added to the mean square, or to the variance
     * @param onePlusWeight multiplies by {@code 1 + w} (Gemma, Qwen 3.5) instead of {@code w}
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

            /** As people call it. */
            public String label() {
                return label;
            }
        }

        /** RMSNorm whose weight is {@code name.weight}. */
        public static Norm rms(String name, int size, double epsilon) {
            return new Norm(Kind.RMS, name + ".weight", Optional.empty(), size, epsilon, false);
        }

        /** LayerNorm whose weight is {@code name.weight}, and its bias {@code name.bias}. */
        public static Norm layer(String name, int size, double epsilon, boolean hasBias) {
            Optional<String> bias = hasBias ? Optional.of(name + ".bias") : Optional.empty();
            return new Norm(Kind.LAYER, name + ".weight", bias, size, epsilon, false);
        }

        /** The same with another tensor for the weight. */
        public Norm withWeight(String tensor) {
            return new Norm(kind, tensor, bias, size, epsilon, onePlusWeight);
        }

        /** The same, multiplying by {@code 1 + w}. */
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
     * A causal convolution of every channel by itself, {@code y[t, c] = b[c] + sum over j < width of w[c, j] x[t - width + 1 + j, c]}.
     *
     * @param weight the weights' tensor, {@code [channels, 1, width]}
     * @param bias the bias's tensor, {@code [channels]}
     * @param width how many of the latest tokens an output sees, its own included
     */
    record Convolution(String weight, Optional<String> bias, int channels, int width) implements Parameter {
        /** Without a bias, its weight {@code name.weight}. */
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

        /** Its weights and, where it has one, its bias. */
        public int elementsPerChannel() {
            return width + (bias.isPresent() ? 1 : 0);
        }
    }

    /**
     * Rows that are looked up.
     *
     * @param name its tensor, {@code [rows, cols]}
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
     * A number for each of {@code size} things, heads or experts.
     *
     * @param name its tensor, {@code [size]}
     * @param neutral what dummy weights fill it with
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
