// Products of tiles in fp32, as every processor multiplies: a thread has four rows and a sixteenth of their columns.
// A row so belongs to 16 neighbouring lanes. Operands pass through registers, four numbers of a row at a time, so within
// products all loops are unrolled.
#pragma once

__device__ __forceinline__ float operand(float x) {
    return x;
}

struct Place {
    static constexpr int WARP_ROWS = 8, ROWS = 4, LANES = 16;
    int member = threadIdx.x % LANES, warpRow = threadIdx.x / WARP * WARP_ROWS;

    __device__ __forceinline__ int row(int i) const { return threadIdx.x / LANES * ROWS + i; }
    __device__ __forceinline__ int column(int j) const { return member + LANES * j; }

    // Joins the values of a row's lanes.
    template <class Op>
    static __device__ __forceinline__ float overRow(float value) {
        return overWarp<Op, LANES>(value);
    }
};

// s[i][j] = a[row i] · b[column j], the products of rows of two tiles.
template <int D, int COLUMNS>
__device__ __forceinline__ void products(float (&s)[4][COLUMNS / 16], const float* a, const float* b, Place at) {
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < COLUMNS / 16; j++) s[i][j] = 0;
    a += at.row(0) * TILE_ROW<D>;
    b += at.member * TILE_ROW<D>;
#pragma unroll 2
    for (int d = 0; d < D; d += 4) {
        float4 rows[4], columns[COLUMNS / 16];
#pragma unroll
        for (int i = 0; i < 4; i++) rows[i] = fourOfTile(a + i * TILE_ROW<D> + d);
#pragma unroll
        for (int j = 0; j < COLUMNS / 16; j++) columns[j] = fourOfTile(b + 16 * j * TILE_ROW<D> + d);
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < COLUMNS / 16; j++) {
                s[i][j] += rows[i].x * columns[j].x;
                s[i][j] += rows[i].y * columns[j].y;
                s[i][j] += rows[i].z * columns[j].z;
                s[i][j] += rows[i].w * columns[j].w;
            }
    }
}

// A thread's part of a result [ROWS, D]: four rows, in each D / 16 columns in runs of RUN that lie 16 · RUN apart.
template <int D>
struct Result {
    static constexpr int RUN = D / 16 < 4 ? D / 16 : 4;
    float at[4][D / 16] = {};

    static __device__ __forceinline__ int column(int run, int member) { return (run * 16 + member) * RUN; }

    // Adds weights · tile: weights [ROWS, COLUMNS] as rows of COLUMNS + 4, of which this thread's rows were written by
    // its warp, tile [COLUMNS, D].
    template <int COLUMNS>
    __device__ __forceinline__ void add(const float* weights, const float* tile, Place place) {
        weights += place.row(0) * (COLUMNS + 4);
#pragma unroll 1
        for (int c = 0; c < COLUMNS; c += 4) {
            float4 w[4];
#pragma unroll
            for (int i = 0; i < 4; i++) w[i] = fourOfTile(weights + i * (COLUMNS + 4) + c);
#pragma unroll
            for (int k = 0; k < 4; k++) {
#pragma unroll
                for (int run = 0; run < D / 16 / RUN; run++) {
                    const float* from = tile + (c + k) * TILE_ROW<D> + column(run, place.member);
                    float x[RUN];
                    if constexpr (RUN == 4) {
                        float4 v = fourOfTile(from);
                        x[0] = v.x, x[1] = v.y, x[2] = v.z, x[3] = v.w;
                    } else {
                        float2 v = *reinterpret_cast<const float2*>(from);
                        x[0] = v.x, x[1] = v.y;
                    }
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        float weight = k == 0 ? w[i].x : k == 1 ? w[i].y : k == 2 ? w[i].z : w[i].w;
#pragma unroll
                        for (int n = 0; n < RUN; n++) at[i][run * RUN + n] += weight * x[n];
                    }
                }
            }
        }
    }

    __device__ __forceinline__ void scaleRow(int i, float factor) {
#pragma unroll
        for (int n = 0; n < D / 16; n++) at[i][n] *= factor;
    }

    // Writes this thread's part to a tile [ROWS, D].
    __device__ __forceinline__ void toTile(float* tile, Place place) const {
#pragma unroll
        for (int i = 0; i < Place::ROWS; i++) {
#pragma unroll
            for (int run = 0; run < D / 16 / RUN; run++) {
                float* to = tile + place.row(i) * TILE_ROW<D> + column(run, place.member);
                const float* from = at[i] + run * RUN;
                if constexpr (RUN == 4) {
                    *reinterpret_cast<float4*>(to) = make_float4(from[0], from[1], from[2], from[3]);
                } else {
                    *reinterpret_cast<float2*>(to) = make_float2(from[0], from[1]);
                }
            }
        }
    }
};
