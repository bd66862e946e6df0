// Per head of queries and keys: x = RMSNorm(x) if HEAD_NORMS (Qwen 3), then rotary embedding (arXiv 2104.09864)
//     x[i] = x[i] cos[p][i] - x[i + ROTARY_HALF] sin[p][i];  x[i + ROTARY_HALF] = x[i + ROTARY_HALF] cos[p][i] + x[i] sin[p][i]
// at the token's position p; queries are multiplied by query_scale[p] if there is one, and stay in place. Keys, less key_offset if there is
// one, and values are written to their pages, and those of copied tokens also to the pages of a second sequence. Pages hold bf16, or with
// KV_CODES bytes with a scale per row (kv_codes.cuh). A token whose values are not all finite gets zeros as values and NaN as keys.
// Attention replaces the scores of tokens that a query does not see, but multiplies their values by 0, and 0 * NaN is NaN: NaN would spread
// to tokens before it, and to every sequence that shares its pages.
// Grid: (tokens and copies, tracks, parts of the heads); up to 8 warps, each one head at a time. fp32 arithmetic. Bytes per token and
// track: the qkv row read, its query columns written, keys and values written to the cache; angles from the L2 cache.
// Compile-time: HEAD_DIM, ROTARY_HALF (0: no rotation), PAGE_TOKENS, HEAD_NORMS (0 or 1), KV_CODES (0: bf16; 1, 2).
#include "bf16.cuh"
#include "kv_codes.cuh"
#include "launch.cuh"

constexpr int PADDED_DIM = (HEAD_DIM + 15) / 16 * 16;
constexpr int WIDTH = HEAD_DIM % 2 == 0 && ROTARY_HALF % 2 == 0 ? 2 : 1; // elements that a lane moves at a time
constexpr int PER_LANE = (HEAD_DIM + 32 * WIDTH - 1) / (32 * WIDTH);

constexpr int MIXED = HEAD_DIM & -HEAD_DIM; // the largest power of two that divides HEAD_DIM

#define NOT_A_NUMBER __int_as_float(0x7fffffff)

struct __align__(2 * WIDTH) Few {
    bf16 at[WIDTH];
};

struct __align__(4 * WIDTH) FewFloats {
    float at[WIDTH];
};

__device__ __forceinline__ FewFloats few(const float* x) {
    return *reinterpret_cast<const FewFloats*>(x);
}

struct RopeAndWriteKv {
    bf16* qkv; // [t][i][cols]: (heads + 2 * kv_heads) * HEAD_DIM, and others that stay
    long long track_stride;
    void* keys; // [page][t * kv_heads + g][PAGE_TOKENS][PADDED_DIM]
    void* values;
    unsigned char* kv_scales; // [page][t * kv_heads + g][PAGE_TOKENS / 16][of keys, of values][16]
    const int* positions; // [i]
    const int* slots;     // [i], then [copy]: page * PAGE_TOKENS + place in the page
    const int* copied;    // [copy]: the token
    const float* cosines; // [position][ROTARY_HALF]
    const float* sines;
    const float* query_scales; // [position], or null: 1
    const float* query_norm; // [t][HEAD_DIM]
    const float* key_norm;
    const float* key_offset; // [t][kv_heads][HEAD_DIM], or null: 0
    float epsilon;
    int heads;
    int kv_heads;
    int tokens;
    int cols;
};

// Multiplies every MIXED dimensions by a Hadamard matrix over sqrt(MIXED) (arXiv 2404.00456). A warp holds a head as in the kernel below.
// Dot products of queries and keys stay the same. A few large numbers of a key, which would leave other numbers few codes, are spread over
// all of its numbers.
__device__ __forceinline__ void mix(FewFloats (&at)[PER_LANE], int lane) {
#pragma unroll
    for (int half = 1; half < MIXED; half *= 2) {
        FewFloats other[PER_LANE];
#pragma unroll
        for (int k = 0; k < PER_LANE; k++)
            for (int w = 0; w < WIDTH; w++) {
                if (half < WIDTH) other[k].at[w] = at[k].at[w ^ half];
                else if (half < 32 * WIDTH) other[k].at[w] = __shfl_xor_sync(~0u, at[k].at[w], half / WIDTH);
                else other[k].at[w] = at[k ^ half / (32 * WIDTH)].at[w];
            }
#pragma unroll
        for (int k = 0; k < PER_LANE; k++)
            for (int w = 0; w < WIDTH; w++)
                at[k].at[w] = other[k].at[w] + (((k * 32 + lane) * WIDTH + w) & half ? -at[k].at[w] : at[k].at[w]);
    }
#pragma unroll
    for (int k = 0; k < PER_LANE; k++)
        for (int w = 0; w < WIDTH; w++) at[k].at[w] *= rsqrtf(MIXED);
}

// Writes a row of a page. A warp holds it as in the kernel below.
__device__ __forceinline__ void write_codes(
        unsigned char* row, unsigned char* scale_at, const FewFloats (&at)[PER_LANE], int lane) {
    unsigned most = 0;
#pragma unroll
    for (int k = 0; k < PER_LANE; k++)
        for (int w = 0; w < WIDTH; w++) most = max(most, __float_as_uint(at[k].at[w]) & 0x7fffffff); // NaN is the largest
    unsigned scale = page_scale(__reduce_max_sync(~0u, most));
    float factor = page_factor(scale);
    if (lane == 0) *scale_at = scale;
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) {
        int i = (k * 32 + lane) * WIDTH;
        if (i >= HEAD_DIM) break;
        unsigned codes = to_codes(at[k].at[0] * factor, at[k].at[WIDTH - 1] * factor);
        if (WIDTH == 2) {
            *reinterpret_cast<unsigned short*>(row + i) = codes;
        } else {
            row[i] = codes;
        }
    }
}

// Whether a warp finds a row of HEAD_DIM numbers finite.
__device__ __forceinline__ bool is_finite(const bf16* row, int lane) {
    bool finite = true;
#pragma unroll
    for (int k = 0; k < PER_LANE; k++) {
        int i = (k * 32 + lane) * WIDTH;
        Few loaded = i < HEAD_DIM ? *reinterpret_cast<const Few*>(row + i) : Few();
        for (int w = 0; w < WIDTH; w++) finite &= isfinite(to_float(loaded.at[w]));
    }
    return __all_sync(~0u, finite);
}

extern "C" __global__ void rope_and_write_kv(const RopeAndWriteKv a) {
    wait_for_kernels_before();
    __shared__ __align__(16) float staged[8][HEAD_DIM]; // a head per warp: the partner of a pair may lie with another lane
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    bool is_copy = blockIdx.x >= a.tokens;
    int token = is_copy ? a.copied[blockIdx.x - a.tokens] : blockIdx.x, track = blockIdx.y;
    int heads = a.heads + 2 * a.kv_heads;
    bf16* row = a.qkv + track * a.track_stride + (long long)token * a.cols;
    const float* cosines = a.cosines + (long long)a.positions[token] * ROTARY_HALF;
    const float* sines = a.sines + (long long)a.positions[token] * ROTARY_HALF;
    long long page = a.slots[blockIdx.x] / PAGE_TOKENS;
    int place = a.slots[blockIdx.x] % PAGE_TOKENS;
    const int warps = blockDim.x / 32;
    for (int head = blockIdx.z * warps + warp + (is_copy ? a.heads : 0); head < heads; head += gridDim.z * warps) {
        bf16* x = row + head * HEAD_DIM;
        bool is_query = head < a.heads, is_value = head >= a.heads + a.kv_heads;
        FewFloats at[PER_LANE];
        float squares = 0;
#pragma unroll
        for (int k = 0; k < PER_LANE; k++) {
            int i = (k * 32 + lane) * WIDTH;
            Few loaded = i < HEAD_DIM ? *reinterpret_cast<const Few*>(x + i) : Few();
            for (int w = 0; w < WIDTH; w++) {
                at[k].at[w] = to_float(loaded.at[w]);
                squares += at[k].at[w] * at[k].at[w];
            }
        }
        if (!is_value) {
            float scale = 1.0f;
            if (HEAD_NORMS) {
                for (int l = 16; l > 0; l >>= 1) squares += __shfl_xor_sync(0xffffffffu, squares, l);
                scale = rsqrtf(squares / HEAD_DIM + a.epsilon);
            }
            const float* weight = (is_query ? a.query_norm : a.key_norm) + track * HEAD_DIM;
#pragma unroll
            for (int k = 0; k < PER_LANE; k++) {
                int i = (k * 32 + lane) * WIDTH;
                if (i >= HEAD_DIM) break;
                for (int w = 0; w < WIDTH; w++) {
                    if (HEAD_NORMS) at[k].at[w] *= scale * weight[i + w];
                    staged[warp][i + w] = at[k].at[w];
                }
            }
            __syncwarp();
#pragma unroll
            for (int k = 0; k < PER_LANE; k++) {
                int i = (k * 32 + lane) * WIDTH;
                if (i >= 2 * ROTARY_HALF) break;
                bool first = i < ROTARY_HALF;
                int angle = first ? i : i - ROTARY_HALF;
                FewFloats cosine = few(cosines + angle), sine = few(sines + angle);
                FewFloats partner = few(&staged[warp][first ? i + ROTARY_HALF : angle]);
                for (int w = 0; w < WIDTH; w++) {
                    float turned = partner.at[w] * sine.at[w];
                    at[k].at[w] = at[k].at[w] * cosine.at[w] + (first ? -turned : turned);
                }
            }
            __syncwarp();
            if (!is_query && a.key_offset) {
                const float* offset = a.key_offset + (track * a.kv_heads + head - a.heads) * HEAD_DIM;
#pragma unroll
                for (int k = 0; k < PER_LANE; k++) {
                    int i = (k * 32 + lane) * WIDTH;
                    if (i >= HEAD_DIM) break;
                    for (int w = 0; w < WIDTH; w++) at[k].at[w] -= offset[i + w];
                }
            }
            if (is_query && a.query_scales) {
                float query_scale = a.query_scales[a.positions[token]];
#pragma unroll
                for (int k = 0; k < PER_LANE; k++) {
                    for (int w = 0; w < WIDTH; w++) at[k].at[w] *= query_scale;
                }
            }
            if (INTEGERS) mix(at, lane);
        }
        bf16* to = x;
        if (!is_query) {
            int group = head - a.heads - (is_value ? a.kv_heads : 0);
            if (!is_finite(row + (a.heads + a.kv_heads + group) * HEAD_DIM, lane)) {
#pragma unroll
                for (int k = 0; k < PER_LANE; k++) {
                    for (int w = 0; w < WIDTH; w++) at[k].at[w] = is_value ? 0.0f : NOT_A_NUMBER;
                }
            }
            long long key_head = page * (gridDim.y * a.kv_heads) + track * a.kv_heads + group;
            long long at_row = key_head * PAGE_TOKENS + place;
            void* rows = is_value ? a.values : a.keys;
            if (KV_CODES) {
                unsigned char* scale_at = a.kv_scales + at_row / 16 * 32 + (is_value ? 16 : 0) + at_row % 16;
                write_codes(static_cast<unsigned char*>(rows) + at_row * PADDED_DIM, scale_at, at, lane);
                continue;
            }
            to = static_cast<bf16*>(rows) + at_row * PADDED_DIM;
        }
#pragma unroll
        for (int k = 0; k < PER_LANE; k++) {
            int i = (k * 32 + lane) * WIDTH;
            if (i >= HEAD_DIM) break;
            Few rounded;
            for (int w = 0; w < WIDTH; w++) rounded.at[w] = to_bf16(at[k].at[w]);
            *reinterpret_cast<Few*>(to + i) = rounded;
        }
    }
}
