// out[t] = scale * sum of in over the tracks of one rank, for the first `copies` tracks of out; fp32 accumulation in order of tracks.
// A thread per vector of 16 bytes. Bytes: each track read once, each copy written once.
// Compile-time: FP32 (1: the elements are fp32, else bf16).
#include "sums.cuh"

struct TrackSum {
    uint4* out;
    const uint4* in;
    long long out_track_stride; // in vectors
    long long in_track_stride;
    int tracks;
    int copies;
    int vectors; // of one track
    float scale;
};

extern "C" __global__ void sum_tracks(const TrackSum s) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= s.vectors) return;
    float sum[ELEMENTS] = {};
    for (int t = 0; t < s.tracks; t++) accumulate(sum, s.in[t * s.in_track_stride + i]);
    uint4 v = packed(sum, s.scale);
    for (int t = 0; t < s.copies; t++) s.out[t * s.out_track_stride + i] = v;
}
