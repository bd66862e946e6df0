// Every token chooses its experts, and every choice gets a row among the tokens gathered by expert, in the order of tokens.
//
//   s = score(cap * tanh(logits / cap));  chosen: the CHOSEN largest of s + correction, of equal ones those with lower numbers; with groups,
//   only from the GROUPS_CHOSEN of GROUPS groups whose two best have the largest sums;  weight = scaling * s [/ sum of s] [* scale]
//
// score: softmax over all experts, softmax over the chosen, or sigmoid. fp32. NaN counts as the smallest number.
//
// A warp chooses for a token, a block for 32 tokens: the block writes one word of 32 bits per expert, a bit per token. A track's last block
// counts all words: the first row of every expert, the row of every word, and the tokens of the busiest expert. Tokens that pad a captured
// step choose none.
//
// Bytes: logits once, 8 per choice, 8 per expert for 32 tokens. Grid: (blocks of 32 tokens, tracks); THREADS threads.
// Compile-time: THREADS (a multiple of 32, at least EXPERTS), EXPERTS, CHOSEN (at most 32), SCORE (0 softmax, 1 of the chosen, 2 sigmoid),
// GROUPS (1: no groups; at most 32), GROUPS_CHOSEN.
#include "routing.cuh"

constexpr int WARPS = THREADS / 32;
constexpr int EACH = (EXPERTS + 31) / 32;  // experts of a lane: lane + 32 j
constexpr int SLICES = THREADS / EXPERTS;  // of the words, that are counted side by side
constexpr int KEPT = 8;                    // words of a slice that are read once
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

// Numbers by which experts are chosen, spread over a warp as integers in the same order: at[j] is the number of expert lane + 32 j, 0 if it
// must not be chosen.
struct Preferences {
    unsigned at[EACH];

    // -0 counts as 0, and NaN comes last.
    __device__ __forceinline__ void set(int j, float x) {
        const unsigned bits = __float_as_uint(x + 0.0f);
        at[j] = x != x ? 1 : bits >> 31 ? ~bits : bits | 0x80000000u;
    }

    __device__ __forceinline__ void take(int expert) {
#pragma unroll
        for (int j = 0; j < EACH; j++) {
            if (expert == (int)threadIdx.x % 32 + 32 * j) at[j] = 0;
        }
    }

    // The best expert from first to before end; of equal ones the lowest.
    __device__ __forceinline__ int best(int first, int end) const {
        const int lane = threadIdx.x % 32;
        unsigned most = 0, expert = ~0u;
#pragma unroll
        for (int j = 0; j < EACH; j++) {
            if (lane + 32 * j >= first && lane + 32 * j < end) most = max(most, at[j]);
        }
        most = __reduce_max_sync(~0u, most);
#pragma unroll
        for (int j = EACH - 1; j >= 0; j--) {
            if (lane + 32 * j >= first && lane + 32 * j < end && at[j] == most) expert = lane + 32 * j;
        }
        return __reduce_min_sync(~0u, expert);
    }
};

// The number of one expert, known to all lanes; numbers are spread as preferences are.
__device__ __forceinline__ float of(const float (&numbers)[EACH], int expert) {
    float x = 0;
#pragma unroll
    for (int j = 0; j < EACH; j++) x = expert == (int)threadIdx.x % 32 + 32 * j ? numbers[j] : x;
    return __shfl_sync(~0u, x, expert % 32);
}

// Keeps only the experts of the best groups.
__device__ __forceinline__ void keep_best_groups(Preferences& preferences, const float (&numbers)[EACH]) {
    constexpr int SIZE = EXPERTS / GROUPS;
    float sum[GROUPS];
#pragma unroll
    for (int g = 0; g < GROUPS; g++) {
        const int best = preferences.best(g * SIZE, (g + 1) * SIZE);
        sum[g] = of(numbers, best);
        if (SIZE > 1) {
            Preferences others = preferences;
            others.take(best);
            sum[g] += of(numbers, others.best(g * SIZE, (g + 1) * SIZE));
        }
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
#pragma unroll
    for (int j = 0; j < EACH; j++) {
        if (!(kept >> (threadIdx.x % 32 + 32 * j) / SIZE & 1)) preferences.at[j] = 0;
    }
}

// Lane c gets the token's c-th choice: it returns the expert and sets its weight.
__device__ __forceinline__ int choose(const Route& r, int track, const float* logits, float& weight) {
    const int lane = threadIdx.x % 32;
    float score[EACH], corrected[EACH];
    Preferences preferences;
    float most = MINUS_INFINITY;
#pragma unroll
    for (int j = 0; j < EACH; j++) {
        const int e = lane + 32 * j;
        const bool there = e < EXPERTS;
        float s = there ? logits[e] : MINUS_INFINITY;
        if (r.cap > 0) s = r.cap * tanhf(s / r.cap);
        if (SCORE == 2) s = 1 / (1 + expf(-s));
        score[j] = s;
        corrected[j] = r.correction && there ? s + r.correction[track * EXPERTS + e] : s;
        preferences.set(j, corrected[j]);
        if (!there) preferences.at[j] = 0;
        if (there) most = fmaxf(most, s);
    }
    if (GROUPS > 1) keep_best_groups(preferences, corrected);
    int chosen = 0;
    weight = 0;
#pragma unroll 1
    for (int c = 0; c < CHOSEN; c++) {
        const int best = preferences.best(0, EXPERTS);
        const float s = of(score, best);
        preferences.take(best);
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
                if (lane + 32 * j < EXPERTS) sum += expf(score[j] - most);
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

// Called by a block, once a track's tokens have chosen.
__device__ __forceinline__ void order(const Route& r, int track) {
    __shared__ int counts[SLICES][EXPERTS], starts[EXPERTS];
    const Routing& to = r.to;
    const int words = gridDim.x, slice = threadIdx.x / EXPERTS, expert = threadIdx.x % EXPERTS, local = expert - to.first;
    const int from = words * slice / SLICES, end = slice < SLICES ? words * (slice + 1) / SLICES : 0;
    const unsigned* masks = to.masks + (long long)track * words * EXPERTS + expert; // written by other blocks: past the first cache
    Load load = {};
    if (threadIdx.x == 0) load = r.load[track];
    unsigned kept[KEPT]; // the first words: all, where the step is small
    int count = 0;
#pragma unroll
    for (int i = 0; i < KEPT; i++) {
        kept[i] = from + i < end ? __ldcg(masks + (from + i) * EXPERTS) : 0;
        count += __popc(kept[i]);
    }
#pragma unroll 8
    for (int w = from + KEPT; w < end; w++) count += __popc(__ldcg(masks + w * EXPERTS));
    if (slice < SLICES) counts[slice][expert] = count;
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
            load.tokens += all;
            load.busiest += (unsigned long long)busiest * EXPERTS;
            r.load[track] = load;
        }
    }
    __syncthreads();
    if (slice < SLICES && local >= 0 && local < to.here) {
        int row = starts[expert] + counts[slice][expert];
        int* rows = to.rows + (long long)track * words * EXPERTS + expert;
#pragma unroll
        for (int i = 0; i < KEPT; i++) {
            if (from + i < end) rows[(from + i) * EXPERTS] = row;
            row += __popc(kept[i]);
        }
#pragma unroll 8
        for (int w = from + KEPT; w < end; w++) {
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
