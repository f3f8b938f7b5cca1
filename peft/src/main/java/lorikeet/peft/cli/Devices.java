package lorikeet.peft.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** What there is to compute on. */
@Command(name = "devices", description = "Lists what there is to compute on, and why not the rest.")
final class Devices implements Callable<Integer> {
    @Override
    public Integer call() {
        for (var device : lorikeet.kernels.Devices.list()) {
            System.out.printf("%-6s %s%n", device.name(),
                    device.problem() == null ? device.description() : "not usable: " + device.problem());
        }
        return 0;
    }
}
