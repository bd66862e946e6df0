package nighttrain.executor.device.cuda.matmul;

import nighttrain.executor.device.Matrix;
import nighttrain.executor.device.cuda.tensor.CudaTensor;
import nighttrain.io.spec.WeightFormat;

/**
 * Weights {@code [tracks, outputs, inputs]} row-major, in bf16 or e4m3.
 *
 * @param scalesAddress address of the scales of weights in e4m3, {@code [tracks, outputs]}, in fp32
 * @param biasAddress address of a bias {@code [tracks, outputs]} in bf16; 0: none
 * @param biasFp32Address address of the same bias in fp32
 */
public record CudaMatrix(
        int tracks,
        int outputs,
        int inputs,
        WeightFormat format,
        long address,
        long scalesAddress,
        long biasAddress,
        long biasFp32Address)
        implements Matrix {
    /** Returns weights in bf16 without a bias. */
    public static CudaMatrix plain(int tracks, int outputs, int inputs, long address) {
        return new CudaMatrix(tracks, outputs, inputs, WeightFormat.PLAIN, address, 0, 0, 0);
    }

    /** Returns the same weights with a bias, in both types. */
    public CudaMatrix withBias(long bf16, long fp32) {
        return new CudaMatrix(tracks, outputs, inputs, format, address, scalesAddress, bf16, fp32);
    }

    /** Returns one track of weights in e4m3. */
    CudaMatrix track(int track) {
        long first = (long) track * outputs;
        return new CudaMatrix(
                1,
                outputs,
                inputs,
                format,
                address + first * inputs,
                scalesAddress + first * Float.BYTES,
                biasAddress == 0 ? 0 : biasAddress + first * CudaTensor.BF16,
                biasFp32Address == 0 ? 0 : biasFp32Address + first * Float.BYTES);
    }
}
