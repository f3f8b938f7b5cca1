package lorikeet.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class BenchTest {
    @Test
    void aMeasurementWritesItsSectionAndItsPicture(@TempDir Path folder) throws Exception {
        int exit = new CommandLine(new Curve()).execute("--steps", "2", "--threads", "1", "--out", folder.toString());
        assertThat(exit).isZero();
        assertThat(Files.readString(folder.resolve("benchmarks.md"))).contains("<!-- curve -->", "commit", "fast",
                "(benchmarks/curve-topics.png)");
        assertThat(ImageIO.read(folder.resolve("benchmarks/curve-topics.png").toFile()).getWidth()).isEqualTo(800);
    }
}
