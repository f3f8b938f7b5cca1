package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Loads, stores and atomics in all spaces. */
class MemoryTest {
    private static final String PARAMETERS = ".param .u64 out, .param .u64 in";
    private static final String START = """
            ld.param.u64 %d0, [out]; ld.param.u64 %d1, [in]; mov.u32 %r0, %tid.x;
            """;

    /** One warp; 64 words in, 64 words out. */
    private static int[] run(String head, String body, int... in) {
        var kernel = Simulation.kernel(PARAMETERS, START + body + " ret;").replace(".visible", head + "\n.visible");
        try (var sim = new Simulation(Simulation.EXACT.withRaces(true))) {
            long out = sim.upload(new int[64]);
            sim.run(kernel, Simulation.grid(1, 32), out, sim.upload(in));
            return sim.ints(out, 64);
        }
    }

    private static int[] one(String body, int... in) {
        return run("", "setp.ne.u32 %p1, %r0, 0; @%p1 exit;" + body, in);
    }

    @ParameterizedTest
    @CsvSource({"u8, r, 0x80", "s8, r, 0xffffff80", "u16, r, 0x8180", "s16, r, 0xffff8180", "b16, h, 0x8180",
        "s8, h, 0xff80"})
    void narrowNumbersAreExtended(String type, String register, String expected) {
        var store = register.equals("r") ? "st.global.u32 [%d0], %r5;" : "st.global.u16 [%d0], %h5;";
        assertThat(one("ld.global." + type + " %" + register + "5, [%d1];" + store, 0x8180)[0])
                .isEqualTo((int) Long.decode(expected).longValue());
    }

    @Test
    void registersMayBeWiderThanWhatIsLoadedOrStored() {
        assertThat(one(
                "ld.global.s32 %d5, [%d1]; st.global.u64 [%d0], %d5; ld.global.u32 %d6, [%d1]; st.global.u64 [%d0+8], %d6;"
                        + "st.global.u32 [%d0+16], %d5; st.global.u8 [%d0+20], %r0; mov.u32 %r5, 0x1234; st.global.u8 [%d0+21], %r5;",
                -5))
                .startsWith(-5, -1, -5, 0, -5, 0x3400);
    }

    @Test
    void vectorsOfTwoAndFour() {
        assertThat(one("ld.global.v4.u32 {%r1,%r2,%r3,%r4}, [%d1]; st.global.v2.u32 [%d0+8], {%r4,%r3};"
                + "ld.global.nc.v2.f32 {%f1, %f2}, [%d1+8]; st.global.v2.f32 [%d0], {%f2,%f1};"
                + "ld.global.v2.u64 {%d5, %d6}, [%d1]; st.global.v4.u16 [%d0+16], {%h1, %h1, %h2, %h2};", 1, 2, 3, 4))
                .startsWith(4, 3, 4, 3, -1, -1);
    }

    @Test
    void hintsToCachesChangeNothing() {
        assertThat(one(
                "ld.global.cg.u32 %r1, [%d1]; ld.volatile.global.u32 %r2, [%d1]; ld.relaxed.gpu.global.u32 %r3, [%d1];"
                        + "ld.global.nc.L1::no_allocate.L2::128B.u32 %r4, [%d1]; prefetch.global.L2 [%d1]; membar.gl; fence.acq_rel.gpu;"
                        + "add.u32 %r1, %r1, %r2; add.u32 %r3, %r3, %r4; add.u32 %r1, %r1, %r3; st.global.cs.u32 [%d0], %r1;",
                5)[0])
                .isEqualTo(20);
    }

    @Test
    void sharedMemoryIsOfTheBlock() {
        var reversed = run(".shared .align 4 .b8 everywhere[128];", """
                .shared .align 4 .b8 here[128];
                shl.b32 %r1, %r0, 2; mov.u32 %r2, here; add.u32 %r2, %r2, %r1; st.shared.u32 [%r2], %r0;
                mov.u64 %d5, everywhere; cvt.u64.u32 %d6, %r1; add.u64 %d6, %d5, %d6; st.shared.u32 [%d6], %r1;
                bar.sync 0;
                mov.u32 %r3, 124; sub.u32 %r3, %r3, %r1; add.u32 %r4, %r3, here; ld.shared.u32 %r5, [%r4];
                ld.shared.u32 %r6, [everywhere+8]; add.u32 %r5, %r5, %r6;
                mad.wide.u32 %d0, %r0, 4, %d0; st.global.u32 [%d0], %r5;
                """.replace("add.u32 %r4, %r3, here", "mov.u32 %r7, here; add.u32 %r4, %r3, %r7"));
        assertThat(reversed).startsWith(IntStream.range(0, 32).map(t -> 31 - t + 8).toArray());
    }

    @Test
    void dynamicSharedMemoryIsAsLargeAsTheLaunchSays() {
        var kernel = Simulation.kernel(PARAMETERS, START + """
                shl.b32 %r1, %r0, 2; mov.u32 %r2, dyn; add.u32 %r2, %r2, %r1; st.shared.u32 [%r2], %r0; bar.sync 0;
                mov.u32 %r3, %dynamic_smem_size; mov.u32 %r4, dyn; add.u32 %r4, %r4, %r3; ld.shared.u32 %r5, [%r4+-4];
                mad.wide.u32 %d0, %r0, 4, %d0; st.global.u32 [%d0], %r5; ret;
                """).replace(".visible", ".extern .shared .align 16 .b8 dyn[];\n.visible");
        try (var sim = new Simulation(Simulation.EXACT)) {
            long out = sim.gpu.allocate(128);
            sim.gpu.launch(sim.gpu.load(kernel, "k"), Simulation.grid(1, 32), 128, out, out);
            assertThat(sim.ints(out, 32)).containsOnly(31);
        }
    }

    @Test
    void localMemoryIsOfTheThread() {
        assertThat(run("", """
                .local .align 16 .b8 depot[64];
                mov.u64 %d5, depot; cvta.local.u64 %d6, %d5; mul.wide.u32 %d7, %r0, 4; and.b64 %d7, %d7, 28; add.u64 %d8, %d6, %d7;
                mad.lo.u32 %r1, %r0, %r0, 1; st.u32 [%d8], %r1; add.u64 %d9, %d5, %d7; ld.local.u32 %r2, [%d9];
                mad.wide.u32 %d0, %r0, 4, %d0; st.global.u32 [%d0], %r2;
                """)).startsWith(IntStream.range(0, 32).map(t -> t * t + 1).toArray());
    }

    @Test
    void constantsAndInitialisedVariables() {
        assertThat(run("""
                .const .align 4 .b8 table[8] = {1, 0, 0, 0, 2, 0, 0, 1};
                .global .align 8 .u64 big = 0x123456789;
                .const .f32 pair[2] = {0f3F800000, 2.0};
                .global .align 4 .b32 zero[3];
                """, """
                setp.ne.u32 %p1, %r0, 0; @%p1 exit;
                ld.const.u32 %r1, [table+4]; st.global.u32 [%d0], %r1; mov.u64 %d5, big; ld.global.u32 %r2, [%d5];
                st.global.u32 [%d0+4], %r2; ld.const.f32 %f1, [pair+4]; st.global.f32 [%d0+8], %f1;
                ld.global.u32 %r3, [zero+8]; st.global.u32 [%d0+12], %r3;
                """)).startsWith(0x01000002, 0x23456789, 0x40000000, 0);
    }

    @Test
    void genericAddressesPointToAllSpaces() {
        assertThat(one("""
                .shared .align 4 .b8 s[8]; .local .align 4 .b8 l[8];
                mov.u64 %d5, s; cvta.shared.u64 %d6, %d5; st.u32 [%d6+4], 7; ld.shared.u32 %r1, [s+4]; st.global.u32 [%d0], %r1;
                mov.u64 %d7, l; cvta.local.u64 %d8, %d7; st.u32 [%d8+4], 8; ld.local.u32 %r2, [%d7+4]; st.u32 [%d0+4], %r2;
                isspacep.shared %p2, %d6; isspacep.local %p3, %d8; isspacep.global %p4, %d0; isspacep.shared %p5, %d8;
                and.pred %p2, %p2, %p3; and.pred %p2, %p2, %p4; not.pred %p5, %p5; and.pred %p2, %p2, %p5;
                selp.u32 %r3, 1, 0, %p2; st.global.u32 [%d0+8], %r3;
                cvta.to.shared.u64 %d9, %d6; ld.shared.u32 %r4, [%d9+4]; st.global.u32 [%d0+12], %r4;
                """)).startsWith(7, 8, 1, 7);
    }

    @ParameterizedTest
    @CsvSource({"add.u32, 5, 3, 8", "add.s32, 5, -6, -1", "min.s32, 5, -3, -3", "min.u32, 5, -3, 5",
        "max.s32, 5, -3, 5",
        "max.u32, 5, -3, -3", "and.b32, 12, 10, 8", "or.b32, 12, 10, 14", "xor.b32, 12, 10, 6", "exch.b32, 5, 9, 9",
        "inc.u32, 5, 9, 6", "inc.u32, 9, 9, 0", "dec.u32, 5, 9, 4", "dec.u32, 0, 9, 9", "dec.u32, 10, 9, 9"})
    void atomics(String op, int before, int operand, int after) {
        var results = one("st.global.u32 [%d0], " + before + "; atom.global." + op + " %r1, [%d0], " + operand
                + "; st.global.u32 [%d0+4], %r1;");
        assertThat(results).startsWith(after, before);
        assertThat(one("st.global.u32 [%d0], " + before + "; red.global." + op + " [%d0], " + operand + ";")[0])
                .isEqualTo(after);
    }

    @Test
    void atomicsOf64BitsAndCompareAndSwap() {
        assertThat(one("""
                mov.u64 %d5, 0xFFFFFFFF; st.global.u64 [%d0], %d5; atom.global.add.u64 %d6, [%d0], 1;
                mov.u32 %r1, 7; st.global.u32 [%d0+8], %r1; atom.global.cas.b32 %r2, [%d0+8], 7, 9; atom.cas.b32 %r3, [%d0+8], 7, 11;
                st.global.u32 [%d0+12], %r2; st.global.u32 [%d0+16], %r3;
                """)).startsWith(0, 1, 9, 7, 9);
    }

    @Test
    void atomicsCountAcrossLanesInAscendingOrderAndAcrossBlocks() {
        var kernel = Simulation.kernel(PARAMETERS, START + """
                .shared .align 4 .u32 counter; setp.eq.u32 %p1, %r0, 0; @%p1 st.shared.u32 [counter], 0; bar.sync 0;
                atom.shared.add.u32 %r1, [counter], 1; mad.wide.u32 %d2, %r0, 4, %d0; mov.u32 %r2, %ctaid.x;
                setp.eq.u32 %p2, %r2, 0; @%p2 st.global.u32 [%d2], %r1; atom.global.add.u32 %r3, [%d1], 1; ret;
                """);
        try (var sim = new Simulation(Simulation.EXACT)) {
            long out = sim.upload(new int[32]);
            long total = sim.upload(new int[1]);
            sim.run(kernel, Simulation.grid(500, 32), out, total);
            assertThat(sim.ints(out, 32)).isEqualTo(IntStream.range(0, 32).toArray());
            assertThat(sim.ints(total, 1)).containsExactly(16_000);
        }
    }

    @Test
    void freshMemoryIsNotANumber() {
        assertThat(one("""
                .shared .align 4 .b8 s[8]; .local .align 4 .b8 l[8];
                ld.shared.f32 %f1, [s]; st.global.f32 [%d0], %f1; ld.local.f32 %f2, [l]; st.global.f32 [%d0+4], %f2;
                """)).startsWith(-1, -1);
        try (var sim = new Simulation(Simulation.EXACT)) {
            assertThat(sim.floats(sim.gpu.allocate(400), 100)).containsOnly(Float.NaN);
        }
    }
}
