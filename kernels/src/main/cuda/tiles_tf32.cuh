// Products of tiles on tensor cores, which round operands to TF32: 10 bits behind the point instead of 23, and sums in
// fp32. From Ampere on; where Precision says so.
//
// The instruction multiplies a matrix of 16 × 8 by one of 8 × 8. Rows of the tile are the columns of the second matrix and
// of the result, which is so computed the other way round: then a row belongs to eight lanes, whose sums are shuffles. In
// the lane's number 4 g + q every fragment has g along one side of the matrix, q along the other (PTX ISA, mma.m16n8k8).
// A warp owns two such matrices of eight rows, and so reads what is streamed once for both; of each the lane has rows
// 2 q and 2 q + 1.
#pragma once

// The nearest number that has so many bits; ties away from zero.
__device__ __forceinline__ float operand(float x) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return __uint_as_float(bits);
}

struct Place {
    static constexpr int WARP_ROWS = 16, ROWS = 4, LANES = 8;
    int member = threadIdx.x % WARP / 4, q = threadIdx.x % 4, warpRow = threadIdx.x / WARP * WARP_ROWS;

    __device__ __forceinline__ int row(int i) const { return warpRow + i / 2 * 8 + 2 * q + i % 2; }
    __device__ __forceinline__ int column(int j) const { return member + LANES * j; }

    // Joins the values of a row's lanes.
    template <class Op>
    static __device__ __forceinline__ float overRow(float value) {
#pragma unroll
        for (int distance = 4; distance < WARP; distance *= 2) {
            value = Op::join(value, __shfl_xor_sync(ALL_LANES, value, distance));
        }
        return value;
    }
};

// sums += a · b: a [16, 8], in it this lane's (g, q), (g + 8, q), (g, q + 4), (g + 8, q + 4); b [8, 8], (q, g) and
// (q + 4, g); sums [16, 8], two rows of the tile from columns g and g + 8.
__device__ __forceinline__ void multiply(float& sum0, float& sum1, float& sum2, float& sum3, const float (&a)[4],
                                         const float (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sum0), "+f"(sum1), "+f"(sum2), "+f"(sum3)
                 : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])),
                   "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
}

// s[i][j] = a[row i] · b[column j], the products of rows of two tiles.
template <int D, int COLUMNS>
__device__ __forceinline__ void products(float (&s)[4][COLUMNS / 8], const float* a, const float* b, Place at) {
#pragma unroll
    for (int j = 0; j < COLUMNS / 8; j++) s[0][j] = s[1][j] = s[2][j] = s[3][j] = 0;
    a += (at.warpRow + at.member) * TILE_ROW<D> + at.q;
    b += at.member * TILE_ROW<D> + at.q;
    const float* a8 = a + 8 * TILE_ROW<D>;
#pragma unroll 2
    for (int d = 0; d < D; d += 8) {
        float rows[2] = {oneOfTile(a + d), oneOfTile(a + d + 4)}, rows8[2] = {oneOfTile(a8 + d), oneOfTile(a8 + d + 4)};
#pragma unroll
        for (int j = 0; j < COLUMNS / 8; j += 2) {
            const float *near = b + 8 * j * TILE_ROW<D> + d, *far = near + 8 * TILE_ROW<D>;
            float columns[4] = {oneOfTile(near), oneOfTile(far), oneOfTile(near + 4), oneOfTile(far + 4)};
            multiply(s[0][j], s[1][j], s[0][j + 1], s[1][j + 1], columns, rows);
            multiply(s[2][j], s[3][j], s[2][j + 1], s[3][j + 1], columns, rows8);
        }
    }
}

// A thread's part of a result [ROWS, D]: four rows, in each every eighth column from `member` on.
template <int D>
struct Result {
    float at[4][D / 8] = {};

    // Adds weights · tile: weights [ROWS, COLUMNS] as rows of COLUMNS + 4, of which the warp's rows were written by
    // itself, tile [COLUMNS, D]. Of eight columns, the instruction's numbers q and q + 4 are 2 q and 2 q + 1 here: then
    // all lanes read the tile from different banks.
    template <int COLUMNS>
    __device__ __forceinline__ void add(const float* weights, const float* tile, Place place) {
        weights += (place.warpRow + place.member) * (COLUMNS + 4) + 2 * place.q;
        tile += 2 * place.q * TILE_ROW<D> + place.member;
#pragma unroll 2
        for (int c = 0; c < COLUMNS; c += 8) {
            float2 pair = twoOfTile(weights + c), pair8 = twoOfTile(weights + 8 * (COLUMNS + 4) + c);
            float rows[2] = {pair.x, pair.y}, rows8[2] = {pair8.x, pair8.y};
#pragma unroll
            for (int n = 0; n < D / 8; n += 2) {
                const float *even = tile + c * TILE_ROW<D> + 8 * n, *odd = even + TILE_ROW<D>;
                float columns[4] = {oneOfTile(even), oneOfTile(even + 8), oneOfTile(odd), oneOfTile(odd + 8)};
                multiply(at[0][n], at[1][n], at[0][n + 1], at[1][n + 1], columns, rows);
                multiply(at[2][n], at[3][n], at[2][n + 1], at[3][n + 1], columns, rows8);
            }
        }
    }

    __device__ __forceinline__ void scaleRow(int i, float factor) {
#pragma unroll
        for (int n = 0; n < D / 8; n++) at[i][n] *= factor;
    }

    // Writes this thread's part to a tile [ROWS, D].
    __device__ __forceinline__ void toTile(float* tile, Place place) const {
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int n = 0; n < D / 8; n++) tile[place.row(i) * TILE_ROW<D> + place.column(n)] = at[i][n];
    }
};
