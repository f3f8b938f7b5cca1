package lorikeet.kernels;

import lorikeet.kernels.cpu.CpuDevice;

/** Devices by their name on the command line. */
public final class Devices {
    private Devices() {}

    /**
     * Opens a device.
     *
     * @param name    {@code cpu}
     * @param threads how many threads compute on a CPU; 0 = one per processor
     */
    public static Device open(String name, Precision precision, int threads) {
        return switch (name) {
            case "cpu" -> new CpuDevice(precision, threads);
            default -> throw new IllegalArgumentException("there is no device \"" + name + "\"; known: cpu");
        };
    }
}
