package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

/** What a kernel may not do is reported with kernel, block, thread, and number and text of the PTX line. */
class FaultTest {
    private static final String PARAMETERS = ".param .u64 data";
    private static final String START = "ld.param.u64 %d0, [data]; mov.u32 %r0, %tid.x; mov.u32 %r1, %ctaid.x;\n";
    /** The line on which a kernel of {@link Simulation#kernel} has its first line after {@link #START}. */
    private static final int LINE = 8;

    /** Two blocks of 64 threads over 1,000 bytes; block and thread may be told apart by %r1 and %r0. */
    private static void run(String body, SimGpu.Options options) {
        try (var sim = new Simulation(options)) {
            sim.run(Simulation.kernel(PARAMETERS, START + body + "\nret;"), Simulation.grid(2, 64),
                    sim.gpu.allocate(1000));
        }
    }

    private static void fails(String body, int line, String place, String... words) {
        for (var schedule : SimGpu.Schedule.values()) {
            assertThatThrownBy(() -> run(body, Simulation.EXACT.withSchedule(schedule))).isInstanceOf(GpuFault.class)
                    .hasMessageStartingWith("kernel k, " + place)
                    .hasMessageContaining("), PTX line " + (LINE + line - 1) + " `"
                            + body.lines().skip(line - 1).findFirst().orElseThrow().strip() + "`: ")
                    .hasMessageContainingAll(words).message().doesNotContain("\n");
        }
    }

    @Test
    void outOfBounds() {
        fails("""
                setp.eq.u32 %p1, %r1, 1; setp.eq.u32 %p2, %r0, 37; and.pred %p1, %p1, %p2;
                @%p1 ld.global.f32 %f1, [%d0+1000];
                """, 2, "block (1, 0, 0), thread (37, 0)", "4 bytes at byte 1000 of an allocation of 1000 bytes");
        fails("st.global.f32 [%d0+-4], %f1;", 1, "block (0, 0, 0), thread (", "4 bytes at byte -4 of an allocation");
        fails("st.global.v4.f32 [%d0+992], {%f1, %f1, %f1, %f1};", 1, "block (0, 0, 0)", "16 bytes at byte 992");
        fails("atom.global.add.u32 %r5, [%d0+1000], 1;", 1, "block (0, 0, 0)", "byte 1000");
        fails("mad.wide.u32 %d1, %r0, 16, %d0;\nld.global.u32 %r5, [%d1];", 2, "block (0, 0, 0), thread (63, 0)",
                "byte 1008 of an allocation");
        fails("mov.u64 %d1, 0;\nld.global.u32 %r5, [%d1];", 2, "block (0, 0, 0)",
                "address 0x0, which belongs to no allocation");
        fails(".shared .align 4 .b8 a[16]; .shared .align 4 .b8 b[16];\nld.shared.u32 %r5, [a+16]; ld.shared.u32 %r6, [b];",
                2,
                "block (0, 0, 0)", "byte 16 of shared variable a of 16 bytes");
        fails(".local .align 4 .b8 a[16];\nmov.u64 %d1, a;\nst.local.u32 [%d1+16], %r0;", 3, "block (0, 0, 0)",
                "byte 16 of 16 bytes of local memory");
    }

    @Test
    void misaligned() {
        fails("ld.global.f32 %f1, [%d0+2];", 1, "block (0, 0, 0)", "is not aligned to 4 bytes");
        fails("ld.global.v2.f32 {%f1, %f2}, [%d0+4];", 1, "block (0, 0, 0)", "is not aligned to 8 bytes");
        fails(".shared .align 4 .b8 a[16];\nst.shared.u16 [a+1], %h1;", 2, "block (0, 0, 0)",
                "is not aligned to 2 bytes");
    }

    @Test
    void divergentBarrier() {
        fails("setp.lt.u32 %p1, %r0, 40;\n@%p1 bar.sync 0;\nbar.sync 0;", 2, "block (0, 0, 0), thread (32, 0)",
                "reached by lanes 0–7 but not by lanes 8–31");
        fails("setp.eq.u32 %p1, %r0, 3;\n@%p1 bra A;\nbar.sync 0;\nbra B;\nA: bar.sync 0;\nB:", 3,
                "block (0, 0, 0), thread (0, 0)",
                "reached by lanes 0–2,4–31 but not by lane 3, waiting at line " + (LINE + 4));
        fails("setp.lt.u32 %p1, %r0, 32;\n@%p1 bra A;\nbar.sync 0;\nbra B;\nA: bar.sync 0;\nB:", 3,
                "block (0, 0, 0), thread (32, 0)", "while others of its block wait at line " + (LINE + 4));
    }

    @Test
    void absentLane() {
        fails("setp.eq.u32 %p1, %r0, 5;\n@%p1 exit;\nshfl.sync.bfly.b32 %r5, %r0, 1, 31, -1;", 3,
                "block (0, 0, 0), thread (0, 0)",
                "reached by lanes 0–4,6–31 but not by lane 5, not running any more");
        fails("shfl.sync.bfly.b32 %r5, %r0, 16, 31, -1;\nsetp.ge.u32 %p1, %r0, 16;\n@%p1 bra A;\n"
                + "shfl.sync.bfly.b32 %r5, %r0, 16, 31, 0xFFFF;\nA:", 4, "block (0, 0, 0), thread (0, 0)",
                "reads lane 16, which takes no part");
        fails("shfl.sync.idx.b32 %r5, %r0, 0, 31, 0xFFFF;", 1, "block (0, 0, 0), thread (16, 0)",
                "executed by a lane that its mask does not name: lanes 0–15");
        fails("setp.ge.u32 %p1, %r0, 16;\n@%p1 exit;\nmma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
                + "{%f0, %f1, %f2, %f3}, {%r0, %r0, %r0, %r0}, {%r0, %r0}, {%f0, %f1, %f2, %f3};", 3,
                "block (0, 0, 0), thread (0, 0)", "reached by lanes 0–15 but not by lanes 16–31, not running any more");
        fails("setp.lt.u32 %p1, %r0, 8;\n@%p1 vote.sync.any.pred %p2, %p1, -1;", 2, "block (0, 0, 0), thread (0, 0)",
                "lanes 8–31");
        fails("setp.lt.u32 %p1, %r0, 8;\n@%p1 bar.warp.sync -1;", 2, "block (0, 0, 0), thread (0, 0)", "lanes 8–31");
    }

    @Test
    void trapAndWildBranch() {
        fails("setp.eq.u32 %p1, %r0, 9;\n@%p1 trap;", 2, "block (0, 0, 0), thread (9, 0)", "trap");
        fails("L: .branchtargets A;\nA: brx.idx %r0, L;", 2, "block (0, 0, 0), thread (1, 0)", "label number 1 of 1");
    }

    @Test
    void useAfterFree() {
        var kernel = Simulation.kernel(PARAMETERS, START + "ld.global.f32 %f1, [%d0+8];\nret;");
        try (var sim = new Simulation(Simulation.EXACT)) {
            long address = sim.gpu.allocate(64);
            sim.run(kernel, Simulation.grid(1, 32), address);
            sim.gpu.free(address);
            assertThat(sim.gpu.allocate(64)).isNotEqualTo(address);
            assertThatThrownBy(() -> sim.run(kernel, Simulation.grid(1, 32), address)).isInstanceOf(GpuFault.class)
                    .hasMessageContainingAll("kernel k, block (0, 0, 0), thread (0, 0), PTX line " + LINE,
                            "byte 8 of a freed allocation of 64 bytes");
        }
    }

    @Test
    void theFirstBlockAtFaultIsNamedWhateverTheNumberOfThreads() {
        var kernel = Simulation.kernel(PARAMETERS, START + "setp.ge.u32 %p1, %r1, 5;\n@%p1 trap;\nret;");
        for (int threads = 1; threads <= 4; threads++) {
            try (var sim = new Simulation(Simulation.EXACT.withThreads(threads))) {
                assertThatThrownBy(() -> sim.run(kernel, Simulation.grid(400, 32), 0L))
                        .hasMessageContaining("block (5, 0, 0)");
            }
        }
    }

    @Test
    void afterAFaultTheGpuWorksOn() {
        try (var sim = new Simulation(Simulation.EXACT)) {
            long data = sim.upload(1f, 2f);
            assertThatThrownBy(() -> sim.run(Simulation.kernel(PARAMETERS, "trap;"), Simulation.grid(1, 1), data))
                    .isInstanceOf(GpuFault.class);
            assertThat(sim.floats(data, 2)).containsExactly(1, 2);
        }
    }
}
