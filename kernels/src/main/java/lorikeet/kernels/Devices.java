package lorikeet.kernels;

import java.util.ArrayList;
import java.util.List;
import lorikeet.kernels.cpu.CpuDevice;
import lorikeet.kernels.cuda.CudaDevice;
import lorikeet.kernels.cuda.JCudaGpu;
import lorikeet.kernels.sim.SimGpu;
import org.slf4j.LoggerFactory;

/** Devices by their name on the command line. */
public final class Devices {
    private Devices() {}

    /**
     * Opens a device.
     *
     * @param name    {@code cpu}, {@code cuda}, {@code cuda:1}, …, {@code sim}, or {@code auto}: the first GPU if it can
     *                be used, else the CPU, and a line in the log says why
     * @param threads how many threads compute on a CPU or play a GPU; 0 = one per processor
     * @throws DeviceUnavailableException if the device cannot be used here, with the reason
     */
    public static Device open(String name, Precision precision, int threads) {
        if (name.matches("cuda(:\\d{1,4})?")) {
            return cuda(name.equals("cuda") ? 0 : Integer.parseInt(name.substring(5)), precision);
        }
        return switch (name) {
            case "cpu" -> new CpuDevice(precision, threads);
            case "sim" -> new CudaDevice(new SimGpu(simulation(threads)), precision);
            case "auto" -> auto(precision, threads);
            default -> throw new IllegalArgumentException(
                    "there is no device \"" + name + "\"; known: auto, cpu, cuda, cuda:1, …, sim");
        };
    }

    private static Device cuda(int ordinal, Precision precision) {
        var gpu = new JCudaGpu(ordinal);
        try {
            return new CudaDevice(gpu, precision);
        } catch (OutOfDeviceMemoryException e) { // other programs have it all
            gpu.close();
            throw new DeviceUnavailableException(e.getMessage());
        }
    }

    private static SimGpu.Options simulation(int threads) {
        return threads == 0 ? SimGpu.Options.DEFAULT : SimGpu.Options.DEFAULT.withThreads(threads);
    }

    private static Device auto(Precision precision, int threads) {
        try {
            return open("cuda", precision, threads);
        } catch (DeviceUnavailableException e) {
            LoggerFactory.getLogger(Devices.class).info("Computing on the CPU: {}.", e.getMessage());
            return open("cpu", precision, threads);
        }
    }

    /**
     * A device, or what keeps it from being one.
     *
     * @param description what it is, or null if it cannot be used
     * @param problem     why it cannot be used, or null if it can
     */
    public record Listing(String name, String description, String problem) {}

    /** What there is to compute on, and why not the rest. */
    public static List<Listing> list() {
        var listings = new ArrayList<Listing>();
        listings.add(listing("cpu"));
        int gpus;
        try {
            gpus = JCudaGpu.count();
        } catch (DeviceUnavailableException e) {
            listings.add(new Listing("cuda", null, e.getMessage()));
            gpus = 0;
        }
        for (int i = 0; i < gpus; i++) {
            listings.add(listing("cuda:" + i));
        }
        listings.add(listing("sim"));
        return listings;
    }

    private static Listing listing(String name) {
        try (var device = open(name, Precision.STRICT, 0)) {
            return new Listing(name, device.description(), null);
        } catch (DeviceUnavailableException e) {
            return new Listing(name, null, e.getMessage());
        }
    }
}
