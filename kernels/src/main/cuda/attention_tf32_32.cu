// Attention with heads of 1 to 32 numbers on tensor cores; AttentionLaunches.TF32 holds the same table of tiles.
#include "common.cuh"
#include "tiles.cuh"
#include "tiles_tf32.cuh"
#include "attention.cuh"

ATTENTION(tf32_32, 32, 64, 32, 64, 32, 2)
