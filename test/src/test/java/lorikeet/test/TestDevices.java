package lorikeet.test;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import lorikeet.kernels.Device;
import lorikeet.kernels.DeviceUnavailableException;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;

/** The devices that a suite runs on: the CPU, which is everywhere, and those others that this machine has. */
public final class TestDevices implements AutoCloseable {
    private final Map<String, Device> open = new LinkedHashMap<>();
    private final Map<String, String> absent = new LinkedHashMap<>();

    /** All in precision STRICT, the one in which results are the same everywhere. */
    public TestDevices() {
        open.put("cpu", Devices.open("cpu", Precision.STRICT, 2)); // two threads, so that work is divided
        try {
            open.put("cuda", Devices.open("cuda", Precision.STRICT, 0));
        } catch (DeviceUnavailableException reason) {
            absent.put("cuda", reason.getMessage());
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
