package lorikeet.kernels.cpu;

import lorikeet.kernels.Device;
import lorikeet.kernels.Precision;

/** Opens what only tests ask for. */
public final class CpuDevices {
    private CpuDevices() {}

    public static boolean hasOneDnn() {
        return OneDnn.PROBLEM == null;
    }

    public static Device withoutOneDnn(Precision precision, int threads) {
        return new CpuDevice(precision, threads,
                (parallel, memory) -> new JavaProducts(parallel, memory, "as a test asks"));
    }

    /** With compiled products for F32 too, as on ARM. */
    public static Device withoutSgemm(Precision precision, int threads) {
        return new CpuDevice(precision, threads, (parallel, memory) -> new OneDnnProducts(parallel, memory, false));
    }
}
