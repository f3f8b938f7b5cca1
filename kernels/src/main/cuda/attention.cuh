// Causal attention of ragged batches, with shared rows in front (a learned prefix, or a cache of earlier tokens), in
// memory that grows linearly with length: scores exist only as tiles in shared memory (Dao et al. 2022).
//
// Sequence s has `length` queries and the keys 0 … prefix + length − 1: first its prefix rows, then its own tokens.
// Query i sees key j if j ≤ prefix + i. Head h reads columns h · headSize …; key–value head h · kvHeads / heads serves
// query head h.
//
//   forward    o = Σⱼ pⱼ vⱼ,  p = softmax(scale · q k),  logSumExp = log Σⱼ exp(scale · q kⱼ)
//   backward   dpⱼ = do · vⱼ,  dsⱼ = pⱼ (dpⱼ − do · o)
//              dq = scale Σⱼ dsⱼ kⱼ,  dkⱼ = scale Σᵢ dsᵢⱼ qᵢ,  dvⱼ = Σᵢ pᵢⱼ doᵢ
//
// How a tile is computed. D is the head size rounded up to 32, 64, 128 or 256; what lies beyond the head size is zero.
// A block holds ROWS rows (queries; keys in `attention_keys`) and streams COLUMNS rows of the other kind through shared
// memory. A row of the tile of scores, and the same row of a result [ROWS, D], belongs to some
// lanes of one warp: its maximum and sum are shuffles, and scores pass from the first product to the second inside a
// warp. A warp sits out where its rows do not exist or see nothing of what is being
// streamed. What multiplies tiles, and which lanes a row belongs to, is in tiles_fp32.cuh or tiles_tf32.cuh, of which a
// module includes one before this file.
//
// Each head size is a module of its own, attention_32.cu, attention_tf32_32.cu and so on: a driver compiles what a model
// needs in a second or two, all of them take many times that. Within a module the products are unrolled, for their
// operands have to be in registers; everything else that is long is a loop.
#pragma once

// A strided matrix of heads side by side, or one head of it.
struct Heads {
    float* data;
    int stride;

    __device__ __forceinline__ Heads head(int h, int headSize) const { return {data + h * headSize, stride}; }
    __device__ __forceinline__ float* row(int64 r) const { return data + r * stride; }
    __device__ __forceinline__ bool vector() const { return aligned(data) & stride % 4 == 0; }
};

// Where one sequence lies.
struct Span {
    int begin, length, prefixStart, prefix;

    __device__ __forceinline__ Span(const int* table, int sequences, int s)
        : begin(table[s]), length(table[s + 1] - begin), prefixStart(table[sequences + 1 + s]),
          prefix(table[2 * sequences + 1 + s]) {}
};

// Where a thread's score (i, j) lies in a tile of COLUMNS columns.
template <int COLUMNS>
__device__ __forceinline__ int scoreAt(Place at, int i, int j) {
    return at.row(i) * (COLUMNS + 4) + at.column(j);
}

// Which attention weights are dropped; see AttentionShape.
struct Dropout {
    float p, keep;
    int64 seed, stream;
    int keysPerRow;

    // Writes for each of a thread's scores what its weight is multiplied by, 0 or keep, into a tile; rowOf(i, j) is its
    // query row · heads + head, keyOf(i, j) its key. In shared memory, so that the loop need not be unrolled.
    template <int COLUMNS, class RowOf, class KeyOf>
    __device__ __forceinline__ void factors(float* tile, Place at, RowOf rowOf, KeyOf keyOf) const {
#pragma unroll 1
        for (int ij = 0; ij < Place::ROWS * COLUMNS / Place::LANES; ij++) {
            int i = ij % Place::ROWS, j = ij / Place::ROWS;
            float chance = uniform(seed, stream, rowOf(i, j) * keysPerRow + keyOf(i, j));
            tile[scoreAt<COLUMNS>(at, i, j)] = chance >= p ? keep : 0;
        }
    }
};

// What all kernels take; the last parameters of each.
struct Inputs {
    Heads q, k, v, prefixK, prefixV;
    const int* spans;
    int sequences, heads, kvHeads, headSize;
    float scale;
    Dropout dropout;

    // Keys and values of the key–value head that serves a query head.
    __device__ __forceinline__ Inputs of(int head) const {
        int kvHead = static_cast<int64>(head) * kvHeads / heads;
        Inputs one = ofKeys(kvHead);
        one.q = q.head(head, headSize);
        return one;
    }

    __device__ __forceinline__ Inputs ofKeys(int kvHead) const {
        Inputs one = *this;
        one.k = k.head(kvHead, headSize), one.v = v.head(kvHead, headSize);
        one.prefixK = prefixK.head(kvHead, headSize), one.prefixV = prefixV.head(kvHead, headSize);
        return one;
    }

    // Whether rows of one head may be read four numbers at a time.
    __device__ __forceinline__ bool vector() const {
        return q.vector() & k.vector() & v.vector() & prefixK.vector() & prefixV.vector();
    }

    // Rows of keys or values from key `first` of a sequence on: of the prefix, then its own.
    __device__ __forceinline__ auto rows(Heads prefix, Heads own, Span span, int first) const {
        return [=](int r) {
            int j = first + r;
            return j < span.prefix ? prefix.row(span.prefixStart + j) : own.row(span.begin + j - span.prefix);
        };
    }
};

#define INPUTS                                                                                                         \
    float *q, int qStride, float *k, int kStride, float *v, int vStride, float *prefixK, int prefixKStride,            \
        float *prefixV, int prefixVStride, const int *spans, int sequences, int heads, int kvHeads, int headSize,      \
        float scale, float p, float keep, int64 seed, int64 stream, int keysPerRow
#define INPUT_VALUES                                                                                                   \
    Inputs{{q, qStride}, {k, kStride}, {v, vStride}, {prefixK, prefixKStride}, {prefixV, prefixVStride}, spans,        \
           sequences, heads, kvHeads, headSize, scale, {p, keep, seed, stream, keysPerRow}}

// ---- tiles ----------------------------------------------------------------------------------------------------------

// Of a block that holds so many rows.
template <int ROWS>
constexpr int THREADS = ROWS / Place::WARP_ROWS * WARP;

// Four numbers as they go into a tile.
__device__ __forceinline__ void setOperands(float* tile, float factor, float4 x) {
    unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(tile));
    // At once: left to itself the compiler parts some of these stores.
    asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};"
                 :
                 : "r"(address), "f"(operand(factor * x.x)), "f"(operand(factor * x.y)), "f"(operand(factor * x.z)),
                   "f"(operand(factor * x.w))
                 : "memory");
}

// a[r] = factor · rowOfA(r) and b[r] = rowOfB(r) for r < count, zero for the other rows of these tiles. Neighbouring
// threads read neighbouring columns, and all that a thread reads in a round is under way at once: memory is far.
template <int D, int ROWS, int COUNT, class RowOfA, class RowOfB>
__device__ __forceinline__ void fetchTwo(float* a, float* b, int count, int headSize, bool vector, float factor,
                                         RowOfA rowOfA, RowOfB rowOfB) {
    constexpr int RUNS = ROWS * (D / 4), ROUND = RUNS / COUNT < 4 ? RUNS / COUNT : 4;
    static_assert(RUNS % (ROUND * COUNT) == 0, "all threads read equally much");
    vector &= headSize % 4 == 0;
#pragma unroll 1
    for (int first = threadIdx.x; first < RUNS; first += ROUND * COUNT) {
        float4 x[ROUND], y[ROUND];
#pragma unroll
        for (int k = 0; k < ROUND; k++) {
            int r = (first + k * COUNT) / (D / 4), c = (first + k * COUNT) % (D / 4) * 4;
            if (vector) {
                bool inside = r < count & c < headSize;
                x[k] = fourIf(inside, rowOfA(r) + c), y[k] = fourIf(inside, rowOfB(r) + c);
            } else {
                x[k] = fourOf(rowOfA(r), c, r < count ? headSize : 0, false);
                y[k] = fourOf(rowOfB(r), c, r < count ? headSize : 0, false);
            }
        }
#pragma unroll
        for (int k = 0; k < ROUND; k++) {
            int r = (first + k * COUNT) / (D / 4), c = (first + k * COUNT) % (D / 4) * 4;
            setOperands(a + r * TILE_ROW<D> + c, factor, x[k]);
            setOperands(b + r * TILE_ROW<D> + c, 1, y[k]);
        }
    }
}

// The same for one tile.
template <int D, int ROWS, class RowOf>
__device__ __forceinline__ void fetch(float* tile, int count, int headSize, bool vector, float factor, RowOf rowOf) {
#pragma unroll 1
    for (int i = threadIdx.x; i < ROWS * (D / 4); i += blockDim.x) {
        int r = i / (D / 4), c = i % (D / 4) * 4;
        setOperands(tile + r * TILE_ROW<D> + c, factor,
                    r < count ? fourOf(rowOf(r), c, headSize, vector) : make_float4(0, 0, 0, 0));
    }
}

// Hands a thread's scores to the threads of its rows, which lie in the same warp.
template <int COLUMNS>
__device__ __forceinline__ void share(float* tile, const float (&s)[Place::ROWS][COLUMNS / Place::LANES], Place at) {
#pragma unroll
    for (int i = 0; i < Place::ROWS; i++)
#pragma unroll
        for (int j = 0; j < COLUMNS / Place::LANES; j++) tile[scoreAt<COLUMNS>(at, i, j)] = operand(s[i][j]);
    __syncwarp();
}

// Writes the rows of a result below `count` to memory, by way of a tile [ROWS, D] that is no longer needed: so four
// neighbouring numbers leave together, whatever D is. A warp writes and reads its own rows of the tile only.
template <int D, class RowOf>
__device__ __forceinline__ void store(const Result<D>& result, float* tile, Place at, int count, int headSize,
                                      bool vector, RowOf rowOf) {
    result.toTile(tile, at);
    __syncwarp();
#pragma unroll 1
    for (int i = threadIdx.x % WARP; i < Place::WARP_ROWS * (D / 4); i += WARP) {
        int r = at.warpRow + i / (D / 4), c = i % (D / 4) * 4;
        if (r >= count) return;
        setFour(rowOf(r), c, headSize, vector, fourOfTile(tile + r * TILE_ROW<D> + c));
    }
}

// ---- forward --------------------------------------------------------------------------------------------------------

// Grid: x over sequences and tiles of ROWS queries, y over heads. Shared memory: queries, keys, values, weights.
template <int D, int ROWS, int COLUMNS>
__device__ __forceinline__ void forward(Heads out, float* logSumExp, Inputs all) {
    extern __shared__ __align__(16) float shared[];
    float *queries = shared, *keys = queries + ROWS * TILE_ROW<D>, *values = keys + COLUMNS * TILE_ROW<D>;
    float* weights = values + COLUMNS * TILE_ROW<D>;
    Place at;
    int head = blockIdx.y, heads = all.heads, headSize = all.headSize;
    Dropout dropout = all.dropout;
    Inputs in = all.of(head);
    Heads o = out.head(head, headSize);
    bool vector = in.vector() & o.vector();
    Span span(in.spans, in.sequences, blockIdx.x % in.sequences);
    int first = (gridDim.x - 1 - blockIdx.x) / in.sequences * ROWS;
    if (first >= span.length) return;
    int count = min(ROWS, span.length - first);
    int end = span.prefix + first + count;  // one past the last key that the last query sees
    int warpEnd = at.warpRow < count ? min(end, span.prefix + first + at.warpRow + Place::WARP_ROWS) : 0;
    int64 begin = span.begin + first;
    float largest[Place::ROWS], sum[Place::ROWS] = {};
#pragma unroll
    for (int i = 0; i < Place::ROWS; i++) largest[i] = LOWEST;
    Result<D> result;
    fetch<D, ROWS>(queries, count, headSize, vector, in.scale, [=](int r) { return in.q.row(begin + r); });

#pragma unroll 1
    for (int key = 0; key < end; key += COLUMNS) {
        __syncthreads();
        fetchTwo<D, COLUMNS, THREADS<ROWS>>(keys, values, end - key, headSize, vector, 1,
                                      in.rows(in.prefixK, in.k, span, key), in.rows(in.prefixV, in.v, span, key));
        __syncthreads();
        if (key >= warpEnd) continue;
        float p[Place::ROWS][COLUMNS / Place::LANES];
        products<D, COLUMNS>(p, queries, keys, at);
        if (dropout.p > 0) {
            dropout.factors<COLUMNS>(
                weights, at, [=](int i, int) { return (begin + at.row(i)) * heads + head; },
                [=](int, int j) { return key + at.column(j); });
        }
#pragma unroll
        for (int i = 0; i < Place::ROWS; i++) {
            int seen = span.prefix + first + at.row(i);
            float highest = largest[i];
#pragma unroll
            for (int j = 0; j < COLUMNS / Place::LANES; j++) {
                if (key + at.column(j) > seen) p[i][j] = -INFINITY;
                highest = fmaxf(highest, p[i][j]);
            }
            highest = Place::overRow<Max>(highest);
            float shrink = expf(largest[i] - highest);
            largest[i] = highest;
            sum[i] *= shrink;
#pragma unroll
            for (int j = 0; j < COLUMNS / Place::LANES; j++) {
                p[i][j] = expf(p[i][j] - highest);
                sum[i] += p[i][j];
                if (dropout.p > 0) p[i][j] *= weights[scoreAt<COLUMNS>(at, i, j)];
            }
            result.scaleRow(i, shrink);
        }
        share<COLUMNS>(weights, p, at);
        result.template add<COLUMNS>(weights, values, at);
    }
#pragma unroll
    for (int i = 0; i < Place::ROWS; i++) {
        float total = Place::overRow<Sum>(sum[i]);
        int r = at.row(i);
        if (r < count && at.member == 0) logSumExp[(begin + r) * heads + head] = largest[i] + logf(total);
        result.scaleRow(i, 1 / total);
    }
    store(result, queries, at, count, headSize, vector, [=](int r) { return o.row(begin + r); });
}

// The forward pass for few queries and many keys, as in generation, where a tile of queries would be empty but for a
// row. A block of 256 threads has one query. D / 4 neighbouring lanes (at most 32) take a key together, four columns
// each (eight for D = 256), and every such group takes every GROUPS-th key; at the end the groups' results are joined
// in shared memory. Grid: x over sequences and queries, y over heads. No dropout.
template <int D>
__device__ __forceinline__ void step(Heads out, float* logSumExp, Inputs all) {
    constexpr int LANES = D / 4 < WARP ? D / 4 : WARP, RUNS = D / 4 / LANES, GROUPS = 256 / LANES;
    __shared__ float largestOf[GROUPS], sumOf[GROUPS];
    __shared__ __align__(16) float resultOf[GROUPS][D];
    int group = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    int head = blockIdx.y, headSize = all.headSize;
    Inputs in = all.of(head);
    bool vector = in.vector();
    Span span(in.spans, in.sequences, blockIdx.x % in.sequences);
    int i = blockIdx.x / in.sequences;
    if (i >= span.length) return;
    int64 row = span.begin + i;
    int keys = span.prefix + i + 1;
    float4 query[RUNS], result[RUNS];
#pragma unroll
    for (int run = 0; run < RUNS; run++) {
        query[run] = fourOf(in.q.row(row), 4 * (lane + run * LANES), headSize, vector);
        result[run] = make_float4(0, 0, 0, 0);
    }
    float largest = LOWEST, sum = 0;
#pragma unroll 1
    for (int first = 0; first < keys; first += GROUPS) {  // all lanes of a warp make the same rounds
        int j = first + group;
        bool prefix = j < span.prefix;
        int64 keyRow = prefix ? span.prefixStart + j : span.begin + j - span.prefix;
        float4 key[RUNS], value[RUNS];
        float score = 0;
#pragma unroll
        for (int run = 0; run < RUNS; run++) {
            int c = 4 * (lane + run * LANES);
            key[run] = value[run] = make_float4(0, 0, 0, 0);
            if (j < keys) {
                key[run] = fourOf((prefix ? in.prefixK : in.k).row(keyRow), c, headSize, vector);
                value[run] = fourOf((prefix ? in.prefixV : in.v).row(keyRow), c, headSize, vector);
            }
            score += query[run].x * key[run].x + query[run].y * key[run].y + query[run].z * key[run].z
                     + query[run].w * key[run].w;
        }
        score = overWarp<Sum, LANES>(score);
        score = j < keys ? in.scale * score : -INFINITY;
        float highest = fmaxf(largest, score), shrink = expf(largest - highest), p = expf(score - highest);
        largest = highest;
        sum = sum * shrink + p;
#pragma unroll
        for (int run = 0; run < RUNS; run++) {
            result[run].x = result[run].x * shrink + p * value[run].x;
            result[run].y = result[run].y * shrink + p * value[run].y;
            result[run].z = result[run].z * shrink + p * value[run].z;
            result[run].w = result[run].w * shrink + p * value[run].w;
        }
    }
    if (lane == 0) largestOf[group] = largest, sumOf[group] = sum;
#pragma unroll
    for (int run = 0; run < RUNS; run++) {
        *reinterpret_cast<float4*>(resultOf[group] + 4 * (lane + run * LANES)) = result[run];
    }
    __syncthreads();
    for (int g = 0; g < GROUPS; g++) largest = fmaxf(largest, largestOf[g]);
    float total = 0, joined = 0;
    for (int g = 0; g < GROUPS; g++) {
        float weight = expf(largestOf[g] - largest);
        total += weight * sumOf[g];
        if (threadIdx.x < headSize) joined += weight * resultOf[g][threadIdx.x];
    }
    if (threadIdx.x < headSize) out.head(head, headSize).row(row)[threadIdx.x] = joined / total;
    if (threadIdx.x == 0) logSumExp[row * in.heads + head] = largest + logf(total);
}

// ---- backward -------------------------------------------------------------------------------------------------------

// dq, and terms[head][row] = (logSumExp, do · o) for `attention_keys`, side by side as it reads them. Grid as in forward.
// Shared memory: queries, dout, keys, values, scores.
template <int D, int ROWS, int COLUMNS>
__device__ __forceinline__ void backwardQueries(Heads dq, float2* terms, Heads dout, Heads out, const float* logSumExp,
                                                Inputs all) {
    extern __shared__ __align__(16) float shared[];
    float *queries = shared, *douts = queries + ROWS * TILE_ROW<D>, *keys = douts + ROWS * TILE_ROW<D>;
    float *values = keys + COLUMNS * TILE_ROW<D>, *scores = values + COLUMNS * TILE_ROW<D>;
    Place at;
    int head = blockIdx.y, heads = all.heads, headSize = all.headSize;
    Dropout dropout = all.dropout;
    Inputs in = all.of(head);
    Heads dqs = dq.head(head, headSize), dos = dout.head(head, headSize), os = out.head(head, headSize);
    bool vector = in.vector() & dqs.vector() & dos.vector() & os.vector();
    Span span(in.spans, in.sequences, blockIdx.x % in.sequences);
    int first = (gridDim.x - 1 - blockIdx.x) / in.sequences * ROWS;
    if (first >= span.length) return;
    int count = min(ROWS, span.length - first);
    int end = span.prefix + first + count;
    int warpEnd = at.warpRow < count ? min(end, span.prefix + first + at.warpRow + Place::WARP_ROWS) : 0;
    int64 begin = span.begin + first;
    terms += static_cast<int64>(head) * all.spans[all.sequences] + begin;
    fetchTwo<D, ROWS, THREADS<ROWS>>(
        queries, douts, count, headSize, vector, in.scale, [=](int r) { return in.q.row(begin + r); },
        [=](int r) { return dos.row(begin + r); });
    __syncthreads();
    float delta[Place::ROWS], logSum[Place::ROWS];
#pragma unroll
    for (int i = 0; i < Place::ROWS; i++) {
        int r = at.row(i);
        float dot = 0;
#pragma unroll 1
        for (int c = 4 * at.member; r < count && c < headSize; c += 4 * Place::LANES) {
            float4 a = fourOf(os.row(begin + r), c, headSize, vector), b = four(douts + r * TILE_ROW<D> + c);
            dot += a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
        }
        delta[i] = Place::overRow<Sum>(dot);
        logSum[i] = r < count ? logSumExp[(begin + r) * heads + head] : 0;
        if (r < count && at.member == 0) terms[r] = make_float2(logSum[i], delta[i]);
    }
    Result<D> result;

#pragma unroll 1
    for (int key = 0; key < end; key += COLUMNS) {
        __syncthreads();
        fetchTwo<D, COLUMNS, THREADS<ROWS>>(keys, values, end - key, headSize, vector, 1,
                                      in.rows(in.prefixK, in.k, span, key), in.rows(in.prefixV, in.v, span, key));
        __syncthreads();
        if (key >= warpEnd) continue;
        float ds[Place::ROWS][COLUMNS / Place::LANES], dp[Place::ROWS][COLUMNS / Place::LANES];
        products<D, COLUMNS>(ds, queries, keys, at);
        products<D, COLUMNS>(dp, douts, values, at);
        if (dropout.p > 0) {
            dropout.factors<COLUMNS>(
                scores, at, [=](int i, int) { return (begin + at.row(i)) * heads + head; },
                [=](int, int j) { return key + at.column(j); });
        }
#pragma unroll
        for (int i = 0; i < Place::ROWS; i++) {
            int r = at.row(i);
#pragma unroll
            for (int j = 0; j < COLUMNS / Place::LANES; j++) {
                int column = key + at.column(j);
                float p = column > span.prefix + first + r ? 0 : expf(ds[i][j] - logSum[i]);
                if (dropout.p > 0) dp[i][j] *= scores[scoreAt<COLUMNS>(at, i, j)];
                ds[i][j] = p * (dp[i][j] - delta[i]);
            }
        }
        share<COLUMNS>(scores, ds, at);
        result.template add<COLUMNS>(scores, keys, at);
    }
#pragma unroll
    for (int i = 0; i < Place::ROWS; i++) result.scaleRow(i, in.scale);
    store(result, queries, at, count, headSize, vector, [=](int r) { return dqs.row(begin + r); });
}

// dk and dv, and of the prefix rows each sequence's own share: sharesK and sharesV [sequences][longestPrefix][kvHeads ·
// headSize], both null if nobody wants them, in which case the keys begin after the prefix. Grid: x over sequences and
// tiles of ROWS keys, y over key–value heads. A block walks through the query heads that its head serves and through
// their queries, the streamed side here. Shared memory: keys, values, queries, dout, scores, terms of the queries.
template <int D, int ROWS, int COLUMNS>
__device__ __forceinline__ void backwardKeys(Heads dk, Heads dv, float* sharesK, float* sharesV, int longestPrefix,
                                             const float2* terms, Heads dout, Inputs all) {
    extern __shared__ __align__(16) float shared[];
    float *keys = shared, *values = keys + ROWS * TILE_ROW<D>, *queries = values + ROWS * TILE_ROW<D>;
    float *douts = queries + COLUMNS * TILE_ROW<D>, *scores = douts + COLUMNS * TILE_ROW<D>;
    float2* tileTerms = reinterpret_cast<float2*>(scores + ROWS * (COLUMNS + 4));
    Place at;
    int kvHead = blockIdx.y, heads = all.heads, group = heads / all.kvHeads, headSize = all.headSize;
    Dropout dropout = all.dropout;
    Inputs in = all.ofKeys(kvHead);
    Heads dks = dk.head(kvHead, headSize), dvs = dv.head(kvHead, headSize);
    Heads sks = Heads{sharesK, in.kvHeads * headSize}.head(kvHead, headSize);
    Heads svs = Heads{sharesV, in.kvHeads * headSize}.head(kvHead, headSize);
    bool vector = in.vector() & dks.vector() & dvs.vector() & sks.vector() & svs.vector() & dout.vector()
                  & headSize % 4 == 0;
    int sequence = blockIdx.x % in.sequences;
    Span span(in.spans, in.sequences, sequence);
    int first = blockIdx.x / in.sequences * ROWS + (sharesK ? 0 : span.prefix);
    int count = min(ROWS, span.prefix + span.length - first);
    if (count <= 0) return;
    fetchTwo<D, ROWS, THREADS<ROWS>>(keys, values, count, headSize, vector, 1, in.rows(in.prefixK, in.k, span, first),
                               in.rows(in.prefixV, in.v, span, first));
    Result<D> resultK, resultV;
    int firstQuery = max(0, first - span.prefix) / COLUMNS * COLUMNS;

#pragma unroll 1
    for (int head = kvHead * group; head < (kvHead + 1) * group; head++) {
        Heads qs = in.q.head(head, headSize), dos = dout.head(head, headSize);
        const float2* headTerms = terms + static_cast<int64>(head) * all.spans[all.sequences] + span.begin;
        int query = firstQuery;
#pragma unroll 1
        do {  // at least once, so that no warp stores before all have fetched
            int64 begin = span.begin + query;
            __syncthreads();
            fetchTwo<D, COLUMNS, THREADS<ROWS>>(
                queries, douts, span.length - query, headSize, vector, in.scale,
                [=](int r) { return qs.row(begin + r); }, [=](int r) { return dos.row(begin + r); });
            if (threadIdx.x < min(COLUMNS, span.length - query)) tileTerms[threadIdx.x] = headTerms[query + threadIdx.x];
            __syncthreads();
            query += COLUMNS;
            if (at.warpRow >= count || first + at.warpRow >= span.prefix + query) continue;
            float p[Place::ROWS][COLUMNS / Place::LANES], ds[Place::ROWS][COLUMNS / Place::LANES];
            products<D, COLUMNS>(p, keys, queries, at);
            products<D, COLUMNS>(ds, values, douts, at);
            if (dropout.p > 0) {
                dropout.factors<COLUMNS>(
                    scores, at, [=](int, int j) { return (begin + at.column(j)) * heads + head; },
                    [=](int i, int) { return first + at.row(i); });
            }
#pragma unroll
            for (int j = 0; j < COLUMNS / Place::LANES; j++) {
                int c = at.column(j);
                bool exists = begin + c < span.begin + span.length;
                float2 term = exists ? tileTerms[c] : make_float2(0, 0);
#pragma unroll
                for (int i = 0; i < Place::ROWS; i++) {
                    int key = first + at.row(i);
                    bool seen = exists && key - span.prefix <= begin + c - span.begin;
                    float weight = seen ? expf(p[i][j] - term.x) : 0;
                    float factor = dropout.p > 0 ? scores[scoreAt<COLUMNS>(at, i, j)] : 1;
                    p[i][j] = weight * factor;
                    ds[i][j] = weight * (ds[i][j] * factor - term.y);
                }
            }
            share<COLUMNS>(scores, p, at);
            resultV.template add<COLUMNS>(scores, douts, at);
            __syncwarp();
            share<COLUMNS>(scores, ds, at);
            resultK.template add<COLUMNS>(scores, queries, at);
        } while (query < span.length);
    }
    auto rowsOf = [=](Heads own, Heads shares) {
        return [=](int r) {
            int j = first + r;
            return j >= span.prefix ? own.row(span.begin + j - span.prefix)
                                    : shares.row(static_cast<int64>(sequence) * longestPrefix + j);
        };
    };
    store(resultK, keys, at, count, headSize, vector, rowsOf(dks, sks));
    store(resultV, values, at, count, headSize, vector, rowsOf(dvs, svs));
}

// ---- the kernels of one head size -----------------------------------------------------------------------------------

// NAME tells modules apart; BLOCKS is how many blocks of the backward kernels share a processor: what registers are left
// for a thread.
#define ATTENTION(NAME, D, ROWS, COLUMNS, BACK_ROWS, BACK_COLUMNS, BLOCKS)                                             \
    extern "C" __global__ void __launch_bounds__(THREADS<ROWS>, 2)                                                   \
    attention_##NAME(float* out, int outStride, float* logSumExp, INPUTS) {                                            \
        forward<D, ROWS, COLUMNS>({out, outStride}, logSumExp, INPUT_VALUES);                                          \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(THREADS<BACK_ROWS>, BLOCKS)                                         \
    attention_queries_##NAME(float* dq, int dqStride, float2* terms, float* dout, int doutStride, float* out,          \
                             int outStride, const float* logSumExp, INPUTS) {                                          \
        backwardQueries<D, BACK_ROWS, BACK_COLUMNS>({dq, dqStride}, terms, {dout, doutStride}, {out, outStride},       \
                                                    logSumExp, INPUT_VALUES);                                          \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(THREADS<BACK_ROWS>, BLOCKS)                                         \
    attention_keys_##NAME(float* dk, int dkStride, float* dv, int dvStride, float* sharesK, float* sharesV,            \
                          int longestPrefix, const float2* terms, float* dout, int doutStride, INPUTS) {               \
        backwardKeys<D, BACK_ROWS, BACK_COLUMNS>({dk, dkStride}, {dv, dvStride}, sharesK, sharesV, longestPrefix,      \
                                                 terms, {dout, doutStride}, INPUT_VALUES);                             \
    }

// The forward pass for few queries, which has no tiles.
#define ATTENTION_STEP(D)                                                                                              \
    extern "C" __global__ void __launch_bounds__(256)                                                                  \
    attention_step_##D(float* out, int outStride, float* logSumExp, INPUTS) {                                          \
        step<D>({out, outStride}, logSumExp, INPUT_VALUES);                                                            \
    }
