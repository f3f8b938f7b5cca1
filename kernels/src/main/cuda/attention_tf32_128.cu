// Attention with heads of 65 to 128 numbers on tensor cores; AttentionLaunches.TF32 holds the same table of tiles.
#include "common.cuh"
#include "tiles.cuh"
#include "tiles_tf32.cuh"
#include "attention.cuh"

ATTENTION(tf32_128, 128, 32, 32, 32, 16, 3)
