package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The profile counts by the rules of the hardware. */
class ProfileTest {
    private static final String START = """
            .shared .align 16 .b8 s[8192];
            ld.param.u64 %d0, [data]; mov.u32 %r0, %tid.x; mov.u32 %r2, s;
            """;

    /** One block of {@code threads}; %r1 is the thread's number times {@code stride}. */
    private static KernelProfile profile(int threads, int stride, String body, int launches) {
        var kernel = Simulation.kernel(".param .u64 data", START + "mul.lo.u32 %r1, %r0, " + stride
                + "; cvt.u64.u32 %d1, %r1; add.u64 %d1, %d0, %d1; add.u32 %r2, %r2, %r1;\n" + body + "\nret;");
        try (var sim = new Simulation(Simulation.EXACT.withProfile(true))) {
            long data = sim.gpu.allocate(1 << 16);
            for (int i = 0; i < launches; i++) {
                sim.gpu.launch(sim.gpu.load(kernel, "k"), Simulation.grid(1, threads), 0, data);
            }
            assertThat(sim.gpu.profiles()).hasSize(1);
            var profile = sim.gpu.profiles().getFirst();
            assertThat(profile.kernel()).isEqualTo("k");
            assertThat(profile.launches()).isEqualTo(launches);
            sim.gpu.resetProfiles();
            assertThat(sim.gpu.profiles()).isEmpty();
            return profile;
        }
    }

    @ParameterizedTest(name = "{0}, {1} bytes apart")
    @CsvSource({
        // instruction, stride, sectors, ideal, bytes asked for
        "ld.global.f32 %f1|[%d1], 4, 4, 4, 128",
        "ld.global.f32 %f1|[%d1], 8, 8, 4, 128",
        "ld.global.f32 %f1|[%d1], 128, 32, 4, 128",
        "ld.global.f32 %f1|[%d1], 0, 1, 1, 128",
        "ld.global.f32 %f1|[%d1+16], 4, 5, 4, 128",
        "ld.global.u16 %h1|[%d1], 2, 2, 2, 64",
        "ld.global.v4.f32 {%f1;%f2;%f3;%f4}|[%d1], 16, 16, 16, 512",
    })
    void sectorsOfGlobalLoads(String load, int stride, long sectors, long ideal, long bytes) {
        var profile = profile(32, stride, load.replace("|", ", ").replace(";", ",") + ";", 1);
        assertThat(profile.loads()).isEqualTo(new KernelProfile.Traffic(1, sectors, ideal, bytes, 32 * sectors));
        assertThat(profile.loads().movedBytes()).isEqualTo(32 * sectors);
        assertThat(profile.stores().requests()).isZero();
    }

    @Test
    void storesAndRepeatedTouchesAreCounted() {
        var profile =
                profile(64, 4, "st.global.f32 [%d1], %f1; st.global.f32 [%d1], %f1; ld.global.f32 %f1, [%d0];", 3);
        // Two warps, three launches; each launch touches its own 256 bytes once, however often.
        assertThat(profile.stores()).isEqualTo(new KernelProfile.Traffic(12, 48, 48, 12 * 128, 3 * 256));
        assertThat(profile.loads()).isEqualTo(new KernelProfile.Traffic(6, 6, 6, 6 * 128, 3 * 32));
    }

    @ParameterizedTest(name = "{0}, {1} bytes apart")
    @CsvSource({
        // instruction, stride, passes, ideal
        "ld.shared.f32 %f1|[%r2], 4, 1, 1",
        "ld.shared.f32 %f1|[%r2], 8, 2, 1",
        "ld.shared.f32 %f1|[%r2], 128, 32, 1",
        "ld.shared.f32 %f1|[%r2], 132, 1, 1",
        "ld.shared.f32 %f1|[%r2], 0, 1, 1",
        "ld.shared.u16 %h1|[%r2], 2, 1, 1",
        "ld.shared.v2.f32 {%f1;%f2}|[%r2], 8, 2, 2",
        "ld.shared.v4.f32 {%f1;%f2;%f3;%f4}|[%r2], 16, 4, 4",
        "ld.shared.v4.f32 {%f1;%f2;%f3;%f4}|[%r2], 128, 32, 4",
    })
    void passesOfSharedLoads(String load, int stride, long passes, long ideal) {
        var profile = profile(32, stride, load.replace("|", ", ").replace(";", ",") + ";", 1);
        assertThat(profile.sharedRequests()).isEqualTo(1);
        assertThat(profile.sharedPasses()).isEqualTo(passes);
        assertThat(profile.idealSharedPasses()).isEqualTo(ideal);
    }

    @Test
    void branchesAtWhichAWarpParts() {
        var body = "setp.lt.u32 %p1, %r0, 40;\n@%p1 bra A;\nmov.u32 %r3, 1;\nA: bra.uni B;\nB:";
        var profile = profile(96, 4, body, 1);
        assertThat(profile.branches()).isEqualTo(3);
        assertThat(profile.divergentBranches()).isEqualTo(1);
    }

    @Test
    void instructionsOfWarpsAndLanes() {
        var empty = profile(40, 4, "", 1);
        var profile = profile(40, 4, "add.u32 %r3, %r3, 1; setp.lt.u32 %p1, %r0, 5; @%p1 add.u32 %r3, %r3, 1;", 1);
        assertThat(profile.warpInstructions() - empty.warpInstructions()).isEqualTo(6);
        assertThat(profile.laneInstructions() - empty.laneInstructions()).isEqualTo(40 + 40 + 5);
    }

    @Test
    void countsDoNotDependOnTheNumberOfThreads() {
        var ptx = Simulation.resource("softmax.ptx");
        KernelProfile first = null;
        for (int threads = 1; threads <= 3; threads++) {
            try (var sim = new Simulation(Simulation.EXACT.withProfile(true).withThreads(threads))) {
                long x = sim.upload(new float[7 * 100]);
                sim.gpu.launch(sim.gpu.load(ptx, "softmax"), Simulation.grid(7, 256), 0, sim.gpu.allocate(2800), x,
                        100);
                var profile = sim.gpu.profiles().getFirst();
                first = first == null ? profile : first;
                assertThat(profile).isEqualTo(first);
            }
        }
    }
}
