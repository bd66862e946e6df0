package nighttrain.executor.device.cpu;

import java.nio.ByteBuffer;
import java.util.Optional;
import nighttrain.executor.device.Matrix;
import nighttrain.io.checkpoint.E4m3;
import nighttrain.io.spec.WeightFormat;

/**
 * Weights in panels of {@link #PANEL} outputs: {@code panels[t][p]} holds {@code [inputs, PANEL]}, so that the
 * inner loop of the product reads memory in order. Outputs are padded with zeros to whole panels.
 */
final class CpuMatrix implements Matrix {
    /** Outputs in one panel. */
    static final int PANEL = InnerLoops.CHOSEN.panel();

    private final int outputs;
    private final int inputs;
    private final float[][][] panels;
    private final float[][] bias;
    private final WeightFormat format;

    private CpuMatrix(int outputs, int inputs, float[][][] panels, float[][] bias, WeightFormat format) {
        this.outputs = outputs;
        this.inputs = inputs;
        this.panels = panels;
        this.bias = bias;
        this.format = format;
    }

    /** Makes a matrix. For a format of 8 bits it keeps the rounded values as fp32, as the reference for other devices. */
    static CpuMatrix of(int tracks, int outputs, int inputs, Rows rows, Optional<float[]> bias, WeightFormat format) {
        return of(tracks, outputs, inputs, format == WeightFormat.FP8 ? quantized(rows, inputs) : rows, bias)
                .in(format);
    }

    private CpuMatrix in(WeightFormat other) {
        return new CpuMatrix(outputs, inputs, panels, bias, other);
    }

    private static Rows quantized(Rows rows, int inputs) {
        byte[] codes = new byte[inputs];
        return (track, output, target) -> {
            float scale = rows.readE4m3(track, output, inputs, ByteBuffer.wrap(codes));
            for (int i = 0; i < inputs; i++) {
                target[i] = E4m3.toFloat(codes[i]) * scale;
            }
        };
    }

    static CpuMatrix of(int tracks, int outputs, int inputs, Rows rows, Optional<float[]> bias) {
        int panelCount = panelCount(outputs);
        float[][][] panels = new float[tracks][panelCount][];
        float[][] paddedBias = new float[tracks][panelCount * PANEL];
        float[] row = new float[inputs];
        for (int track = 0; track < tracks; track++) {
            for (int panel = 0; panel < panelCount; panel++) {
                panels[track][panel] = pack(track, panel, outputs, inputs, rows, row);
            }
            if (bias.isPresent()) {
                System.arraycopy(bias.get(), track * outputs, paddedBias[track], 0, outputs);
            }
        }
        return new CpuMatrix(outputs, inputs, panels, paddedBias, WeightFormat.PLAIN);
    }

    private static float[] pack(int track, int panel, int outputs, int inputs, Rows rows, float[] row) {
        float[] packed = new float[Math.multiplyExact(inputs, PANEL)];
        int first = panel * PANEL;
        for (int lane = 0; lane < PANEL && first + lane < outputs; lane++) {
            rows.read(track, first + lane, row);
            for (int i = 0; i < inputs; i++) {
                packed[i * PANEL + lane] = row[i];
            }
        }
        return packed;
    }

    private static int panelCount(int outputs) {
        return (outputs + PANEL - 1) / PANEL;
    }

    int panelCount() {
        return panelCount(outputs);
    }

    float[] panel(int track, int panel) {
        return panels[track][panel];
    }

    /** The bias of a track, padded to whole panels; zeros if there is no bias. */
    float[] bias(int track) {
        return bias[track];
    }

    @Override
    public int tracks() {
        return panels.length;
    }

    @Override
    public int outputs() {
        return outputs;
    }

    @Override
    public int inputs() {
        return inputs;
    }

    @Override
    public WeightFormat format() {
        return format;
    }
}
