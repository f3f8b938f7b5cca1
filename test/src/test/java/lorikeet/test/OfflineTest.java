package lorikeet.test;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import lorikeet.peft.cli.Lorikeet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A whole command does without a network: no class that opens a socket or looks up a host is even loaded, also where the
 * environment asks the tokenizers' library for another build of it, which that would have to fetch.
 */
class OfflineTest {
    private static final String NETWORK =
            "java\\.net\\.(Socket|ServerSocket|DatagramSocket|Inet[46]AddressImpl|HttpURL.*)"
                    + "|sun\\.nio\\.ch\\.(Net|NioSocketImpl)|(sun\\.net\\.www\\.protocol|jdk\\.internal\\.net)"
                    + "\\.https?\\..*|ai\\.djl\\.(?!huggingface\\.tokenizers\\.jni\\.TokenizersLibrary).*";
    private static final List<String> CUT_OFF = List.of("unshare", "--map-root-user", "--net");

    @TempDir
    private Path folder;

    private record Result(int exit, String said) {
        List<String> networkClasses() {
            return said.lines().filter(line -> line.contains("[class,load]")).map(line -> line.split(" +")[1])
                    .filter(name -> name.matches(NETWORK)).toList();
        }
    }

    /** In a process of its own, and where the system allows that, in a namespace without networks. */
    private Result run(Class<?> main, String... arguments) throws IOException, InterruptedException {
        var java = OtherProcess.of(List.of("-Xlog:class+load:stdout"), main, arguments).command();
        if (canCutOff()) {
            java.addAll(0, CUT_OFF);
        }
        var process = new ProcessBuilder(java).directory(folder.toFile()).redirectErrorStream(true);
        process.environment().put("RUST_FLAVOR", "cu124");
        process.environment().put("LORIKEET_CACHE", folder.resolve("empty cache").toString());
        var running = process.start();
        var said = new String(running.getInputStream().readAllBytes(), UTF_8);
        return new Result(running.waitFor(), said);
    }

    private static boolean canCutOff() throws InterruptedException {
        try {
            var nothing = new ArrayList<>(CUT_OFF);
            nothing.add("true");
            return new ProcessBuilder(nothing).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start().waitFor() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    @Test
    void noSocketIsTried() throws Exception {
        var result = run(Lorikeet.class, "finetune", "--steps", "1", "--train-limit", "8", "--eval-limit", "4",
                "--batch-size",
                "2", "--threads", "1");
        assertThat(result.exit).as(result.said).isZero();
        assertThat(result.said).contains("ai.djl.huggingface.tokenizers.jni.TokenizersLibrary", "accuracy  ");
        assertThat(result.networkClasses()).isEmpty();
    }

    /** So the way of looking works. */
    @Test
    void aSocketWouldBeSeen() throws Exception {
        assertThat(run(Caller.class).networkClasses()).contains("java.net.Socket");
    }

    static final class Caller {
        public static void main(String[] arguments) throws IOException {
            try (var socket = new Socket()) {
                System.out.println(socket.isConnected() + " " + InetAddress.getLoopbackAddress());
            }
        }
    }
}
