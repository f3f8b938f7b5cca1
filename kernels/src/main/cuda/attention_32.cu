// Attention with heads of 1 to 32 numbers. Tiles are as large as 64 KiB of shared memory allow, which the oldest GPUs
// have; AttentionLaunches.FP32 holds the same table.
#include "common.cuh"
#include "tiles.cuh"
#include "tiles_fp32.cuh"
#include "attention.cuh"

ATTENTION(32, 32, 64, 32, 64, 32, 2)
ATTENTION_STEP(32)
