package lorikeet.test.ops;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import lorikeet.kernels.Device;
import lorikeet.kernels.DeviceUnavailableException;
import lorikeet.kernels.Devices;
import lorikeet.kernels.Precision;

/** The devices that tests run on: the CPU, which is everywhere, and a GPU where there is one. */
final class TestDevices implements AutoCloseable {
    private final Map<String, Device> open = new LinkedHashMap<>();
    private final Map<String, String> absent = new TreeMap<>();

    TestDevices(Precision precision) {
        open.put("cpu", Devices.open("cpu", precision, 2)); // two threads, so that work is divided
        try {
            open.put("cuda", Devices.open("cuda", precision, 0));
        } catch (DeviceUnavailableException reason) {
            absent.put("cuda", reason.getMessage());
        }
    }

    Map<String, Device> byName() {
        return open;
    }

    /** Why a device is not there, by its name. */
    Map<String, String> absent() {
        return absent;
    }

    @Override
    public void close() {
        open.values().forEach(Device::close);
    }
}
