package lorikeet.kernels.cuda;

import static jcuda.driver.JCudaDriver.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import lorikeet.kernels.DeviceUnavailableException;
import lorikeet.kernels.OutOfDeviceMemoryException;

/** An NVIDIA GPU through JCuda: the driver API, and cuBLAS for matrix products. */
public final class JCudaGpu implements Gpu {
    private static final int OLDEST_CAPABILITY = 75;
    /** More than any kernel has. */
    private static final int MOST_PARAMETERS = 64;
    /** How many launches an error that shows up later names. */
    private static final int REMEMBERED_LAUNCHES = 8;
    private static final String PRODUCT = "gemm";

    private final int ordinal;
    private final Properties properties;
    private final CUdevice device = new CUdevice();
    private final CUcontext context = new CUcontext();
    private final Stream stream = new Stream();
    private final Cublas cublas;
    private final Staging staging;
    private final Map<String, CUmodule> modules = new HashMap<>();
    private final Set<Long> allocations = new HashSet<>();
    private final Arena arena = Arena.ofShared();
    /** Values of kernel parameters, eight bytes each, and behind them the addresses of these. */
    private final MemorySegment parameters = arena.allocate(16L * MOST_PARAMETERS, 8);
    private final ArrayDeque<String> launches = new ArrayDeque<>();

    /** A place in memory: the host's, unless it is {@link #ofDevice}. */
    static final class Address extends Pointer {
        Address(long address) {
            super(address);
        }

        static CUdeviceptr ofDevice(long address) {
            return new CUdeviceptr().withByteOffset(address);
        }
    }

    private static final class Allocation extends CUdeviceptr {
        long address() {
            return getNativePointer();
        }
    }

    private static final class Stream extends CUstream {
        long handle() {
            return getNativePointer();
        }
    }

    /** @param sharedBytes up to how many bytes of shared memory a launch may ask for now; an array, since that grows */
    private record Function(String name, CUfunction handle, Signature signature, int[] sharedBytes) implements Kernel {}

    // ---- opening -----------------------------------------------------------------------------------------------------

    /**
     * How many GPUs there are.
     *
     * @throws DeviceUnavailableException if none can be used here, with the reason
     */
    public static int count() {
        var problem = JCudaLibraries.Driver.PROBLEM == null ? Cublas.PROBLEM : JCudaLibraries.Driver.PROBLEM;
        if (problem != null) {
            throw new DeviceUnavailableException(problem);
        }
        int started = cuInit(0);
        var count = new int[1];
        if (started == CUresult.CUDA_ERROR_NO_DEVICE) {
            throw new DeviceUnavailableException("the NVIDIA driver finds no GPU");
        }
        if (started != CUresult.CUDA_SUCCESS) {
            throw new DeviceUnavailableException("the NVIDIA driver does not start: cuInit answers " + words(started)
                    + "; a restart after its installation may be missing");
        }
        check(cuDeviceGetCount(count), "cuDeviceGetCount");
        if (count[0] == 0) {
            throw new DeviceUnavailableException("the NVIDIA driver finds no GPU");
        }
        return count[0];
    }

    /**
     * Opens GPU number {@code ordinal}.
     *
     * @throws DeviceUnavailableException if it cannot be used, with the reason
     */
    public JCudaGpu(int ordinal) {
        this.ordinal = ordinal;
        int count = count();
        if (ordinal >= count) {
            throw new DeviceUnavailableException("there is no " + name() + ": this machine has " + count
                    + (count == 1 ? " GPU" : " GPUs") + ", counted from 0");
        }
        check(cuDeviceGet(device, ordinal), "cuDeviceGet", ordinal);
        properties = properties(device);
        int capability = properties.computeCapability();
        if (capability < OLDEST_CAPABILITY) {
            throw new DeviceUnavailableException(properties.model() + " has compute capability " + capability / 10 + "."
                    + capability % 10 + "; the kernels need 7.5 (Turing) or newer");
        }
        try {
            check(cuDevicePrimaryCtxRetain(context, device), "cuDevicePrimaryCtxRetain");
            makeCurrent();
            check(cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING), "cuStreamCreate");
            staging = new Staging(stream);
            cublas = new Cublas(stream.handle());
        } catch (CudaException e) { // what was made in the context stays there to the end of the process
            arena.close();
            throw new DeviceUnavailableException(name() + ", " + properties.model() + ", cannot be used now: "
                    + e.getMessage());
        }
        for (int i = 0; i < MOST_PARAMETERS; i++) {
            parameters.setAtIndex(ValueLayout.JAVA_LONG, MOST_PARAMETERS + i, parameters.address() + 8L * i);
        }
    }

    private static Properties properties(CUdevice device) {
        var name = new byte[256];
        check(cuDeviceGetName(name, name.length, device), "cuDeviceGetName");
        int length = 0;
        while (length < name.length && name[length] != 0) {
            length++;
        }
        var bytes = new long[1];
        check(cuDeviceTotalMem(bytes, device), "cuDeviceTotalMem");
        return new Properties(new String(name, 0, length, StandardCharsets.UTF_8),
                10 * attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
                        + attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
                bytes[0], attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK),
                attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN));
    }

    private static int attribute(CUdevice device, int attribute) {
        var value = new int[1];
        check(cuDeviceGetAttribute(value, attribute, device), "cuDeviceGetAttribute", attribute);
        return value[0];
    }

    @Override
    public String name() {
        return "cuda:" + ordinal;
    }

    @Override
    public Properties properties() {
        return properties;
    }

    /** The driver knows one current context per thread, which may be another GPU's since the last call. */
    private void makeCurrent() {
        check(cuCtxSetCurrent(context), "cuCtxSetCurrent");
    }

    // ---- memory ------------------------------------------------------------------------------------------------------

    @Override
    public long allocate(long bytes) {
        makeCurrent();
        var allocation = new Allocation();
        int result = cuMemAlloc(allocation, bytes);
        if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
            var free = new long[1];
            cuMemGetInfo(free, new long[1]);
            throw new OutOfDeviceMemoryException(name() + " has no room for " + bytes + " bytes: of its "
                    + properties.memoryBytes() + " are " + free[0] + " free");
        }
        check(result, "cuMemAlloc", bytes);
        allocations.add(allocation.address());
        return allocation.address();
    }

    @Override
    public void free(long address) {
        makeCurrent();
        check(cuMemFree(Address.ofDevice(address)), "cuMemFree", address);
        allocations.remove(address);
    }

    @Override
    public void upload(long address, MemorySegment source) {
        makeCurrent();
        staging.upload(address, source);
    }

    @Override
    public void download(MemorySegment target, long address) {
        makeCurrent();
        staging.download(target, address);
    }

    @Override
    public void fill(long address, int word, long count) {
        makeCurrent();
        check(cuMemsetD32Async(Address.ofDevice(address), word, count, stream), "cuMemsetD32Async", address, count);
    }

    // ---- launches ----------------------------------------------------------------------------------------------------

    @Override
    public Kernel load(String ptx, String kernelName) {
        makeCurrent();
        var module = modules.computeIfAbsent(ptx, _ -> {
            var loaded = new CUmodule();
            check(cuModuleLoadData(loaded, ptx), "cuModuleLoadData for the module of " + kernelName);
            return loaded;
        });
        var function = new CUfunction();
        check(cuModuleGetFunction(function, module, kernelName), "cuModuleGetFunction", kernelName);
        var own = new int[1];
        check(cuFuncGetAttribute(own, CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function),
                "cuFuncGetAttribute", kernelName);
        return new Function(kernelName, function, Signature.of(ptx, kernelName),
                new int[] {properties.sharedBytesPerBlock() - own[0]});
    }

    @Override
    public void launch(Kernel kernel, Grid grid, int sharedBytes, Object... arguments) {
        makeCurrent();
        var function = (Function) kernel;
        function.signature().check(arguments);
        if (sharedBytes > function.sharedBytes()[0]) {
            check(cuFuncSetAttribute(function.handle(),
                    CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, sharedBytes),
                    "cuFuncSetAttribute", kernel.name(), sharedBytes);
            function.sharedBytes()[0] = sharedBytes;
        }
        for (int i = 0; i < arguments.length; i++) {
            switch (arguments[i]) {
                case Long value -> parameters.set(ValueLayout.JAVA_LONG, 8L * i, value);
                case Integer value -> parameters.set(ValueLayout.JAVA_INT, 8L * i, value);
                case Float value -> parameters.set(ValueLayout.JAVA_FLOAT, 8L * i, value);
                default -> throw new IllegalArgumentException("argument " + arguments[i] + " of " + kernel.name());
            }
        }
        int result = cuLaunchKernel(function.handle(), grid.blocksX(), grid.blocksY(), grid.blocksZ(), grid.threadsX(),
                grid.threadsY(), 1, sharedBytes, stream, new Address(parameters.address() + 8L * MOST_PARAMETERS),
                null);
        if (result != CUresult.CUDA_SUCCESS) {
            check(result, "cuLaunchKernel", kernel.name(), grid, sharedBytes, Arrays.toString(arguments),
                    "after " + launches);
        }
        remember(kernel.name());
    }

    private void remember(String launch) {
        if (launches.size() == REMEMBERED_LAUNCHES) {
            launches.removeFirst();
        }
        launches.addLast(launch);
    }

    // ---- matrix products ---------------------------------------------------------------------------------------------

    @Override
    public void workspace(long address, long bytes) {
        makeCurrent();
        cublas.workspace(address, bytes);
    }

    @Override
    public void gemm(Operand a, Operand b, Operand c, int m, int n, int k, float alpha, boolean add, int batch,
            boolean tf32) {
        makeCurrent();
        try {
            cublas.gemm(a, b, c, m, n, k, alpha, add, batch, tf32);
        } catch (CudaException e) {
            throw new CudaException(e.getMessage() + " for a " + a + ", b " + b + ", c " + c + ", m " + m + ", n " + n
                    + ", k " + k + ", batch " + batch + ", TF32 " + tf32 + " after " + launches);
        }
        remember(PRODUCT);
    }

    // ---- waiting, ending, failing ------------------------------------------------------------------------------------

    @Override
    public void synchronise() {
        makeCurrent();
        try {
            staging.synchronise();
        } catch (CudaException e) {
            throw new CudaException(e.getMessage() + "; among the last launches: " + launches);
        }
        launches.clear();
    }

    /**
     * Takes away all that was made here. The primary context stays to the end of the process: the runtime inside cuBLAS
     * holds on to it.
     */
    @Override
    public void close() {
        cuCtxSetCurrent(context);
        cuStreamSynchronize(stream);
        cublas.close();
        staging.close();
        allocations.forEach(address -> cuMemFree(Address.ofDevice(address)));
        modules.values().forEach(module -> cuModuleUnload(module));
        cuStreamDestroy(stream);
        arena.close();
    }

    /** Throws unless the driver answered that all is well. */
    static void check(int result, String call, Object... arguments) {
        if (result != CUresult.CUDA_SUCCESS) {
            throw new CudaException(call + Arrays.toString(arguments) + " failed: " + words(result));
        }
    }

    static String words(int result) {
        var description = new String[1];
        cuGetErrorString(result, description);
        return CUresult.stringFor(result) + (description[0] == null ? "" : " (" + description[0] + ")");
    }
}
