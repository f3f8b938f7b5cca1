// Tiles of rows in shared memory, whatever multiplies them. D is the length of a row; rows are 4 floats longer than their
// content, so that a quarter of a warp reads eight of them from different banks.
//
// A warp owns WARP_ROWS rows of a tile. A product leaves each of them with LANES of its lanes: thread `at` of type Place
// holds ROWS rows, at.row(i), and in each every LANES-th column, at.column(j); at.warpRow is the warp's first row,
// at.member the thread's number among the lanes of a row. tiles_fp32.cuh and tiles_tf32.cuh each say what these are, how
// operand() rounds what goes into a tile, and multiply: products() makes scores of two tiles, Result adds up products of
// scores and a tile.
#pragma once

template <int D>
constexpr int TILE_ROW = D + 4;

__device__ __forceinline__ float4 four(const float* p) {
    return *reinterpret_cast<const float4*>(p);
}

// The same, or zeros without looking, without a branch either: several are then under way at once.
__device__ __forceinline__ float4 fourIf(bool wanted, const float* p) {
    float4 v = make_float4(0, 0, 0, 0);
    asm("{ .reg .pred wanted; setp.ne.s32 wanted, %5, 0; @wanted ld.global.v4.f32 {%0, %1, %2, %3}, [%4]; }"
        : "+f"(v.x), "+f"(v.y), "+f"(v.z), "+f"(v.w)
        : "l"(__cvta_generic_to_global(p)), "r"(static_cast<int>(wanted)));
    return v;
}

// The same out of a tile. Left to itself the compiler loads some of these numbers twice, to save registers, and chooses
// them anew in each run: the PTX would not be the same twice.
__device__ __forceinline__ float4 fourOfTile(const float* p) {
    float4 v;
    unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(p));
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
                 : "r"(address));
    return v;
}

// Two numbers and one, likewise.
__device__ __forceinline__ float2 twoOfTile(const float* p) {
    float2 v;
    unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(p));
    asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(v.x), "=f"(v.y) : "r"(address));
    return v;
}

__device__ __forceinline__ float oneOfTile(const float* p) {
    float v;
    unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(p));
    asm volatile("ld.shared.f32 %0, [%1];" : "=f"(v) : "r"(address));
    return v;
}

// Four numbers from column c of a row of `columns`, zero beyond its end.
__device__ __forceinline__ float4 fourOf(const float* row, int c, int columns, bool vector) {
    if (vector && c + 4 <= columns) return four(row + c);
    return make_float4(c < columns ? row[c] : 0, c + 1 < columns ? row[c + 1] : 0, c + 2 < columns ? row[c + 2] : 0,
                       c + 3 < columns ? row[c + 3] : 0);
}

// The other way round; nothing is written beyond the row's end.
__device__ __forceinline__ void setFour(float* row, int c, int columns, bool vector, float4 x) {
    if (vector && c + 4 <= columns) {
        *reinterpret_cast<float4*>(row + c) = x;
        return;
    }
    if (c < columns) row[c] = x.x;
    if (c + 1 < columns) row[c + 1] = x.y;
    if (c + 2 < columns) row[c + 2] = x.z;
    if (c + 3 < columns) row[c + 3] = x.w;
}
