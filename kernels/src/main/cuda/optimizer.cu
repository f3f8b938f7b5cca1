// Learning: gradient norm, AdamW and SGD over all trainable tensors, one launch each.
//
// A table on the device lists the tensors. Their numbers are cut into chunks of 4096, counted through from tensor to
// tensor; a block takes chunks by grid stride, and one thread of it finds a chunk's tensor by bisection and hands it to
// the others: what LoRA trains is hardly longer than its row of the table. Clip factor and "finite" flag
// stay on the device: control = {norm, clip, finite}.
#include "common.cuh"

constexpr int CHUNK = 4096;

// One tensor; the host writes these 56 bytes.
struct Tensor {
    float* value;
    const float* gradient;
    float* mean;
    float* variance;
    int64 size;
    int firstChunk;
    float rate;
    float keep;  // 1 − rate · decay
    int unused;
};

enum Control { NORM, CLIP, FINITE };

// Tells the compiler what it cannot see: an address out of the table lies in global memory.
template <class T>
__device__ __forceinline__ T* global(T* p) {
    __builtin_assume(__isGlobal(p));
    return p;
}

// The last of the tensors whose first chunk is not after `chunk`.
__device__ __forceinline__ const Tensor& tensorOf(const Tensor* tensors, int count, int chunk) {
    int low = 0, high = count - 1;
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (tensors[middle].firstChunk <= chunk) low = middle;
        else high = middle - 1;
    }
    return tensors[low];
}

// Calls body(tensor, chunk) for the block's chunks. Two places for the tensor, so that one barrier does: the next but
// one is written only when all have left this one.
template <class Body>
__device__ __forceinline__ void eachChunk(const Tensor* tensors, int count, int chunks, Body body) {
    __shared__ Tensor found[2];
    for (int chunk = blockIdx.x, turn = 0; chunk < chunks; chunk += gridDim.x, turn ^= 1) {
        if (threadIdx.x == 0) found[turn] = tensorOf(tensors, count, chunk);
        __syncthreads();
        body(found[turn], chunk);
    }
}

// Calls body(width, i) for every run of numbers of the chunk.
template <class Body>
__device__ __forceinline__ void eachOfChunk(const Tensor& tensor, int chunk, bool vector, Body body) {
    int64 begin = static_cast<int64>(chunk - tensor.firstChunk) * CHUNK, end = min(begin + CHUNK, tensor.size);
    int64 tail = vector ? end & ~3LL : begin;
    for (int64 i = begin + 4 * threadIdx.x; i < tail; i += 4 * blockDim.x) body(Width<4>(), i);
    for (int64 i = tail + threadIdx.x; i < end; i += blockDim.x) body(Width<1>(), i);
}

// partial[block] = Σ g² over the block's chunks; the host fixes the number of blocks by the number of chunks.
extern "C" __global__ void __launch_bounds__(256)
gradient_squares(const Tensor* tensors, int count, int chunks, float* partial) {
    float sum = 0;
    eachChunk(tensors, count, chunks, [&](const Tensor& tensor, int chunk) {
        const float* g = global(tensor.gradient);
        eachOfChunk(tensor, chunk, aligned(g), [&](auto width, int64 i) {
            map(load<decltype(width)::value>(g + i), [&](float v) { return sum += v * v; });
        });
    });
    sum = overRow<Sum, false>(sum);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// One block: norm = √Σ partial, clip = min(1, maxNorm / norm) or 1 if maxNorm is 0, finite = whether norm and loss are.
extern "C" __global__ void __launch_bounds__(256)
gradient_norm(float* control, const float* partial, int count, const float* loss, float maxNorm) {
    float sum = 0;
    for (int i = threadIdx.x; i < count; i += blockDim.x) sum += partial[i];
    float norm = sqrtf(overRow<Sum, false>(sum));
    float clip = maxNorm > 0 && norm > maxNorm ? maxNorm / norm : 1;
    if (threadIdx.x <= FINITE) {  // a thread for each of the three
        float finite = isfinite(norm) && isfinite(*loss) ? 1 : 0;
        control[threadIdx.x] = threadIdx.x == NORM ? norm : threadIdx.x == CLIP ? clip : finite;
    }
}

// p ← keep · p;  m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²;  p ← p − rate · (m / c₁) / (√(v / c₂) + ε), with cᵢ =
// 1 − βᵢᵗ from the host and g already clipped.
extern "C" __global__ void __launch_bounds__(256)
adamw(const Tensor* tensors, int count, int chunks, const float* control, float beta1, float beta2, float epsilon,
      float correction1, float correction2) {
    if (control[FINITE] == 0) return;
    float clip = control[CLIP];
    eachChunk(tensors, count, chunks, [=](const Tensor& tensor, int chunk) {
        float *p = global(tensor.value), *m = global(tensor.mean), *v = global(tensor.variance);
        const float* g = global(tensor.gradient);
        float rate = tensor.rate, keep = tensor.keep;
        eachOfChunk(tensor, chunk, aligned(p, g, m, v), [=](auto width, int64 i) {
            constexpr int V = decltype(width)::value;
            auto gradient = map(load<V>(g + i), [=](float a) { return clip * a; });
            auto mean = map(load<V>(m + i), gradient, [=](float a, float b) { return beta1 * a + (1 - beta1) * b; });
            auto variance = map(load<V>(v + i), gradient, [=](float a, float b) {
                return beta2 * a + (1 - beta2) * b * b;
            });
            auto change = map(mean, variance, [=](float a, float b) {
                return rate * (a / correction1) / (sqrtf(b / correction2) + epsilon);
            });
            store(m + i, mean);
            store(v + i, variance);
            store(p + i, map(load<V>(p + i), change, [=](float a, float b) { return keep * a - b; }));
        });
    });
}

// p ← keep · p − rate · clip · g.
extern "C" __global__ void __launch_bounds__(256)
sgd(const Tensor* tensors, int count, int chunks, const float* control) {
    if (control[FINITE] == 0) return;
    float clip = control[CLIP];
    eachChunk(tensors, count, chunks, [=](const Tensor& tensor, int chunk) {
        float* p = global(tensor.value);
        const float* g = global(tensor.gradient);
        float rate = tensor.rate * clip, keep = tensor.keep;
        eachOfChunk(tensor, chunk, aligned(p, g), [=](auto width, int64 i) {
            constexpr int V = decltype(width)::value;
            store(p + i, map(load<V>(p + i), load<V>(g + i), [=](float a, float b) { return keep * a - rate * b; }));
        });
    });
}
