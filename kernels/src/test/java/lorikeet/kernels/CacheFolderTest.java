package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CacheFolderTest {
    @TempDir
    Path temporary;

    @Test
    void isFilledOnceAndKept() throws IOException {
        var root = temporary.resolve("cache/deeper");
        var first = CacheFolder.folder(root, "thing-1", folder -> Files.writeString(folder.resolve("file"), "content"));
        var second = CacheFolder.folder(root, "thing-1", folder -> {
            throw new AssertionError("filled twice");
        });
        assertThat(first).isEqualTo(second).isEqualTo(root.resolve("thing-1"));
        assertThat(second.resolve("file")).hasContent("content");
        assertThat(root.toFile().list()).containsExactly("thing-1");
    }

    @Test
    void isPrivate() throws IOException {
        var root = temporary.resolve("cache");
        CacheFolder.folder(root, "thing-1", folder -> {});
        if (root.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            assertThat(Files.getPosixFilePermissions(root)).hasToString("[OWNER_READ, OWNER_WRITE, OWNER_EXECUTE]");
        }
    }

    @Test
    void bearsSeveralAtOnce() throws Exception {
        var together = new CyclicBarrier(8);
        var fillings = new AtomicInteger();
        Callable<Path> ask = () -> CacheFolder.folder(temporary, "thing-1", folder -> {
            Files.writeString(folder.resolve("file"), "content");
            fillings.incrementAndGet();
            try {
                together.await();
            } catch (Exception e) {
                throw new IOException(e);
            }
        });
        try (var pool = Executors.newFixedThreadPool(8)) {
            for (var answer : pool.invokeAll(IntStream.range(0, 8).mapToObj(i -> ask).toList())) {
                assertThat(answer.get()).isEqualTo(temporary.resolve("thing-1"));
            }
        }
        assertThat(fillings).hasValue(8);
        assertThat(temporary.toFile().list()).containsExactly("thing-1");
        assertThat(temporary.resolve("thing-1/file")).hasContent("content");
    }

    @Test
    void doesWithoutWhereItCannotWrite() throws IOException {
        var file = Files.writeString(temporary.resolve("file"), "not a folder");
        var folder = CacheFolder.folder(file.resolve("cache"), "thing-1",
                empty -> Files.writeString(empty.resolve("file"), "content"));
        assertThat(folder.resolve("file")).hasContent("content");
        assertThat(folder.startsWith(temporary)).isFalse();
    }

    /**
     * What a killed process was filling goes when another one starts; what a living one fills stays, and so does what is young:
     * its process may run in another container, where numbers of processes mean something else.
     */
    @Test
    void removesWhatKilledProcessesLeft() throws Exception {
        var gone = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "--version")
                .redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        gone.waitFor();
        var killed = Files.createDirectories(temporary.resolve(".lorikeet-" + gone.pid() + "-1"));
        Files.writeString(Files.createDirectory(killed.resolve("deeper")).resolve("half"), "half");
        var young = Files.createDirectory(temporary.resolve(".lorikeet-" + gone.pid() + "-2"));
        var mine = Files.createDirectory(temporary.resolve(".lorikeet-" + ProcessHandle.current().pid() + "-3"));
        Files.createDirectory(temporary.resolve(".lorikeet-unrelated"));
        var twoHoursAgo = FileTime.from(Instant.now().minus(Duration.ofHours(2)));
        Files.setLastModifiedTime(killed, twoHoursAgo);
        Files.setLastModifiedTime(mine, twoHoursAgo);
        CacheFolder.folder(temporary, "thing-1", folder -> {});
        assertThat(temporary.toFile().list()).containsExactlyInAnyOrder("thing-1", young.getFileName().toString(),
                mine.getFileName().toString(), ".lorikeet-unrelated");
    }

    @Test
    void bearsThatAnotherProcessRemovesWhatItFills() throws IOException {
        var attempts = new AtomicInteger();
        var folder = CacheFolder.folder(temporary, "thing-1", empty -> {
            if (attempts.getAndIncrement() == 0) {
                Files.delete(empty);
            }
            Files.writeString(empty.resolve("file"), "content");
        });
        assertThat(folder.resolve("file")).hasContent("content");
    }

    @Test
    void leavesNothingBehindWhenFillingFails() {
        assertThatThrownBy(() -> CacheFolder.folder(temporary, "thing-1", folder -> {
            Files.writeString(folder.resolve("file"), "half");
            throw new IOException("disk full");
        })).hasMessage("disk full");
        assertThat(temporary.toFile().list()).isEmpty();
    }
}
