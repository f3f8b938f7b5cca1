// Attention with heads of 33 to 64 numbers. Tiles are as large as 64 KiB of shared memory allow, which the oldest GPUs
// have; AttentionLaunches.FP32 holds the same table.
#include "common.cuh"
#include "tiles.cuh"
#include "tiles_fp32.cuh"
#include "attention.cuh"

ATTENTION(64, 64, 64, 32, 64, 32, 2)
ATTENTION_STEP(64)
