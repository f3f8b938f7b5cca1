// y = softmax of each row of x, [gridDim.x, columns]; one block per row. Its three barriers are all needed: the test takes
// each away in turn. Compiled with: nvcc -arch=compute_75 -ptx, .version lowered to 7.8.

constexpr int WARPS = 8;

extern "C" __global__ void __launch_bounds__(32 * WARPS) softmax(float* __restrict__ y, const float* __restrict__ x, int columns) {
    __shared__ float part[WARPS];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const float* row = x + static_cast<long long>(blockIdx.x) * columns;

    float largest = -INFINITY;
    for (int i = threadIdx.x; i < columns; i += 32 * WARPS) {
        largest = fmaxf(largest, row[i]);
    }
    for (int distance = 16; distance > 0; distance /= 2) {
        largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, distance));
    }
    if (lane == 0) {
        part[warp] = largest;
    }
    __syncthreads();  // all parts of the maximum are there
    for (int i = 0; i < WARPS; i++) {
        largest = fmaxf(largest, part[i]);
    }
    __syncthreads();  // nobody reads them any more

    float sum = 0;
    for (int i = threadIdx.x; i < columns; i += 32 * WARPS) {
        sum += expf(row[i] - largest);
    }
    for (int distance = 16; distance > 0; distance /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, distance);
    }
    if (lane == 0) {
        part[warp] = sum;
    }
    __syncthreads();  // all parts of the sum are there
    sum = 0;
    for (int i = 0; i < WARPS; i++) {
        sum += part[i];
    }
    for (int i = threadIdx.x; i < columns; i += 32 * WARPS) {
        y[static_cast<long long>(blockIdx.x) * columns + i] = expf(row[i] - largest) / sum;
    }
}
