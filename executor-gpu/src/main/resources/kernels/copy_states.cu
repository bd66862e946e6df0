// slots[t][to] = slots[t][from] for every copy. Compile-time: VECTOR (rows.cuh), COPIES (most of a launch). Grid: (blocks of a slot, copies,
// t). Bytes: a slot read and written for each copy.
#include "launch.cuh"
#include "rows.cuh"

struct Copies {
    bf16* slots;            // [t][slot][vectors], or other bits
    long long track_stride; // in elements
    long long vectors;
    struct {
        int from, to;
    } of[COPIES];
};

extern "C" __global__ void copy_states(Copies copies) {
    wait_for_kernels_before();
    bf16* track = copies.slots + blockIdx.z * copies.track_stride;
    const bf16* from = track + copies.of[blockIdx.y].from * copies.vectors * VECTOR;
    bf16* to = track + copies.of[blockIdx.y].to * copies.vectors * VECTOR;
    for (int v = blockIdx.x * blockDim.x + threadIdx.x; v < copies.vectors; v += gridDim.x * blockDim.x) {
        store(to, v, load(from, v));
    }
}
