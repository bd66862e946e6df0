package nighttrain.executor.reference;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;
import nighttrain.executor.reference.ExpertReference.Weighted;
import nighttrain.io.spec.Attention;
import nighttrain.io.spec.GatedDeltaNet;
import nighttrain.io.spec.LayerSpec;
import nighttrain.io.spec.LayerSpec.Residual;
import nighttrain.io.spec.Mamba2;
import nighttrain.io.spec.MixtureOfExperts;
import nighttrain.io.spec.MixtureOfExperts.Router;
import nighttrain.io.spec.Mlp;
import nighttrain.io.spec.ModelSpec;
import nighttrain.io.spec.Parameter.Norm;
import nighttrain.io.spec.Rope;
import nighttrain.io.spec.Wiring;
import nighttrain.io.spec.Wiring.Combine;

/**
 * Computes logits from the papers' equations in float64, a whole sequence at a time, without batch, cache, ranks or devices. It shares
 * nothing with the engine but the checkpoint it reads.
 */
public final class Textbook {
    private final RandomCheckpoint checkpoint;
    private final ModelSpec model;

    public Textbook(RandomCheckpoint checkpoint) {
        this.checkpoint = checkpoint;
        this.model = checkpoint.spec();
    }

    /** Returns the logits after every token, {@code [tokens][vocabulary]}. */
    public double[][] logits(int[] ids) {
        double[][] decoded = decode(embed(ids));
        double[][] logits = times(
                linear(
                        model.wiring().normsTracks() ? decoded : norm(decoded, "model.norm"),
                        "lm_head",
                        model.vocabSize(),
                        false),
                1 / model.head().divisor());
        double cap = model.head().softCap();
        for (double[] row : logits) {
            for (int i = 0; i < row.length && cap > 0; i++) {
                row[i] = cap * Math.tanh(row[i] / cap);
            }
        }
        return logits;
    }

    /**
     * Returns the greedy choice at the place of every token of {@code text}, given the prompt and the text before it. A text is the
     * greedy one if its tokens equal these choices, so that one pass over all of it suffices instead of one for each token.
     */
    public int[] choices(int[] prompt, int[] text) {
        int[] all = Arrays.copyOf(prompt, prompt.length + text.length);
        System.arraycopy(text, 0, all, prompt.length, text.length);
        double[][] logits = logits(all);
        return IntStream.range(prompt.length - 1, all.length - 1)
                .map(n -> largest(logits[n]))
                .toArray();
    }

    private static int largest(double[] logits) {
        int largest = 0;
        for (int token = 1; token < logits.length; token++) {
            largest = logits[token] > logits[largest] ? token : largest;
        }
        return largest;
    }

    private double[][] decode(double[][] h) {
        Wiring wiring = model.wiring();
        if (wiring instanceof Wiring.ParallelTrack tracks) {
            return tracks(h, tracks);
        }
        if (wiring instanceof Wiring.Kraken kraken) {
            return kraken(h, kraken);
        }
        if (wiring instanceof Wiring.Desync desync) {
            return desync(h, desync);
        }
        if (wiring instanceof Wiring.Delayed delayed) {
            return delayed(h, delayed);
        }
        if (wiring instanceof Wiring.Ladder ladder) {
            return ladder(h, ladder.ladderLayers());
        }
        boolean parallel = wiring instanceof Wiring.ParallelBlock;
        for (int l = 0; l < model.layers().size(); l++) {
            String layer = "model.layers." + l + ".";
            if (parallel) {
                double[][] x = norm(h, layer + "input_layernorm");
                h = plus(h, plus(attention(x, layer), mlp(x, layer)));
            } else {
                h = plus(h, attention(norm(h, layer + "input_layernorm"), layer));
                h = plus(h, mlp(norm(h, layer + "post_attention_layernorm"), layer));
            }
        }
        return h;
    }

    /** Computes the released form, which keeps the stream after attention and after the MLP of the previous layer. */
    private double[][] ladder(double[][] start, int ladderLayers) {
        double[][] afterMlp = start;
        double[][] afterAttention = start;
        for (int l = 0; l < model.layers().size(); l++) {
            boolean ladder = l >= model.layers().size() - ladderLayers;
            String layer = "model.layers." + l + ".";
            double[][] a = plus(
                    afterMlp, attention(norm(ladder ? afterAttention : afterMlp, layer + "input_layernorm"), layer));
            double[][] m = plus(a, mlp(norm(ladder ? afterMlp : a, layer + "post_attention_layernorm"), layer));
            afterAttention = a;
            afterMlp = m;
        }
        return afterMlp;
    }

    private double[][] tracks(double[][] start, Wiring.ParallelTrack tracks) {
        double[][][] h = new double[tracks.tracks()][][];
        Arrays.fill(h, start);
        for (int l = 0; l < model.layers().size(); l++) {
            for (int i = 0; i < h.length; i++) {
                String layer = "model.tracks." + i + ".layers." + l + ".";
                h[i] = plus(h[i], attention(norm(h[i], layer + "input_layernorm"), layer));
                h[i] = plus(h[i], mlp(norm(h[i], layer + "post_attention_layernorm"), layer));
            }
            if ((l + 1) % tracks.blockDepth() == 0) {
                double[][] all = h[0];
                for (int i = 1; i < h.length; i++) {
                    all = plus(all, h[i]);
                }
                Arrays.fill(h, tracks.combine() == Combine.MEAN ? times(all, 1.0 / h.length) : all);
            }
        }
        return h[0];
    }

    /** Computes the authors' form: the other tracks' streams are added to this track's before its MLP; concat and linear at the end. */
    private double[][] kraken(double[][] start, Wiring.Kraken kraken) {
        int tracks = kraken.tracks();
        double[][][] h = new double[tracks][][];
        for (int i = 0; i < tracks; i++) {
            String layer = "model.tracks." + i + ".layers.0.";
            double[][] y = plus(start, attention(norm(start, layer + "input_layernorm"), layer));
            h[i] = plus(y, mlp(norm(y, layer + "post_attention_layernorm"), layer));
        }
        for (int l = 1; l < model.layers().size(); l++) {
            double[][][] next = new double[tracks][][];
            for (int i = 0; i < tracks; i++) {
                String layer = "model.tracks." + i + ".layers." + l + ".";
                double[][] y = plus(h[i], attention(norm(h[i], layer + "input_layernorm"), layer));
                double[][] seen = y;
                for (int j = 0; j < tracks; j++) {
                    seen = j == i ? seen : plus(seen, h[j]);
                }
                next[i] = plus(y, mlp(norm(seen, layer + "post_attention_layernorm"), layer));
            }
            h = next;
        }
        double[][] side = new double[start.length][tracks * model.hiddenSize()];
        for (int t = 0; t < side.length; t++) {
            for (int i = 0; i < tracks; i++) {
                System.arraycopy(h[i][t], 0, side[t], i * model.hiddenSize(), model.hiddenSize());
            }
        }
        return linear(
                side, "model.join", model.hiddenSize(), kraken.join().bias().isPresent());
    }

    /** Computes the authors' form: where module outputs are summed, each track adds its share of its own stream. */
    private double[][] desync(double[][] start, Wiring.Desync desync) {
        double[][][] r = new double[desync.tracks()][][];
        Arrays.fill(r, start);
        int modules = 2 * model.layers().size();
        for (int module = 1; module <= modules; module++) {
            double[][][] f = outputs(r, module - 1);
            for (int i = 0; i < r.length; i++) {
                f[i] = finished(f[i], i, module - 1);
            }
            if (module % desync.reduceEvery() == 0 || module == modules) {
                double[][] sum = times(start, 0);
                for (int i = 0; i < r.length; i++) {
                    sum = plus(sum, plus(f[i], times(r[i], 1.0 / r.length)));
                }
                Arrays.fill(r, sum);
            } else {
                for (int i = 0; i < r.length; i++) {
                    r[i] = plus(r[i], f[i]);
                }
            }
        }
        return r[0];
    }

    /** Computes the authors' form: every output is kept, and a track adds the other tracks' outputs of d layers ago. */
    private double[][] delayed(double[][] start, Wiring.Delayed delayed) {
        int n = delayed.tracks();
        int late = 2 * delayed.delay();
        double[][][] h = new double[n][][];
        Arrays.fill(h, start);
        double[][][][] outputs = new double[2 * model.layers().size()][][][];
        for (int module = 0; module < outputs.length; module++) {
            outputs[module] = outputs(h, module);
            for (int i = 0; i < n; i++) {
                double[][] own = finished(outputs[module][i], i, module);
                if (module < late && !delayed.sumsEarly()) {
                    h[i] = plus(h[i], times(own, Math.sqrt(n)));
                } else {
                    int past = module < late ? module : module - late;
                    double[][] all = finished(
                            Arrays.stream(outputs[past]).reduce(Textbook::plus).orElseThrow(), i, past);
                    h[i] = plus(h[i], plus(own, plus(all, times(finished(outputs[past][i], i, past), -1))));
                }
            }
        }
        double[][] sum = times(start, 0);
        for (double[][] stream : h) {
            sum = plus(sum, delayed.normsTracks() ? times(norm(stream, "model.norm"), 1.0 / n) : stream);
        }
        return sum;
    }

    /** Returns the output of every track's module for its stream; attention and MLPs alternate. */
    private double[][][] outputs(double[][][] h, int module) {
        double[][][] outputs = new double[h.length][][];
        for (int i = 0; i < h.length; i++) {
            String layer = layer(i, module);
            outputs[i] = module % 2 == 0
                    ? attended(norm(h[i], layer + "input_layernorm"), layer)
                    : transformed(norm(h[i], layer + "post_attention_layernorm"), layer);
        }
        return outputs;
    }

    private double[][] finished(double[][] output, int track, int module) {
        String layer = layer(track, module);
        return module % 2 == 0
                ? finished(output, spec(layer).mixerResidual(), layer + "after_attention_norm")
                : finished(output, spec(layer).feedForwardResidual(), "none");
    }

    private static String layer(int track, int module) {
        return "model.tracks." + track + ".layers." + module / 2 + ".";
    }

    private double[][] embed(int[] ids) {
        int d = model.hiddenSize();
        float[] table = checkpoint.values("model.embed_tokens.weight", model.vocabSize(), d);
        double[][] h = new double[ids.length][d];
        for (int t = 0; t < ids.length; t++) {
            for (int c = 0; c < d; c++) {
                h[t][c] = model.embedding().scale() * table[ids[t] * d + c];
            }
        }
        if (model.embedding().positions().isPresent()) {
            float[] positions = checkpoint.values("model.embed_positions.weight", model.maxPositions(), d);
            for (int t = 0; t < ids.length; t++) {
                for (int c = 0; c < d; c++) {
                    h[t][c] += positions[t * d + c];
                }
            }
        }
        return h;
    }

    private double[][] norm(double[][] x, String name) {
        boolean layerNorm = model.finalNorm().kind() == Norm.Kind.LAYER;
        int d = x[0].length;
        float[] weight = checkpoint.values(name + ".weight", d);
        float[] bias = model.finalNorm().bias().isPresent() ? checkpoint.values(name + ".bias", d) : new float[d];
        double[][] out = new double[x.length][d];
        for (int t = 0; t < x.length; t++) {
            double mean = layerNorm ? Arrays.stream(x[t]).average().orElseThrow() : 0;
            double square = Arrays.stream(x[t])
                    .map(v -> (v - mean) * (v - mean))
                    .average()
                    .orElseThrow();
            for (int c = 0; c < d; c++) {
                double w = model.finalNorm().onePlusWeight() ? 1 + weight[c] : weight[c];
                out[t][c] =
                        (x[t][c] - mean) / Math.sqrt(square + model.finalNorm().epsilon()) * w + bias[c];
            }
        }
        return out;
    }

    private LayerSpec spec(String layer) {
        String[] parts = layer.split("\\.", -1);
        return model.layers().get(Integer.parseInt(parts[parts.length - 2]));
    }

    /** Applies a model family's operations on a module's output before it is added. */
    private double[][] finished(double[][] output, Residual residual, String norm) {
        double[][] normed = residual.norm().isPresent() ? norm(output, norm) : output;
        return times(normed, residual.multiplier());
    }

    private double[][] attention(double[][] x, String layer) {
        return finished(attended(x, layer), spec(layer).mixerResidual(), layer + "after_attention_norm");
    }

    private double[][] mlp(double[][] x, String layer) {
        return finished(transformed(x, layer), spec(layer).feedForwardResidual(), "none");
    }

    private double[][] attended(double[][] x, String layer) {
        if (spec(layer).mixer() instanceof GatedDeltaNet net) {
            return deltas(x, layer + "linear_attn.", net);
        }
        if (spec(layer).mixer() instanceof Mamba2 mamba) {
            return scanned(x, layer + "mamba.", mamba);
        }
        Attention attention = (Attention) spec(layer).mixer();
        int d = attention.headDim();
        double[][] q = linear(
                x,
                layer + "self_attn.q_proj",
                attention.heads() * d,
                attention.projections().query().bias().isPresent());
        double[][] k = linear(
                x,
                layer + "self_attn.k_proj",
                attention.kvHeads() * d,
                attention.projections().query().bias().isPresent());
        double[][] v = linear(
                x,
                layer + "self_attn.v_proj",
                attention.kvHeads() * d,
                attention.projections().query().bias().isPresent());
        double[][] mixed = new double[x.length][attention.heads() * d];
        for (int head = 0; head < attention.heads(); head++) {
            int kvHead = head / (attention.heads() / attention.kvHeads());
            for (int t = 0; t < x.length; t++) {
                double[] weights = new double[t + 1];
                double sum = 0;
                for (int s = 0; s <= t; s++) {
                    double dot = 0;
                    for (int c = 0; c < d; c++) {
                        dot += turned(attention, q[t], head * d, c, t) * turned(attention, k[s], kvHead * d, c, s);
                    }
                    weights[s] = Math.exp(dot * attention.scale() * growth(attention, t));
                    sum += weights[s];
                }
                for (int s = 0; s <= t; s++) {
                    for (int c = 0; c < d; c++) {
                        mixed[t][head * d + c] += weights[s] / sum * v[s][kvHead * d + c];
                    }
                }
            }
        }
        if (attention.projections().gate().isPresent()) {
            double[][] gates = linear(x, layer + "self_attn.g_proj", attention.heads() * d, false);
            for (int t = 0; t < x.length; t++) {
                for (int c = 0; c < gates[t].length; c++) {
                    mixed[t][c] *= sigmoid(gates[t][c]);
                }
            }
        }
        return linear(
                mixed,
                layer + "self_attn.o_proj",
                model.hiddenSize(),
                attention.projections().output().bias().isPresent());
    }

    /** Computes a gated delta net (arXiv 2412.06464) head by head, over the text from start to end. */
    private double[][] deltas(double[][] x, String at, GatedDeltaNet net) {
        int keys = net.heads().keys() * net.heads().keyDim();
        int values = net.heads().values() * net.heads().valueDim();
        float[] filter = checkpoint.values(at + "conv1d.weight", 2 * keys + values, 1, 4);
        float[] none = new float[2 * keys + values];
        double[][] q = convolved(linear(x, at + "q_proj", keys, false), filter, none, 0);
        double[][] k = convolved(linear(x, at + "k_proj", keys, false), filter, none, keys);
        double[][] v = convolved(linear(x, at + "v_proj", values, false), filter, none, 2 * keys);
        double[][] beta = linear(x, at + "b_proj", net.heads().values(), false);
        double[][] decay = linear(x, at + "a_proj", net.heads().values(), false);
        double[][] gate = linear(x, at + "g_proj", values, false);
        float[] rates = checkpoint.values(at + "A_log", net.heads().values());
        float[] biases = checkpoint.values(at + "dt_bias", net.heads().values());
        float[] weight = checkpoint.values(at + "norm.weight", net.heads().valueDim());
        double[][] mixed = new double[x.length][values];
        for (int head = 0; head < net.heads().values(); head++) {
            int from = head * net.heads().valueDim();
            int keyHead = head
                    * net.heads().keys()
                    / net.heads().values()
                    * net.heads().keyDim();
            double[][] state = new double[net.heads().keyDim()][net.heads().valueDim()];
            for (int t = 0; t < x.length; t++) {
                double[] query = unit(q[t], keyHead, net.heads().keyDim());
                double[] key = unit(k[t], keyHead, net.heads().keyDim());
                double kept = Math.exp(-Math.exp(rates[head]) * Math.log(1 + Math.exp(decay[t][head] + biases[head])));
                double[] out = new double[net.heads().valueDim()];
                for (int j = 0; j < out.length; j++) {
                    double known = 0;
                    for (int i = 0; i < key.length; i++) {
                        known += kept * state[i][j] * key[i];
                    }
                    for (int i = 0; i < key.length; i++) {
                        state[i][j] = kept * state[i][j] + key[i] * sigmoid(beta[t][head]) * (v[t][from + j] - known);
                        out[j] += state[i][j] * query[i] / Math.sqrt(key.length);
                    }
                }
                double square = Arrays.stream(out).map(o -> o * o).average().orElseThrow();
                for (int j = 0; j < out.length; j++) {
                    double g = gate[t][from + j];
                    mixed[t][from + j] = out[j] / Math.sqrt(square + net.norm().epsilon()) * weight[j] * g * sigmoid(g);
                }
            }
        }
        return linear(mixed, at + "o_proj", model.hiddenSize(), false);
    }

    /** Computes Mamba-2 (arXiv 2405.21060) column by column, over the text from start to end. */
    private double[][] scanned(double[][] text, String at, Mamba2 mamba) {
        int values = mamba.heads().count() * mamba.heads().dim();
        int ofGroups = mamba.heads().groups() * mamba.heads().stateSize();
        float[] filter = checkpoint.values(at + "conv1d.weight", values + 2 * ofGroups, 1, 4);
        float[] filterBias = checkpoint.values(at + "conv1d.bias", values + 2 * ofGroups);
        double[][] x = convolved(linear(text, at + "x_proj", values, false), filter, filterBias, 0);
        double[][] in = convolved(linear(text, at + "b_proj", ofGroups, false), filter, filterBias, values);
        double[][] out = convolved(linear(text, at + "c_proj", ofGroups, false), filter, filterBias, values + ofGroups);
        double[][] gate = linear(text, at + "z_proj", values, false);
        double[][] step = linear(text, at + "dt_proj", mamba.heads().count(), false);
        float[] rates = checkpoint.values(at + "A_log", mamba.heads().count());
        float[] biases = checkpoint.values(at + "dt_bias", mamba.heads().count());
        float[] skips = checkpoint.values(at + "D", mamba.heads().count());
        float[] weight = checkpoint.values(at + "norm.weight", values);
        double[][] mixed = new double[text.length][values];
        for (int column = 0; column < values; column++) {
            int head = column / mamba.heads().dim();
            int group = head
                    * mamba.heads().groups()
                    / mamba.heads().count()
                    * mamba.heads().stateSize();
            double[] state = new double[mamba.heads().stateSize()];
            for (int t = 0; t < text.length; t++) {
                double time = Math.log(1 + Math.exp(step[t][head] + biases[head]));
                time = Math.min(
                        Math.max(time, mamba.steps().least()), mamba.steps().most());
                double y = skips[head] * x[t][column];
                for (int i = 0; i < state.length; i++) {
                    state[i] =
                            Math.exp(-Math.exp(rates[head]) * time) * state[i] + time * in[t][group + i] * x[t][column];
                    y += out[t][group + i] * state[i];
                }
                mixed[t][column] = y * gate[t][column] * sigmoid(gate[t][column]);
            }
        }
        int width = values / mamba.heads().groups();
        for (double[] row : mixed) {
            for (int from = 0; from < values; from += width) {
                double square = Arrays.stream(row, from, from + width)
                        .map(v -> v * v)
                        .average()
                        .orElseThrow();
                for (int c = from; c < from + width; c++) {
                    row[c] *= weight[c] / Math.sqrt(square + mamba.norm().epsilon());
                }
            }
        }
        return linear(mixed, at + "out_proj", model.hiddenSize(), false);
    }

    /** Convolves the last four tokens of each channel, then applies SiLU. */
    private static double[][] convolved(double[][] x, float[] filter, float[] bias, int firstChannel) {
        double[][] out = new double[x.length][x[0].length];
        for (int t = 0; t < x.length; t++) {
            for (int c = 0; c < x[t].length; c++) {
                double sum = bias[firstChannel + c];
                for (int back = 0; back < 4 && back <= t; back++) {
                    sum += filter[(firstChannel + c) * 4 + 3 - back] * x[t - back][c];
                }
                out[t][c] = sum * sigmoid(sum);
            }
        }
        return out;
    }

    private static double[] unit(double[] x, int from, int length) {
        double[] part = Arrays.copyOfRange(x, from, from + length);
        double squares = Arrays.stream(part).map(v -> v * v).sum();
        return Arrays.stream(part).map(v -> v / Math.sqrt(squares + 1e-6)).toArray();
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    /** Returns the factor of queries at {@code position}. */
    private static double growth(Attention attention, int position) {
        return attention
                .queryScale()
                .map(scale ->
                        1 + scale.beta() * Math.log(1 + Math.floor(position / (double) scale.originalMaxPositions())))
                .orElse(1.0);
    }

    /** Returns dimension c of a head after rotary embedding at {@code position}. */
    private static double turned(Attention attention, double[] row, int head, int c, int position) {
        int dims = attention.rope().map(Rope::dims).orElse(0);
        if (c >= dims) {
            return row[head + c];
        }
        int i = c % (dims / 2);
        double angle = position * Math.pow(attention.rope().orElseThrow().theta(), -2.0 * i / dims);
        double a = row[head + i];
        double b = row[head + i + dims / 2];
        return c < dims / 2 ? a * Math.cos(angle) - b * Math.sin(angle) : b * Math.cos(angle) + a * Math.sin(angle);
    }

    private double[][] transformed(double[][] x, String layer) {
        return spec(layer).feedForward() instanceof MixtureOfExperts mixture
                ? mixed(x, layer + "mlp.", mixture)
                : transformed(x, layer + "mlp.", (Mlp) spec(layer).feedForward());
    }

    private double[][] transformed(double[][] x, String at, Mlp mlp) {
        boolean bias = mlp.up().bias().isPresent();
        int ffn = mlp.width();
        double[][] up = linear(x, at + "up_proj", ffn, bias);
        boolean gated = mlp.gate().isPresent();
        double[][] gate = gated ? linear(x, at + "gate_proj", ffn, bias) : up;
        for (int t = 0; t < x.length; t++) {
            for (int c = 0; c < ffn; c++) {
                double g = gate[t][c];
                double activated = mlp.activation() == Mlp.Activation.SILU
                        ? g / (1 + Math.exp(-g))
                        : 0.5 * g * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (g + 0.044715 * Math.pow(g, 3))));
                up[t][c] = gated ? activated * up[t][c] : activated;
            }
        }
        return linear(up, at + "down_proj", model.hiddenSize(), bias);
    }

    /** Computes all experts' outputs for all tokens; each token takes those of the experts it chose. */
    private double[][] mixed(double[][] x, String at, MixtureOfExperts mixture) {
        int count = mixture.experts().size();
        Router router = mixture.router();
        double[][] read = router.norm().isPresent() ? norm(x, at + "router_norm") : x;
        double[][] logits =
                linear(read, at + "gate", count, router.logits().bias().isPresent());
        Optional<float[]> correction = router.correction().map(any -> checkpoint.values(at + "correction", count));
        Optional<float[]> scales = router.expertScales().map(any -> checkpoint.values(at + "scales", count));
        double[][] out = mixture.shared()
                .map(one -> transformed(x, at + "shared.", one.mlp()))
                .orElse(new double[x.length][model.hiddenSize()]);
        if (mixture.shared().flatMap(MixtureOfExperts.Shared::gate).isPresent()) {
            double[][] gate = linear(x, at + "shared_gate", 1, false);
            for (int t = 0; t < x.length; t++) {
                out[t] = times(new double[][] {out[t]}, 1 / (1 + Math.exp(-gate[t][0])))[0];
            }
        }
        double[][][] outputs = new double[count][][];
        for (int e = 0; e < count; e++) {
            outputs[e] = expert(x, at + e + ".", mixture);
        }
        for (int t = 0; t < x.length; t++) {
            for (Weighted one : ExpertReference.choose(router, logits[t], correction, scales)) {
                for (int c = 0; c < out[t].length; c++) {
                    out[t][c] += one.weight() * outputs[one.expert()][t][c];
                }
            }
        }
        return out;
    }

    private double[][] expert(double[][] x, String at, MixtureOfExperts mixture) {
        boolean bias = mixture.experts().get(0).up().bias().isPresent();
        double[][] gate = linear(x, at + "gate_proj", mixture.width(), bias);
        double[][] up = linear(x, at + "up_proj", mixture.width(), bias);
        double[][] activated = new double[x.length][];
        for (int t = 0; t < x.length; t++) {
            double[] both = Arrays.copyOf(gate[t], 2 * mixture.width());
            System.arraycopy(up[t], 0, both, mixture.width(), mixture.width());
            activated[t] = ExpertReference.activated(mixture.activation(), both, true);
        }
        return linear(activated, at + "down_proj", model.hiddenSize(), bias);
    }

    private double[][] linear(double[][] x, String name, int outputs, boolean hasBias) {
        int inputs = x[0].length;
        float[] weight = checkpoint.values(name + ".weight", outputs, inputs);
        float[] bias = hasBias ? checkpoint.values(name + ".bias", outputs) : new float[outputs];
        double[][] out = new double[x.length][outputs];
        for (int t = 0; t < x.length; t++) {
            for (int o = 0; o < outputs; o++) {
                out[t][o] = bias[o];
                for (int i = 0; i < inputs; i++) {
                    out[t][o] += x[t][i] * weight[o * inputs + i];
                }
            }
        }
        return out;
    }

    private static double[][] plus(double[][] a, double[][] b) {
        double[][] out = new double[a.length][a[0].length];
        for (int t = 0; t < a.length; t++) {
            for (int c = 0; c < a[t].length; c++) {
                out[t][c] = a[t][c] + b[t][c];
            }
        }
        return out;
    }

    private static double[][] times(double[][] a, double factor) {
        double[][] out = new double[a.length][];
        for (int t = 0; t < a.length; t++) {
            out[t] = Arrays.stream(a[t]).map(v -> v * factor).toArray();
        }
        return out;
    }
}
