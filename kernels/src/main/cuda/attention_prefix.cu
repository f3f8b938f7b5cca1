// The gradient of rows in front of sequences, from what `attention_keys` found for each sequence.
#include "common.cuh"
#include "tiles.cuh"
#include "tiles_fp32.cuh"
#include "attention.cuh"

// dPrefix[r] += Σ over the sequences whose prefix covers row r, in ascending order, of their shares of that row. Grid
// and block as in rows.cu: columns in x, prefix rows in y.
extern "C" __global__ void __launch_bounds__(256)
attention_prefix(float* dPrefixK, int dPrefixKStride, float* dPrefixV, int dPrefixVStride, const float* sharesK,
                 const float* sharesV, const int* spans, int sequences, int rows, int columns, int longestPrefix) {
    bool vector = aligned(dPrefixK, dPrefixV, sharesK, sharesV) && ((dPrefixKStride | dPrefixVStride) & 3) == 0;
    sweepColumns(columns, vector, [=](auto width, int c) {
        constexpr int V = decltype(width)::value;
#pragma unroll 1
        for (int r = firstRow(); r < rows; r += rowStep()) {
            Run<V> sumK = {}, sumV = {};
#pragma unroll 1
            for (int s = 0; s < sequences; s++) {
                Span span(spans, sequences, s);
                int j = r - span.prefixStart;
                if (j >= 0 && j < span.prefix) {
                    int64 i = (static_cast<int64>(s) * longestPrefix + j) * columns + c;
                    sumK = sumK + load<V>(sharesK + i);
                    sumV = sumV + load<V>(sharesV + i);
                }
            }
            put(dPrefixK + static_cast<int64>(r) * dPrefixKStride + c, sumK, 1);
            put(dPrefixV + static_cast<int64>(r) * dPrefixVStride + c, sumV, 1);
        }
    });
}
