package lorikeet.peft.cli;

import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import picocli.CommandLine.Option;

/** How to look on while a run trains. */
final class WatchOptions {
    @Option(names = "--serve", arity = "0..1", fallbackValue = "0", paramLabel = "PORT",
            description = "Show the report in a browser on this machine while the run goes on, under an address that is "
                    + "printed. Without PORT: one that is free.")
    Integer port;

    @Option(names = "--tensorboard", description = "Write event files for TensorBoard into --out, too.")
    boolean tensorBoard;

    /**
     * @throws WrongUsage  if the port cannot be one
     * @throws IOException if it is not free
     */
    void check() throws IOException {
        if (port == null) {
            return;
        }
        if (port < 0 || port > 65535) {
            throw new WrongUsage("--serve: expected a port from 0 to 65535, not " + port);
        }
        try (var _ = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            // it is free
        } catch (BindException e) {
            throw new IOException("--serve: port " + port + " is not free (" + e.getMessage()
                    + "); choose another, or leave it out for one that is", e);
        }
    }
}
