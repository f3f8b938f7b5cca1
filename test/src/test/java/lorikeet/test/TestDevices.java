package lorikeet.test;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import lorikeet.kernels.Device;
import lorikeet.kernels.DeviceUnavailableException;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;
import lorikeet.kernels.cuda.CudaDevice;
import lorikeet.kernels.sim.SimGpu;
import lorikeet.kernels.sim.SimGpu.Schedule;

/**
 * The devices that a suite runs on: the CPU and the GPU made of Java, which are everywhere, the latter under both its
 * schedules, and a GPU where there is one.
 */
public final class TestDevices implements AutoCloseable {
    /**
     * Which kinds: the build repeats suites with other instruction sets, which make no difference to a GPU, on the CPU
     * alone, and {@code mvn verify -Dlorikeet.devices=cpu,cuda} spares a machine with a GPU the one made of Java.
     */
    private static final Set<String> KINDS = Set.of(System.getProperty("lorikeet.devices", "cpu,sim,cuda").split(","));

    private final Map<String, Device> open = new LinkedHashMap<>();
    private final Map<String, String> absent = new LinkedHashMap<>();

    /** All in precision STRICT, the one in which results are the same everywhere. */
    public TestDevices() {
        this(Schedule.values());
    }

    /** With the GPU made of Java under some schedules only. */
    TestDevices(Schedule... schedules) {
        open.put("cpu", Devices.open("cpu", Precision.STRICT, 2)); // two threads, so that work is divided
        if (KINDS.contains("sim")) {
            for (var schedule : schedules) {
                var gpu = new SimGpu(SimGpu.Options.DEFAULT.withSchedule(schedule).withThreads(2));
                open.put("sim, " + schedule.name().toLowerCase(Locale.ROOT).replace('_', '-'),
                        new CudaDevice(gpu, Precision.STRICT));
            }
        }
        if (KINDS.contains("cuda")) {
            try {
                open.put("cuda", Devices.open("cuda", Precision.STRICT, 0));
            } catch (DeviceUnavailableException reason) {
                absent.put("cuda", reason.getMessage());
            }
        }
    }

    public Map<String, Device> byName() {
        return Collections.unmodifiableMap(open);
    }

    /** Why a device is not there, by its name. */
    public Map<String, String> absent() {
        return Collections.unmodifiableMap(absent);
    }

    @Override
    public void close() {
        open.values().forEach(Device::close);
    }
}
