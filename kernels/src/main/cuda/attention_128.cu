// Attention with heads of 65 to 128 numbers. Tiles are as large as 64 KiB of shared memory allow, which the oldest GPUs
// have; AttentionLaunches.FP32 holds the same table.
#include "common.cuh"
#include "tiles.cuh"
#include "tiles_fp32.cuh"
#include "attention.cuh"

ATTENTION(128, 128, 32, 32, 32, 16, 3)
ATTENTION_STEP(128)
