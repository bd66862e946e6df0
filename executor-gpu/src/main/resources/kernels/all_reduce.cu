// out[t] = scale * sum of in over the tracks of all ranks, for every local track t; fp32 accumulation in the order of ranks, so
// that every rank gets the same bits. One-shot: every rank reads all of every peer (latency); two-shot: every rank sums its own
// share and reads the others' (bandwidth). Both read peers' memory directly.
// A launch may have fewer blocks than meeting places, which leaves multiprocessors to other work. A block then serves several places.
// Bytes over NVLink per rank of n bytes: one-shot (RANKS - 1) n, two-shot 2 (RANKS - 1) / RANKS n.
// Measured on four H200: 8 KiB 4.6 us, 512 KiB 9.0, 2 MiB 17.1, 32 MiB 166.
// Compile-time: RANKS, BLOCKS, MOST_BLOCKS, FP32 (1: the elements of sums are fp32, else bf16).
#include "peers.cuh"

constexpr int AHEAD = RANKS <= 2 ? 4 : RANKS <= 4 ? 2 : 1; // vectors of a thread whose loads are under way together

struct Sum {
    Peers peers;
    uint4* out;
    const uint4* tracks_in; // this rank's input where it has several tracks, to be summed into peers.in[rank] first
    long long out_track_stride; // in vectors
    long long in_track_stride;
    int tracks;
    int vectors; // of one track
    int rank;
    float scale;
    int staged;  // peers.in is two buffers of staged_stride vectors, used in turn
    int closing; // the input may be written as soon as this is over
    long long staged_stride;
};

// Loads this thread's vectors of count, AHEAD at a time, and then uses them: load(i), and use(i, the loaded value).
template <typename T, typename Load, typename Use>
__device__ __forceinline__ void each(int count, const Load& load, const Use& use) {
    int stride = gridDim.x * blockDim.x;
    for (int first = blockIdx.x * blockDim.x + threadIdx.x; first < count; first += AHEAD * stride) {
        T loaded[AHEAD];
#pragma unroll
        for (int a = 0; a < AHEAD; a++) {
            if (first + a * stride < count) loaded[a] = load(first + a * stride);
        }
#pragma unroll
        for (int a = 0; a < AHEAD; a++) {
            if (first + a * stride < count) use(first + a * stride, loaded[a]);
        }
    }
}

__device__ __forceinline__ void write_tracks(const Sum& s, int at, uint4 v) {
    for (int t = 0; t < s.tracks; t++) s.out[t * s.out_track_stride + at] = v;
}

// Writes the sum of this rank's own tracks to the buffer that its peers read.
__device__ __forceinline__ void stage(const Sum& s, uint4* to, int from, int count) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
        float sum[ELEMENTS] = {};
        for (int t = 0; t < s.tracks; t++) accumulate(sum, s.tracks_in[t * s.in_track_stride + from + i]);
        to[from + i] = packed(sum, 1.0f);
    }
}

// Selects the staged buffer by the parity of the block's epoch, so that replays of a captured graph alternate, too.
__device__ __forceinline__ void inputs(const Sum& s, unsigned epoch, uint4** in) {
    long long offset = s.staged ? (epoch & 1) * s.staged_stride : 0;
#pragma unroll
    for (int r = 0; r < RANKS; r++) in[r] = s.peers.in[r] + offset;
}

extern "C" __global__ void __launch_bounds__(512, 1) one_shot(const Sum s) {
    unsigned long long start = now();
    unsigned epoch = s.peers.epochs[blockIdx.x];
    uint4* in[RANKS];
    inputs(s, epoch, in);
    if (s.staged) stage(s, s.peers.in[s.rank] + (epoch & 1) * s.staged_stride, 0, s.vectors);
    if (!meet(s.peers, s.rank, ++epoch)) return;
    each<Parts>(
        s.vectors, [&](int i) { return load_parts(in, i); },
        [&](int i, const Parts& parts) { write_tracks(s, i, sum_of(parts, s.scale)); });
    if (s.closing) meet(s.peers, s.rank, epoch + 2);
    finish(s.peers, epoch + 2, start); // three in all: odd, so that the staged buffers take turns
}

extern "C" __global__ void __launch_bounds__(512, 1) two_shot(const Sum s) {
    unsigned long long start = now();
    unsigned epoch = s.peers.epochs[blockIdx.x];
    int share = (s.vectors + RANKS - 1) / RANKS;
    uint4* in[RANKS];
    inputs(s, epoch, in);
    if (s.staged) {
        for (int r = 0; r < RANKS; r++) {
            int from = min(s.vectors, r * share);
            stage(s, s.peers.in[s.rank] + (epoch & 1) * s.staged_stride, from, min(share, s.vectors - from));
        }
    }
    if (!meet(s.peers, s.rank, ++epoch)) return;
    int from = min(s.vectors, s.rank * share), count = min(share, s.vectors - from);
    each<Parts>(
        count, [&](int i) { return load_parts(in, from + i); },
        [&](int i, const Parts& parts) { s.peers.reduced[s.rank][from + i] = sum_of(parts, s.scale); });
    if (!meet(s.peers, s.rank, epoch + 1)) return;
    for (int k = 0; k < RANKS; k++) {
        int r = (s.rank + k) % RANKS; // not all ranks at the same peer
        int first = min(s.vectors, r * share), length = min(share, s.vectors - first);
        each<uint4>(
            length, [&](int i) { return s.peers.reduced[r][first + i]; },
            [&](int i, uint4 sum) { write_tracks(s, first + i, sum); });
    }
    if (s.closing) meet(s.peers, s.rank, epoch + 2);
    finish(s.peers, epoch + 2, start);
}

// Gathers whole rows from parts cut by columns: this rank's rows of every rank's part, side by side in order of ranks. fp32.
struct Gather {
    Peers peers;
    float* whole;
    int cols[MAX_RANKS];
    int first_row;
    int rows;
    int rank;
};

template <typename T>
__device__ __forceinline__ void copy_columns(const Gather& g, int column, int whole, const float* part, int cols) {
    constexpr int width = sizeof(T) / sizeof(float);
    for (int row = blockIdx.x; row < g.rows; row += BLOCKS) {
        const T* from = reinterpret_cast<const T*>(part + (long long)(g.first_row + row) * cols);
        T* to = reinterpret_cast<T*>(g.whole + (long long)row * whole + column);
        for (int c = threadIdx.x; c < cols / width; c += blockDim.x) to[c] = from[c];
    }
}

extern "C" __global__ void __launch_bounds__(512, 1) gather_rows_of_rank(const Gather g) {
    unsigned long long start = now();
    unsigned epoch = g.peers.epochs[blockIdx.x] + 3; // odd, as sums
    if (!meet(g.peers, g.rank, epoch)) return;
    int whole = 0;
    bool aligned = true;
    for (int r = 0; r < RANKS; r++) {
        whole += g.cols[r];
        aligned &= g.cols[r] % 4 == 0;
    }
    int column = 0;
    for (int r = 0; r < RANKS; r++) {
        const float* part = reinterpret_cast<const float*>(g.peers.in[r]);
        if (aligned) {
            copy_columns<float4>(g, column, whole, part, g.cols[r]);
        } else {
            copy_columns<float>(g, column, whole, part, g.cols[r]);
        }
        column += g.cols[r];
    }
    finish(g.peers, epoch, start);
}
