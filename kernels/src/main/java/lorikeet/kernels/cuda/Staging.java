package lorikeet.kernels.cuda;

import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;
import static jcuda.driver.JCudaDriver.cuMemAllocHost;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;
import static lorikeet.kernels.cuda.JCudaGpu.check;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import lorikeet.kernels.cuda.JCudaGpu.Address;

/**
 * Page-locked memory that all copies pass through, since the GPU copies from and to nothing else without making the host
 * wait. Uploads fill two halves in turn and wait for a half only when it comes up again before its copies are done.
 * Downloads land here and move on to their targets when the stream has been waited for.
 */
final class Staging implements AutoCloseable {
    private static final long HALF = 16 << 20;
    private static final long ALIGNMENT = 256;

    private final CUstream stream;
    private final Pointer[] pointers = {new Pointer(), new Pointer()};
    private final MemorySegment up;
    private final MemorySegment down;
    private final CUevent[] copied = {new CUevent(), new CUevent()};
    private int half;
    private long filled;
    private long landed;
    private final List<Landing> landings = new ArrayList<>();

    private record Landing(MemorySegment from, MemorySegment target) {}

    Staging(CUstream stream) {
        this.stream = stream;
        up = pageLocked(pointers[0], 2 * HALF);
        down = pageLocked(pointers[1], HALF);
        for (var event : copied) {
            check(cuEventCreate(event, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
            check(cuEventRecord(event, stream), "cuEventRecord");
        }
    }

    private static MemorySegment pageLocked(Pointer pointer, long bytes) {
        check(cuMemAllocHost(pointer, bytes), "cuMemAllocHost", bytes);
        return MemorySegment.ofBuffer(pointer.getByteBuffer(0, bytes));
    }

    void upload(long address, MemorySegment source) {
        for (long done = 0; done < source.byteSize();) {
            if (filled == HALF) {
                check(cuEventRecord(copied[half], stream), "cuEventRecord");
                half = 1 - half;
                filled = 0;
                check(cuEventSynchronize(copied[half]), "cuEventSynchronize");
            }
            long bytes = Math.min(source.byteSize() - done, HALF - filled);
            var part = up.asSlice(half * HALF + filled, bytes);
            part.copyFrom(source.asSlice(done, bytes));
            check(cuMemcpyHtoDAsync(Address.ofDevice(address + done), new Address(part.address()), bytes, stream),
                    "cuMemcpyHtoDAsync", address + done, bytes);
            filled = Math.min(HALF, (filled + bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
            done += bytes;
        }
    }

    void download(MemorySegment target, long address) {
        for (long done = 0; done < target.byteSize();) {
            if (landed == HALF) {
                synchronise();
            }
            long bytes = Math.min(target.byteSize() - done, HALF - landed);
            var part = down.asSlice(landed, bytes);
            check(cuMemcpyDtoHAsync(new Address(part.address()), Address.ofDevice(address + done), bytes, stream),
                    "cuMemcpyDtoHAsync", address + done, bytes);
            landings.add(new Landing(part, target.asSlice(done, bytes)));
            landed = Math.min(HALF, (landed + bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
            done += bytes;
        }
    }

    void synchronise() {
        check(cuStreamSynchronize(stream), "cuStreamSynchronize");
        landings.forEach(landing -> landing.target().copyFrom(landing.from()));
        landings.clear();
        landed = 0;
    }

    @Override
    public void close() {
        for (var event : copied) {
            cuEventDestroy(event);
        }
        for (var pointer : pointers) {
            cuMemFreeHost(pointer);
        }
    }
}
