// Activations in fp32.
#pragma once

// x * sigmoid(alpha * x): SiLU (arXiv 1702.03118) where alpha is 1.
__device__ __forceinline__ float silu_of(float x, float alpha = 1.0f) {
    return __fdividef(x, 1.0f + __expf(-alpha * x));
}

// GELU, tanh form (arXiv 1606.08415): 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
__device__ __forceinline__ float gelu_of(float x) {
    float inner = 0.7978845608028654f * (x + 0.044715f * x * x * x);
    return 0.5f * x * (1.0f + tanhf(inner));
}
