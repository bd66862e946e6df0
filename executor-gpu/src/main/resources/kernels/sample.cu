// Samples one token per row of logits: mask, penalties, temperature, top-k, top-p, min-p, each applied to the result of the one before.
// Then inverts the cumulative distribution, in order of token ids, at a uniform number that the host derives from seed and position. Ties
// go to the lower id, at the cut-offs of top-k and top-p, too. A row with NaN or +inf, or of -inf alone, has no token: a number below 0
// stands for it. Grid: rows. Weights are summed as integers, so that a sample has the same bits on every run.
// Bytes: a row of fp32 logits read once for greedy rows; a few times, from the L2 cache, for others. A masked row also reads a class per
// token, from the L2 cache if rows share an automaton. If it is not greedy, it writes the logits of tokens that are not allowed.
#include "launch.cuh"

typedef unsigned long long u64;

constexpr int THREADS = 1024;
constexpr int MAX_CANDIDATES = 20;
constexpr int NO_FAULT = 0, NOT_A_NUMBER = -1, POSITIVE_INFINITY = -2, ALL_NEGATIVE_INFINITY = -3; // as LogitFault has them
constexpr float FIXED_POINT = 1099511627776.0f; // 2^40 per unit of weight: 2^23 weights cannot overflow

struct Penalty {
    int token;
    int count; // how often it is in the output; 0: in the prompt alone
    float raw; // the logit before, kept here for log-probabilities
    int unused;
};

// As in TokenAutomaton.
struct Automaton {
    const int* next;      // [states][classes]; below 0 where a class may not come
    const int* fewest;    // [states] tokens to an accepting state
    const void* class_of; // [tokens], of 16 bits each where those suffice
    int classes;
    int tokens;
};

constexpr int END_CLASS = 1;
constexpr int CLASSES_OF_16_BITS = 65536;
constexpr int IGNORE_END = 1, LOGPROBS_BEFORE = 2; // flags

struct SampleRequest {
    double uniform; // in [0, 1)
    Penalty* penalties;
    double top_p;
    float inverse_temperature; // 0: greedy
    float min_p;
    float repetition;
    float presence;
    float frequency;
    int top_k;
    int penalty_count;
    int logprobs; // -1: none
    int given;    // the token whose log-probability is wanted; -1: sample one
    int flags;
    const Automaton* automaton; // which tokens may come; null: all
    int state;                  // before the token; below 0: ~i for what follows sample i of the step before
    int remaining;              // tokens that may still come, this one included
    int sampled;                // where the token of that sample is
    int unused;
};

struct Likely {
    float logprob;
    int tokens[MAX_CANDIDATES];
    float logprobs[MAX_CANDIDATES];
};

constexpr unsigned INFINITE = 0xff800000u, MINUS_INFINITE = 0x007fffffu; // the orders of +inf and -inf
constexpr unsigned NAN_ORDER = INFINITE + 1;

// Orders floats as unsigned integers. Zeros are equal, and so are NaNs, which are above all others.
__device__ __forceinline__ unsigned order(float x) {
    unsigned bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return NAN_ORDER;
    if (bits == 0x80000000u) bits = 0;
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__device__ __forceinline__ float unordered(unsigned key) {
    return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

// Larger logit first, then lower token.
__device__ __forceinline__ u64 rank(float logit, int token) {
    return (u64)order(logit) << 32 | (0xffffffffu - (unsigned)token);
}

__device__ __forceinline__ int token_of(u64 ranked) {
    return (int)(0xffffffffu - (unsigned)ranked);
}

__device__ __forceinline__ float logit_of(u64 ranked) {
    return unordered((unsigned)(ranked >> 32));
}

// The fault of a row whose best this is.
__device__ __forceinline__ int fault_of(u64 best) {
    const unsigned key = (unsigned)(best >> 32);
    return key == NAN_ORDER ? NOT_A_NUMBER
        : key == INFINITE ? POSITIVE_INFINITY
        : key == MINUS_INFINITE ? ALL_NEGATIVE_INFINITY : NO_FAULT;
}

template <typename T, typename Combine>
__device__ T block_reduce(T x, T nothing, Combine combine) {
    __shared__ T shared[32];
    for (int lane = 16; lane > 0; lane >>= 1) x = combine(x, __shfl_xor_sync(0xffffffffu, x, lane));
    __syncthreads(); // of the use before
    if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
    __syncthreads();
    x = threadIdx.x % 32 < THREADS / 32 ? shared[threadIdx.x % 32] : nothing;
    for (int lane = 16; lane > 0; lane >>= 1) x = combine(x, __shfl_xor_sync(0xffffffffu, x, lane));
    return x;
}

// The best of the row among those that rank below `bound`.
__device__ u64 best_below(const float* row, int vocabulary, u64 bound) {
    u64 best = 0;
    for (int token = threadIdx.x; token < vocabulary; token += THREADS) {
        u64 ranked = rank(row[token], token);
        if (ranked < bound && ranked > best) best = ranked;
    }
    return block_reduce(best, (u64)0, [](u64 a, u64 b) { return a > b ? a : b; });
}

__device__ __forceinline__ int class_of(const Automaton& a, int token) {
    return a.classes > CLASSES_OF_16_BITS ? ((const int*)a.class_of)[token] : ((const unsigned short*)a.class_of)[token];
}

__device__ __forceinline__ bool may_come(const Automaton& a, int state, int cls, int remaining) {
    const int after = a.next[(long long)state * a.classes + cls];
    return after >= 0 && a.fewest[after] < remaining;
}

// Masks tokens that are not allowed, including those past the automaton's, and returns the best of the rest. NaN and +inf are kept, so that
// they are found. Masked logits are written only if they are read again.
__device__ u64 best_allowed(const SampleRequest& d, float* row, int vocabulary) {
    __shared__ unsigned allowed[CLASSES_OF_16_BITS / 32]; // a bit per class, where so many suffice
    const Automaton a = *d.automaton;
    const bool wide = a.classes > CLASSES_OF_16_BITS;
    bool others = false;
    for (int first = 0; first < a.classes; first += THREADS) {
        const int cls = first + threadIdx.x;
        const bool may = cls < a.classes && may_come(a, d.state, cls, d.remaining);
        const unsigned word = __ballot_sync(0xffffffffu, may);
        if (!wide && threadIdx.x % 32 == 0 && cls < a.classes) allowed[cls / 32] = word;
        others |= may && cls != END_CLASS;
    }
    const bool drop_end = __syncthreads_or(others) && (d.flags & IGNORE_END);
    const bool keep = d.inverse_temperature != 0 || d.logprobs >= 0 || d.penalty_count > 0;
    const int known = min(a.tokens, vocabulary);
    u64 best = 0;
    for (int token = threadIdx.x; token < vocabulary; token += THREADS) {
        float logit = row[token];
        bool may = token < known;
        if (may) {
            const int cls = class_of(a, token);
            may = (wide ? may_come(a, d.state, cls, d.remaining) : allowed[cls / 32] >> cls % 32 & 1) && !(drop_end && cls == END_CLASS);
        }
        if (!may && order(logit) < INFINITE) {
            logit = unordered(MINUS_INFINITE);
            if (keep) row[token] = logit;
        }
        const u64 ranked = rank(logit, token);
        if (ranked > best) best = ranked;
    }
    return block_reduce(best, (u64)0, [](u64 x, u64 y) { return x > y ? x : y; });
}

__device__ float log_sum(const float* row, int vocabulary, float max) {
    float sum = 0;
    for (int token = threadIdx.x; token < vocabulary; token += THREADS) sum += __expf(row[token] - max);
    return max + logf(block_reduce(sum, 0.0f, [](float a, float b) { return a + b; }));
}

// The weight of a token, in fixed point; the most likely token weighs 1.
struct Weights {
    const float* row;
    int vocabulary;
    float max;
    float inverse_temperature;

    __device__ u64 of(float logit) const {
        return (u64)(__expf((logit - max) * inverse_temperature) * FIXED_POINT);
    }

    __device__ u64 operator()(int token) const { return of(row[token]); }

    __device__ u64 sum_from(unsigned cut) const {
        u64 sum = 0;
        for (int token = threadIdx.x; token < vocabulary; token += THREADS) {
            if (order(row[token]) >= cut) sum += (*this)(token);
        }
        return block_reduce(sum, (u64)0, [](u64 a, u64 b) { return a + b; });
    }
};

// The largest cut, at least `least`, so that the tokens from it on measure `target` together: radix selection, a byte at a time.
template <typename Measure>
__device__ unsigned select(const float* row, int vocabulary, unsigned least, u64 target, Measure measure) {
    __shared__ u64 bins[256];
    __shared__ unsigned chosen;
    __shared__ u64 remaining;
    unsigned prefix = 0;
    u64 left = target;
    for (int shift = 24; shift >= 0; shift -= 8) {
        __syncthreads();
        if (threadIdx.x < 256) bins[threadIdx.x] = 0;
        __syncthreads();
        for (int token = threadIdx.x; token < vocabulary; token += THREADS) {
            unsigned key = order(row[token]);
            bool here = shift == 24 || key >> (shift + 8) == prefix >> (shift + 8);
            if (here && key >= least) atomicAdd(&bins[key >> shift & 255], measure(token));
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            int bin = 255;
            u64 rest = left;
            while (bin > 0 && bins[bin] < rest) rest -= bins[bin--];
            chosen = prefix | (unsigned)bin << shift;
            remaining = rest;
        }
        __syncthreads();
        prefix = chosen;
        left = remaining;
    }
    return prefix > least ? prefix : least;
}

// The first token, in order of ids, at which the weights of those from `cut` on exceed `target` together.
__device__ int inverse_cumulative(const Weights& weight, unsigned cut, u64 target) {
    __shared__ u64 segments[32];
    __shared__ int sampled;
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int length = (weight.vocabulary + 31) / 32, from = warp * length;
    int to = min(weight.vocabulary, from + length);
    u64 sum = 0;
    for (int token = from + lane; token < to; token += 32) {
        if (order(weight.row[token]) >= cut) sum += weight(token);
    }
    for (int l = 16; l > 0; l >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, l);
    if (lane == 0) segments[warp] = sum;
    __syncthreads();
    u64 before = 0;
    for (int w = 0; w < warp; w++) before += segments[w];
    if (before <= target && target < before + segments[warp]) { // one warp alone
        for (int start = from; start < to; start += 32) {
            int token = start + lane;
            u64 scan = token < to && order(weight.row[token]) >= cut ? weight(token) : 0;
            for (int l = 1; l < 32; l <<= 1) {
                u64 lower = __shfl_up_sync(0xffffffffu, scan, l);
                if (lane >= l) scan += lower;
            }
            unsigned past = __ballot_sync(0xffffffffu, before + scan > target);
            if (past) {
                if (lane == 0) sampled = start + __ffs(past) - 1;
                break;
            }
            before += __shfl_sync(0xffffffffu, scan, 31);
        }
    }
    __syncthreads();
    return sampled;
}

// Keeps, in order of ids, the first `kept` of the tokens at `cut`; the others get no weight.
__device__ void drop_ties(float* row, int vocabulary, unsigned cut, u64 kept) {
    __shared__ int ties_of[32];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int length = (vocabulary + 31) / 32, from = warp * length, to = min(vocabulary, from + length);
    int ties = 0;
    for (int token = from + lane; token < to; token += 32) ties += order(row[token]) == cut;
    for (int l = 16; l > 0; l >>= 1) ties += __shfl_xor_sync(0xffffffffu, ties, l);
    __syncthreads(); // of the use before
    if (lane == 0) ties_of[warp] = ties;
    __syncthreads();
    int left = (int)min(kept, (u64)vocabulary);
    for (int w = 0; w < warp; w++) left -= ties_of[w];
    for (int start = from; start < to && ties > 0; start += 32) {
        const int token = start + lane;
        const bool tie = token < to && order(row[token]) == cut;
        const unsigned all = __ballot_sync(0xffffffffu, tie);
        if (tie && (int)__popc(all & ((1u << lane) - 1)) >= left) row[token] = __int_as_float(0xff800000); // -inf
        left -= __popc(all);
    }
    __syncthreads();
}

__device__ u64 count_above(const float* row, int vocabulary, unsigned cut) {
    u64 above = 0;
    for (int token = threadIdx.x; token < vocabulary; token += THREADS) above += order(row[token]) > cut;
    return block_reduce(above, (u64)0, [](u64 a, u64 b) { return a + b; });
}

// Top-k over all tokens, top-p over the mass that top-k kept, min-p relative to the most likely token, which all of them keep.
__device__ int sample(const SampleRequest& d, float* row, int vocabulary, float best) {
    const Weights weight{row, vocabulary, best, d.inverse_temperature};
    unsigned cut = MINUS_INFINITE + 1;
    if (d.top_k > 0 && d.top_k < vocabulary) {
        cut = select(row, vocabulary, cut, (u64)d.top_k, [](int) { return (u64)1; });
        drop_ties(row, vocabulary, cut, (u64)d.top_k - count_above(row, vocabulary, cut));
    }
    if (d.top_p < 1) {
        const u64 least = max((u64)ceil(d.top_p * (double)weight.sum_from(cut)), (u64)1);
        cut = select(row, vocabulary, cut, least, weight);
        const u64 above = weight.sum_from(cut + 1), tie = weight.of(unordered(cut));
        if (tie > 0 && above < least) drop_ties(row, vocabulary, cut, (least - above + tie - 1) / tie);
    }
    if (d.min_p > 0) cut = max(cut, order(best + logf(d.min_p) / d.inverse_temperature));
    const u64 kept = weight.sum_from(cut);
    const u64 target = (u64)(d.uniform * (double)kept);
    return inverse_cumulative(weight, cut, target < kept ? target : kept - 1);
}

// Multiplies and subtracts as Hugging Face's processors do; keeps the raw logits.
__device__ void penalise(const SampleRequest& d, float* row) {
    for (int i = threadIdx.x; i < d.penalty_count; i += THREADS) {
        Penalty& p = d.penalties[i];
        float logit = p.raw = row[p.token];
        logit = logit > 0 ? logit / d.repetition : logit * d.repetition;
        if (p.count > 0) logit -= d.presence + p.count * d.frequency;
        row[p.token] = logit;
    }
    __syncthreads();
}

__device__ float raw_logit(const SampleRequest& d, const float* row, int token) {
    __shared__ float found;
    if (threadIdx.x == 0) found = row[token];
    __syncthreads();
    for (int i = threadIdx.x; i < d.penalty_count; i += THREADS) {
        if (d.penalties[i].token == token) found = d.penalties[i].raw;
    }
    __syncthreads();
    return found;
}

extern "C" __global__ void __launch_bounds__(THREADS, 1) sample_rows(
        float* logits, const SampleRequest* requests, int* tokens, int copies, int copy_stride, Likely* likely, int vocabulary) {
    wait_for_kernels_before();
    const SampleRequest d = requests[blockIdx.x];
    float* row = logits + (long long)blockIdx.x * vocabulary;
    const bool masked = d.automaton != nullptr;
    const bool mask_later = masked && (d.flags & LOGPROBS_BEFORE) && d.logprobs >= 0;
    u64 best = masked && !mask_later ? best_allowed(d, row, vocabulary) : best_below(row, vocabulary, ~(u64)0);
    int token = fault_of(best);
    const bool scored = token == NO_FAULT && (d.logprobs >= 0 || d.given >= 0);
    float log_total = 0;
    if (scored) {
        log_total = log_sum(row, vocabulary, logit_of(best));
        u64 next = best;
        for (int k = 0; k < d.logprobs; k++) {
            if (threadIdx.x == 0) {
                likely[blockIdx.x].tokens[k] = token_of(next);
                likely[blockIdx.x].logprobs[k] = logit_of(next) - log_total;
            }
            next = best_below(row, vocabulary, next);
        }
    }
    if (token == NO_FAULT && mask_later) {
        best = best_allowed(d, row, vocabulary);
        token = fault_of(best);
    }
    if (token == NO_FAULT && d.given < 0 && d.penalty_count > 0) {
        penalise(d, row);
        best = best_below(row, vocabulary, ~(u64)0);
        token = fault_of(best); // a finite logit may have been multiplied past the largest float
    }
    if (token == NO_FAULT) {
        token = d.given >= 0 ? d.given
            : d.inverse_temperature == 0 ? token_of(best)
            : sample(d, row, vocabulary, logit_of(best));
    }
    const float logit = scored && token >= 0 ? raw_logit(d, row, token) : 0.0f;
    if (threadIdx.x == 0) {
        for (int c = 0; c < copies; c++) tokens[c * copy_stride + blockIdx.x] = token; // one for each rank to fetch
        likely[blockIdx.x].logprob = logit - log_total;
    }
}

// Computes the states in which the masks of a step begin, here and in `now`: as given by the host, or the state after the token that the
// step before sampled in a state of `before`. Every rank does this for all samples, since it has all tokens. Grid: samples.
extern "C" __global__ void advance_states(SampleRequest* requests, int count, const int* sampled, const int* before, int* now) {
    wait_for_kernels_before();
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count || requests[i].automaton == nullptr) return;
    int state = requests[i].state;
    if (state < 0) {
        const Automaton a = *requests[i].automaton;
        const int token = sampled[requests[i].sampled];
        // After a sample that failed, its row goes on from the start state, and its result is not read.
        state = token < 0 || token >= a.tokens ? 0 : max(0, a.next[(long long)before[~state] * a.classes + class_of(a, token)]);
        requests[i].state = state;
    }
    now[i] = state;
}
