package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Races are found whatever the order in which warps and lanes happen to execute, and nothing else is taken for one. */
class RaceTest {
    private static final String START = """
            .shared .align 4 .b8 s[512];
            ld.param.u64 %d0, [data]; mov.u32 %r0, %tid.x; mov.u32 %r1, %ctaid.x; mov.u32 %r2, %laneid; shl.b32 %r3, %r0, 2;
            mov.u32 %r4, s; add.u32 %r4, %r4, %r3; mul.wide.u32 %d1, %r0, 4; add.u64 %d1, %d0, %d1; mov.u32 %r9, 5;
            setp.eq.u32 %p0, %r0, 0; setp.eq.u32 %p1, %r0, 1; setp.eq.u32 %p2, %r0, 40; setp.lt.u32 %p3, %r0, 32;
            """;

    private static void run(String body, SimGpu.Schedule schedule, int blocks) {
        try (var sim = new Simulation(Simulation.EXACT.withRaces(true).withSchedule(schedule))) {
            sim.run(Simulation.kernel(".param .u64 data", START + body + "\nret;"), Simulation.grid(blocks, 64),
                    sim.gpu.allocate(1024));
        }
    }

    private static void races(int blocks, String body, String... words) {
        for (var schedule : SimGpu.Schedule.values()) {
            assertThatThrownBy(() -> run(body, schedule, blocks)).as(body).isInstanceOf(GpuFault.class)
                    .message()
                    .contains("race: ")
                    .satisfies(text -> List.of(words).forEach(word -> assertThat(text).contains(word)));
        }
    }

    private static void clean(int blocks, String body) {
        for (var schedule : SimGpu.Schedule.values()) {
            assertThatCode(() -> run(body, schedule, blocks)).as(body).doesNotThrowAnyException();
        }
    }

    @Test
    void betweenWarpsOnSharedMemory() {
        races(1, "@%p0 st.shared.u32 [s], %r9;\n@%p2 ld.shared.u32 %r5, [s];", "kernel k, block (0, 0, 0), thread (",
                "PTX line",
                "shared memory");
        races(1, "@%p0 ld.shared.u32 %r5, [s];\n@%p2 st.shared.u32 [s], %r9;");
        races(1, "@%p0 st.shared.u32 [s], %r9;\n@%p2 st.shared.u32 [s], %r9;");
        clean(1, "@%p0 st.shared.u32 [s], %r9;\nbar.sync 0;\n@%p2 ld.shared.u32 %r5, [s];");
        clean(1, "@%p0 ld.shared.u32 %r5, [s];\n@%p2 ld.shared.u32 %r5, [s];");
        clean(1, "st.shared.u32 [%r4], %r9; ld.shared.u32 %r5, [%r4];");
    }

    @Test
    void aBarrierOfAWarpDoesNotOrderTwoWarps() {
        races(1, "@%p0 st.shared.u32 [s], %r9; bar.warp.sync -1; @%p2 ld.shared.u32 %r5, [s];");
    }

    @Test
    void betweenLanesOfAWarp() {
        races(1, "@%p3 st.shared.u32 [%r4], %r9;\n@%p0 ld.shared.u32 %r5, [s+16];", "thread (0, 0)",
                "the write by block (0, 0, 0), "
                        + "thread (4, 0) at line");
        clean(1, "@%p3 st.shared.u32 [%r4], %r9;\nbar.warp.sync -1;\n@%p0 ld.shared.u32 %r5, [s+16];");
        races(1, "@%p0 ld.shared.u32 %r5, [s+4];\n@%p1 st.shared.u32 [s+4], %r9;");
    }

    @Test
    void ofOneInstruction() {
        races(1, "@%p3 st.shared.u32 [s], %r9;", "and the write by");
    }

    @Test
    void aShuffleOrdersNoAccess() {
        races(1, "@%p0 st.shared.u32 [s], %r9; shfl.sync.idx.b32 %r5, %r9, 0, 31, -1; @%p1 ld.shared.u32 %r5, [s];");
    }

    @Test
    void barriersOfPartsOfAWarpOrderThatPartAndWhatItKnows() {
        var lanes01 = "setp.lt.u32 %p5, %r2, 2; @%p5 bar.warp.sync 3;";
        var lanes12 = "add.u32 %r7, %r2, -1; setp.lt.u32 %p6, %r7, 2; @%p6 bar.warp.sync 6;";
        var read2 = "setp.eq.u32 %p7, %r0, 2; @%p7 ld.shared.u32 %r5, [s];";
        clean(1, "@%p0 st.shared.u32 [s], %r9;" + lanes01 + "@%p1 ld.shared.u32 %r5, [s];");
        races(1, "@%p0 st.shared.u32 [s], %r9;" + lanes01 + read2);
        // What lane 0 wrote reaches lane 2 by way of lane 1, in this order only.
        clean(1, "@%p0 st.shared.u32 [s], %r9;" + lanes01 + lanes12 + read2);
        races(1, "@%p0 st.shared.u32 [s], %r9;" + lanes12 + lanes01 + read2);
    }

    @Test
    void betweenBlocksOnGlobalMemory() {
        races(2, "setp.eq.u32 %p5, %r0, 7; @%p5 st.global.u32 [%d0], %r9;", "block (1, 0, 0), thread (7, 0)",
                "the write by block (0, 0, 0), thread (7, 0)", "global memory");
        races(2, "@%p0 ld.global.u32 %r5, [%d0]; bar.sync 0; setp.eq.u32 %p5, %r1, 1; and.pred %p5, %p5, %p2;"
                + "@%p5 st.global.u32 [%d0], %r9;", "the read by block (0, 0, 0)");
        // Readers of the second block do not make one forget that of the first.
        races(2, "setp.eq.u32 %p5, %r1, 1; @%p0 ld.global.u32 %r5, [%d0]; @%p5 ld.global.u32 %r5, [%d0]; bar.sync 0;"
                + "and.pred %p5, %p5, %p2; @%p5 st.global.u32 [%d0], %r9;", "the read by block (0, 0, 0)");
        clean(2, "ld.global.u32 %r5, [%d1];");
        clean(2, "mul.lo.u32 %r5, %r1, 256; cvt.u64.u32 %d2, %r5; add.u64 %d1, %d1, %d2; st.global.u32 [%d1], %r9;");
    }

    @Test
    void betweenWarpsOnGlobalMemory() {
        races(1, "st.global.u32 [%d1], %r9; @%p0 ld.global.u32 %r5, [%d0+200];", "global memory");
        clean(1, "st.global.u32 [%d1], %r9; bar.sync 0; @%p0 ld.global.u32 %r5, [%d0+200];");
    }

    @Test
    void launchesAreOrdered() {
        try (var sim = new Simulation(Simulation.EXACT.withRaces(true))) {
            long data = sim.gpu.allocate(1024);
            var write = Simulation.kernel(".param .u64 data", START + "@%p0 st.global.u32 [%d0], %r9; ret;");
            for (int i = 0; i < 3; i++) {
                sim.run(write, Simulation.grid(1, 64), data);
            }
        }
    }

    @Test
    void atomicsRaceWithPlainAccessesOnly() {
        clean(2, "atom.global.add.u32 %r5, [%d0], 1;");
        clean(1, "atom.shared.add.u32 %r5, [s], 1;");
        races(2, "atom.global.add.u32 %r5, [%d0], 1; @%p0 ld.global.u32 %r5, [%d0];");
        races(1, "@%p0 st.shared.u32 [s], %r9; atom.shared.add.u32 %r5, [s], 1;");
    }

    @Test
    void neighboursInAWordAreNoRace() {
        clean(1, "mul.wide.u32 %d2, %r0, 2; add.u64 %d2, %d0, %d2; st.global.u16 [%d2], %h1;");
        clean(1, "cvt.u64.u32 %d2, %r0; add.u64 %d2, %d0, %d2; st.global.u8 [%d2], %h1;");
        races(1, "cvt.u64.u32 %d2, %r0; add.u64 %d2, %d0, %d2; st.global.u8 [%d2], %h1; @%p0 ld.global.u16 %h2, [%d0];");
    }
}
