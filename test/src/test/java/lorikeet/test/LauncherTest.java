package lorikeet.test;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The launcher script in a folder of its own, with a Maven and a JDK that only say how they were called. */
@DisabledOnOs(OS.WINDOWS)
class LauncherTest {
    private static final Path LAUNCHER = Path.of("..", "lorikeet");
    /** With a space, and with letters beyond ASCII where this Java can name such a folder. */
    private static final String PROJECT =
            Charset.forName(System.getProperty("sun.jnu.encoding")).newEncoder().canEncode("ö鹦") ? "ö 鹦" : "a project";

    @TempDir
    private Path folder;
    private Path project;
    private Path jdk;
    private Path jar;
    private Path tools;

    private record Result(int exit, String out, String err) {}

    @BeforeEach
    void layOut() throws IOException {
        project = Files.createDirectories(folder.resolve(PROJECT));
        tools = Files.createDirectories(folder.resolve("tools"));
        for (var tool : List.of("cat", "dirname", "find", "head", "mkdir", "readlink", "rm", "sleep", "touch")) {
            script(tools.resolve(tool), "exec " + which(tool) + " \"$@\"");
        }
        Files.copy(LAUNCHER, project.resolve("lorikeet"));
        Files.writeString(project.resolve("pom.xml"), "");
        for (var module : List.of("kernels", "engine", "model", "peft")) {
            var sources = Files.createDirectories(project.resolve(module).resolve("src/main/java"));
            Files.writeString(sources.resolve("A.java"), "");
            Files.writeString(project.resolve(module).resolve("pom.xml"), "");
        }
        jar = project.resolve("peft/target/lorikeet.jar");
        script(tools.resolve("mvn"), """
                echo "built with $JAVA_HOME in $PWD" >> "%s"
                sleep 0.3
                mkdir -p peft/target && echo jar > peft/target/lorikeet.jar
                """.formatted(builds()));
        jdk = jdk("jdk 25", "25.0.3");
    }

    @Test
    void buildsOnceAndRunsTheJarWithTheFlagsAndTheArguments() throws Exception {
        var first = launch("inspect", "two words", "*");
        assertThat(first.err()).startsWith("lorikeet: building").hasLineCount(1);
        assertThat(first.out().lines()).containsExactly("java of jdk 25", "passive, 1, C.UTF-8",
                "@" + project.toRealPath() + "/.jvmflags", "-cp", jar.toRealPath().toString(),
                "lorikeet.peft.cli.Lorikeet", "inspect", "two words", "*");
        assertThat(first.exit()).isEqualTo(7);
        assertThat(Files.readString(builds())).isEqualTo("built with " + jdk + " in " + project.toRealPath() + "\n");

        var second = launch("inspect", "two words", "*");
        assertThat(second.err()).isEmpty();
        assertThat(second.out()).isEqualTo(first.out());
        assertThat(Files.readAllLines(builds())).hasSize(1);
    }

    @Test
    void buildsAgainWhereASourceIsNewerOrWentAway() throws Exception {
        launch();
        makeOlder();
        assertThat(launch().err()).isEmpty();

        Files.writeString(project.resolve("model/src/main/java/A.java"), "// changed");
        assertThat(launch().err()).startsWith("lorikeet: building");
        makeOlder();
        Files.delete(project.resolve("engine/src/main/java/A.java"));
        assertThat(launch().err()).startsWith("lorikeet: building");
        makeOlder();
        Files.writeString(project.resolve("kernels/pom.xml"), "<project/>");
        assertThat(launch().err()).startsWith("lorikeet: building");
        assertThat(launch().err()).isEmpty();
    }

    @Test
    void worksThroughSymbolicLinks() throws Exception {
        Files.createSymbolicLink(folder.resolve("near"), Path.of(PROJECT, "lorikeet"));
        Files.createSymbolicLink(folder.resolve("far"), folder.resolve("near"));
        assertThat(launch(jdk, folder.resolve("far")).out()).startsWith("java of jdk 25");
    }

    @Test
    void prefersJavaHomeThenThePathAndRefusesAnOldJdk() throws Exception {
        var old = jdk("jdk 21", "21.0.1");
        var ancient = jdk("jdk 8", "1.8.0_452");
        var newer = jdk("jdk 26", "26-ea");
        Files.createSymbolicLink(tools.resolve("java"), newer.resolve("bin/java"));
        var launcher = project.resolve("lorikeet");

        assertThat(launch(jdk, launcher).out()).startsWith("java of jdk 25");
        assertThat(launch(old, launcher).out()).startsWith("java of jdk 26");
        assertThat(launch(ancient, launcher).out()).startsWith("java of jdk 26");
    }

    @Test
    void saysWhenTheBuildFails() throws Exception {
        script(tools.resolve("mvn"), "echo '[ERROR] A.java: expected ;'; exit 1");
        var result = launch();
        assertThat(result.exit()).isEqualTo(1);
        assertThat(result.err()).contains("[ERROR] A.java: expected ;")
                .endsWith("lorikeet: the build failed; its output is above\n");
        assertThat(result.out()).isEmpty();
        assertThat(project.resolve("target/launcher.lock")).doesNotExist();
    }

    @Test
    void saysWhenMavenIsMissing() throws Exception {
        Files.delete(tools.resolve("mvn"));
        var result = launch();
        assertThat(result.exit()).isEqualTo(1);
        assertThat(result.err()).startsWith("lorikeet: building needs Maven").hasLineCount(1);
    }

    @Test
    void severalAtOnceBuildOnceAndALockLeftBehindDoesNotStopThem() throws Exception {
        Files.createDirectories(project.resolve("target"));
        var gone = new ProcessBuilder("true").start();
        gone.waitFor();
        Files.writeString(project.resolve("target/launcher.lock"), gone.pid() + "\n");

        var processes = new ArrayList<Process>();
        for (int i = 0; i < 4; i++) {
            processes.add(start(jdk, project.resolve("lorikeet"), folder.resolve("err" + i)));
        }
        for (var process : processes) {
            assertThat(process.waitFor()).isEqualTo(7);
        }
        assertThat(Files.readAllLines(builds())).hasSize(1);
        try (Stream<Path> left = Files.list(project.resolve("target"))) {
            assertThat(left.map(path -> path.getFileName().toString()))
                    .containsExactlyInAnyOrder("launcher.log", "launcher.started");
        }
    }

    /** Sets everything back, so that the next change is newer whatever the clock of the file system. */
    private void makeOlder() throws IOException {
        try (Stream<Path> all = Files.walk(project)) {
            for (var path : all.toList()) {
                Files.setLastModifiedTime(path, FileTime.fromMillis(path.equals(jar) ? 2_000_000 : 1_000_000));
            }
        }
    }

    /** A JDK as far as the launcher looks: a file "release", a compiler, and a java that tells its arguments. */
    private Path jdk(String name, String version) throws IOException {
        var home = folder.resolve(name);
        Files.createDirectories(home.resolve("bin"));
        Files.writeString(home.resolve("release"), "IMPLEMENTOR=\"X\"\nJAVA_VERSION=\"" + version + "\"\n");
        script(home.resolve("bin/javac"), "exit 1");
        script(home.resolve("bin/java"), """
                echo "java of %s"; echo "$OMP_WAIT_POLICY, $NO_COLOR, $LC_CTYPE"; for argument in "$@"; do echo "$argument"; done; exit 7
                """.formatted(name));
        return home;
    }

    private Path builds() {
        return folder.resolve("builds");
    }

    private static void script(Path file, String body) throws IOException {
        Files.writeString(file, "#!/bin/sh\n" + body);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static Path which(String tool) {
        return Stream.of(System.getenv("PATH").split(":"))
                .map(directory -> Path.of(directory, tool))
                .filter(Files::isExecutable)
                .findFirst()
                .orElseThrow();
    }

    private Result launch(String... arguments) throws Exception {
        return launch(jdk, project.resolve("lorikeet"), arguments);
    }

    private Result launch(Path javaHome, Path launcher, String... arguments) throws Exception {
        var err = Files.createTempFile(folder, "err", null);
        var process = start(javaHome, launcher, err, arguments);
        var out = new String(process.getInputStream().readAllBytes(), UTF_8);
        return new Result(process.waitFor(), out, Files.readString(err));
    }

    private Process start(Path javaHome, Path launcher, Path err, String... arguments) throws IOException {
        var command = Stream.concat(Stream.of(launcher.toString()), Stream.of(arguments)).toList();
        var builder = new ProcessBuilder(command).directory(folder.toFile()).redirectError(err.toFile());
        builder.environment().clear();
        builder.environment().put("PATH", tools.toString());
        builder.environment().put("JAVA_HOME", javaHome.toString());
        return builder.start();
    }
}
