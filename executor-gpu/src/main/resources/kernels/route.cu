// Every token chooses its experts, and every choice gets its row among the tokens gathered by expert, in the order of tokens.
//
//   s = score(cap * tanh(logits / cap));  chosen: the CHOSEN largest of s + correction, of equal ones those of lower numbers, in groups
//   the best of those GROUPS_CHOSEN of GROUPS groups whose two best have the largest sums;  weight = scaling * s [/ sum of s] [* scale]
//
// score: softmax over all experts, softmax over the chosen, or sigmoid. fp32. Numbers that are none count as the smallest.
//
// A warp chooses for a token, a block for 32: it leaves a word of 32 tokens an expert. A track's last block counts all words: where
// experts' rows begin, the row of every word, and how many tokens chose the busiest expert. Tokens that pad a recorded step choose none.
//
// Bytes: logits once, 8 a choice, 8 an expert for 32 tokens. Grid: (blocks of 32 tokens, tracks); THREADS threads.
// Compile-time: THREADS (a multiple of 32, at least EXPERTS), EXPERTS, CHOSEN (at most 32), SCORE (0 softmax, 1 of the chosen, 2 sigmoid),
// GROUPS (1: no groups; at most 32), GROUPS_CHOSEN.
#include "routing.cuh"

constexpr int WARPS = THREADS / 32;
constexpr int EACH = (EXPERTS + 31) / 32;  // experts of a lane: lane + 32 j
constexpr int SLICES = THREADS / EXPERTS;  // of the words, that are counted side by side
constexpr float LEAST_SUM = 1e-20f;       // keeps weights finite where all scores are 0 (DeepSeek V3)
#define MINUS_INFINITY __int_as_float(0xff800000)

struct __align__(16) Load {
    unsigned long long tokens, busiest;
};

struct Route {
    Routing to;
    const float* logits;
    long long track_stride;
    const float* correction; // [t][EXPERTS] or null
    const float* scales;     // [t][EXPERTS] or null
    const int* padding;      // tokens at the end that pad the step
    int* done;               // [t], 0 between launches: blocks that have chosen
    Load* load;              // [t]: sums over launches
    Load* host_load;         // [t]: the same in the host's memory
    float cap, scaling;
    int renormalized;
};

__device__ __forceinline__ float sum_over_warp(float x) {
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(~0u, x, step);
    return x;
}

__device__ __forceinline__ float max_over_warp(float x) {
    for (int step = 16; step > 0; step /= 2) x = fmaxf(x, __shfl_xor_sync(~0u, x, step));
    return x;
}

// Integers in the order of numbers: -0 is 0, what is no number the smallest.
__device__ __forceinline__ unsigned ordered(float x) {
    if (x != x) return 0;
    const unsigned bits = __float_as_uint(x + 0.0f);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

// A number for every expert, spread over a warp: that of expert lane + 32 j is at[j].
struct Spread {
    float at[EACH];

    // The best from first to before end whose bit is not in taken (bit j: lane + 32 j), of equal ones the lowest; and its number in others.
    __device__ __forceinline__ int best(unsigned taken, int first, int end, const Spread& others, float& other) const {
        const int lane = threadIdx.x % 32;
        unsigned key = 0, expert = ~0u;
        float at_best = 0;
#pragma unroll
        for (int j = 0; j < EACH; j++) {
            const int e = lane + 32 * j;
            const unsigned k = ordered(at[j]);
            if (e >= first && e < end && !(taken >> j & 1) && (expert == ~0u || k > key)) {
                key = k;
                expert = e;
                at_best = others.at[j];
            }
        }
        const unsigned most = __reduce_max_sync(~0u, key);
        const int best = __reduce_min_sync(~0u, key == most ? expert : ~0u);
        other = __shfl_sync(~0u, at_best, best % 32);
        return best;
    }
};

__device__ __forceinline__ unsigned with(unsigned taken, int expert) {
    return expert % 32 == threadIdx.x % 32 ? taken | 1u << expert / 32 : taken;
}

// What groups leave out.
__device__ __forceinline__ unsigned taken_by_groups(const Spread& preference) {
    constexpr int SIZE = EXPERTS / GROUPS;
    float sum[GROUPS];
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        float second = 0;
        const int best = preference.best(0, g * SIZE, (g + 1) * SIZE, preference, sum[g]);
        if (SIZE > 1) preference.best(with(0, best), g * SIZE, (g + 1) * SIZE, preference, second);
        sum[g] += second;
    }
    unsigned kept = 0;
    for (int c = 0; c < GROUPS_CHOSEN; c++) {
        int best = -1;
        float most = 0;
#pragma unroll
        for (int g = 0; g < GROUPS; g++) {
            if (!(kept >> g & 1) && (best < 0 || sum[g] > most)) {
                best = g;
                most = sum[g];
            }
        }
        kept |= 1u << best;
    }
    unsigned taken = 0;
#pragma unroll
    for (int j = 0; j < EACH; j++) {
        if (!(kept >> (threadIdx.x % 32 + 32 * j) / SIZE & 1)) taken |= 1u << j;
    }
    return taken;
}

// Lane c gets the token's c-th choice, of which it returns the expert.
__device__ __forceinline__ int choose(const Route& r, int track, const float* logits, float& weight) {
    const int lane = threadIdx.x % 32;
    Spread score, preference;
    float most = MINUS_INFINITY;
#pragma unroll
    for (int j = 0; j < EACH; j++) {
        const int e = lane + 32 * j;
        float s = e < EXPERTS ? logits[e] : MINUS_INFINITY;
        if (r.cap > 0) s = r.cap * tanhf(s / r.cap);
        if (SCORE == 2) s = 1 / (1 + expf(-s));
        score.at[j] = s;
        preference.at[j] = r.correction && e < EXPERTS ? s + r.correction[track * EXPERTS + e] : s;
        if (e < EXPERTS) most = fmaxf(most, s);
    }
    unsigned taken = 0;
    if (GROUPS > 1) taken = taken_by_groups(preference);
    int chosen = 0;
    weight = 0;
#pragma unroll 1
    for (int c = 0; c < CHOSEN; c++) {
        float s;
        const int best = preference.best(taken, 0, EXPERTS, score, s);
        taken = with(taken, best);
        if (lane == c) {
            chosen = best;
            weight = s;
        }
    }
    if (SCORE != 2) {
        most = max_over_warp(most);
        weight = lane < CHOSEN ? expf(weight - most) : 0;
        float sum = weight;
        if (SCORE == 0) {
            sum = 0;
#pragma unroll
            for (int j = 0; j < EACH; j++) {
                if (lane + 32 * j < EXPERTS) sum += expf(score.at[j] - most);
            }
        }
        weight /= sum_over_warp(sum);
    }
    float factor = r.scaling;
    if (r.renormalized) factor /= sum_over_warp(weight) + LEAST_SUM;
    weight *= factor;
    if (r.scales) weight *= r.scales[track * EXPERTS + chosen];
    return chosen;
}

// By a block, once a track's tokens have chosen.
__device__ __forceinline__ void order(const Route& r, int track) {
    __shared__ int counts[SLICES][EXPERTS], starts[EXPERTS];
    const Routing& to = r.to;
    const int words = gridDim.x, slice = threadIdx.x / EXPERTS, expert = threadIdx.x % EXPERTS, local = expert - to.first;
    const int from = words * slice / SLICES, end = slice < SLICES ? words * (slice + 1) / SLICES : 0;
    const unsigned* masks = to.masks + (long long)track * words * EXPERTS + expert;
    if (slice < SLICES) {
        int count = 0;
#pragma unroll 8
        for (int w = from; w < end; w++) count += __popc(__ldcg(masks + w * EXPERTS)); // past the first cache: written by other blocks
        counts[slice][expert] = count;
    }
    __syncthreads();
    if (slice == 0) {
        int before = 0;
        for (int s = 0; s < SLICES; s++) {
            const int count = counts[s][expert];
            counts[s][expert] = before;
            before += count;
        }
        starts[expert] = before;
    }
    __syncthreads();
    if (threadIdx.x < 32) {
        int before = 0, all = 0, busiest = 0;
        for (int e = threadIdx.x; e < EACH * 32; e += 32) {
            const int count = e < EXPERTS ? starts[e] : 0;
            const bool is_here = e >= to.first && e < to.first + to.here;
            int sum = is_here ? count : 0;
            for (int step = 1; step < 32; step *= 2) {
                const int left = __shfl_up_sync(~0u, sum, step);
                sum += threadIdx.x >= step ? left : 0;
            }
            if (is_here) {
                starts[e] = before + sum - count;
                to.offsets[track * (to.here + 1) + e - to.first] = starts[e];
            }
            before += __shfl_sync(~0u, sum, 31);
            busiest = max(busiest, count);
            all += count;
        }
        all = __reduce_add_sync(~0u, all);
        busiest = __reduce_max_sync(~0u, busiest);
        if (threadIdx.x == 0) {
            to.offsets[track * (to.here + 1) + to.here] = before;
            Load load = r.load[track];
            load.tokens += all;
            load.busiest += (unsigned long long)busiest * EXPERTS;
            r.load[track] = load;
            r.host_load[track] = load;
        }
    }
    __syncthreads();
    if (slice < SLICES && local >= 0 && local < to.here) {
        int row = starts[expert] + counts[slice][expert];
        int* rows = to.rows + (long long)track * words * EXPERTS + expert;
#pragma unroll 8
        for (int w = from; w < end; w++) {
            rows[w * EXPERTS] = row;
            row += __popc(__ldcg(masks + w * EXPERTS));
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) route(const Route r) {
    __shared__ unsigned masks[EXPERTS];
    __shared__ int is_last;
    const int track = blockIdx.y, lane = threadIdx.x % 32;
    if (threadIdx.x < EXPERTS) masks[threadIdx.x] = 0;
    __syncthreads();
    for (int bit = threadIdx.x / 32; bit < 32; bit += WARPS) {
        const int token = blockIdx.x * 32 + bit;
        if (token >= r.to.tokens) break;
        float weight;
        int expert = choose(r, track, r.logits + track * r.track_stride + (long long)token * EXPERTS, weight);
        if (token >= r.to.tokens - *r.padding) expert = NOBODY;
        if (lane < CHOSEN) {
            const long long at = ((long long)track * r.to.tokens + token) * CHOSEN + lane;
            r.to.expert[at] = expert;
            r.to.weight[at] = weight;
            if (expert != NOBODY) atomicOr(&masks[expert], 1u << bit);
        }
    }
    __syncthreads();
    if (threadIdx.x < EXPERTS)
        r.to.masks[((long long)track * gridDim.x + blockIdx.x) * EXPERTS + threadIdx.x] = masks[threadIdx.x];
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        is_last = atomicAdd(&r.done[track], 1) == gridDim.x - 1;
        if (is_last) r.done[track] = 0;
    }
    __syncthreads();
    if (is_last) {
        __threadfence();
        order(r, track);
    }
}
