package lorikeet.kernels.cpu;

import lorikeet.kernels.Device;
import lorikeet.kernels.Precision;

/** Opens what only tests ask for. */
public final class CpuDevices {
    private CpuDevices() {}

    public static Device withoutOneDnn(Precision precision, int threads) {
        return new CpuDevice(precision, threads, "a test wants it so");
    }
}
