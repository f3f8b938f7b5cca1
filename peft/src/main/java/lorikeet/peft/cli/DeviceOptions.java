package lorikeet.peft.cli;

import lorikeet.kernels.Device;
import lorikeet.kernels.Precision;
import picocli.CommandLine.Option;

/** Where and how exactly to compute. */
final class DeviceOptions {
    @Option(names = "--device", defaultValue = "auto", paramLabel = "NAME",
            description = "auto (cuda if usable, else cpu), cpu, cuda or cuda:N, or sim (CUDA's code on a GPU made of "
                    + "Java). Default: ${DEFAULT-VALUE}.")
    String device;

    @Option(names = "--precision", defaultValue = "fast", paramLabel = "NAME",
            description = "strict (32 bits throughout), fast (products may round to TF32 or bf16) or bf16 (frozen weights "
                    + "stored in bf16). Default: ${DEFAULT-VALUE}.")
    Precision precision;

    @Option(names = "--threads", defaultValue = "0", paramLabel = "N",
            description = "CPU threads, of sim too. Default: as many as there are processors.")
    int threads;

    Device open() {
        if (threads < 0) {
            throw new WrongUsage("--threads: expected at least 1, or 0 for all processors");
        }
        return open(device, precision, threads);
    }

    static Device open(String name, Precision precision, int threads) {
        try {
            return lorikeet.kernels.Devices.open(name, precision, threads);
        } catch (IllegalArgumentException e) {
            throw new WrongUsage("--device: " + e.getMessage());
        }
    }
}
