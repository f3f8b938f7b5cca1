// Attention with heads of 129 to 256 numbers. Tiles are as large as 64 KiB of shared memory allow, which the oldest GPUs
// have; AttentionLaunches.FP32 holds the same table.
#include "common.cuh"
#include "tiles.cuh"
#include "tiles_fp32.cuh"
#include "attention.cuh"

ATTENTION(256, 256, 16, 16, 8, 16, 3)
ATTENTION_STEP(256)
