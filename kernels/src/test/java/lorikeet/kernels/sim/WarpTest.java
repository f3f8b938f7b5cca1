package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.IntUnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import lorikeet.kernels.cuda.Gpu;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What concerns more than one lane: branches, calls, exchange between lanes and warps, special registers. */
class WarpTest {
    private static final int THREADS = 64;

    /** Runs a body that leaves a word per thread in %r0, given the thread's number in %r1, and gives the words. */
    private static int[] run(SimGpu.Options options, int threads, String body) {
        var kernel = Simulation.kernel(".param .u64 out", """
                mov.u32 %%r1, %%tid.x; ld.param.u64 %%d1, [out]; mad.wide.u32 %%d1, %%r1, 4, %%d1; mov.u32 %%r0, -7;
                %s
                st.global.u32 [%%d1], %%r0; ret;""".formatted(body));
        try (var sim = new Simulation(options)) {
            long out = sim.upload(new int[threads]);
            sim.run(kernel, Simulation.grid(1, threads), out);
            return sim.ints(out, threads);
        }
    }

    private static void gives(String body, IntUnaryOperator expected) {
        for (var schedule : SimGpu.Schedule.values()) {
            assertThat(run(Simulation.EXACT.withSchedule(schedule).withRaces(true), THREADS, body))
                    .isEqualTo(IntStream.range(0, THREADS).map(expected).toArray());
        }
    }

    // ---- branches ------------------------------------------------------------------------------------------------------

    @Test
    void lanesPartAndMeetAgain() {
        // Both sides of a branch, of which one has a branch within, and all lanes together after it.
        gives("""
                setp.lt.u32 %p1, %r1, 10; @%p1 bra LOW;
                mov.u32 %r0, 1; setp.eq.u32 %p2, %r1, 20; @!%p2 bra MEET; mov.u32 %r0, 2; bra.uni MEET;
                LOW: mov.u32 %r0, 3;
                MEET: activemask.b32 %r2; popc.b32 %r2, %r2; mad.lo.s32 %r0, %r2, 100, %r0;
                """, t -> 3200 + (t < 10 ? 3 : t == 20 ? 2 : 1));
    }

    @Test
    void loopsRunAsOftenAsEachLaneAsks() {
        gives("""
                mov.u32 %r0, 0; mov.u32 %r2, 0;
                LOOP: setp.ge.u32 %p1, %r2, %r1; @%p1 bra DONE;
                add.u32 %r2, %r2, 1; add.u32 %r0, %r0, %r2; bra LOOP;
                DONE: activemask.b32 %r3; setp.ne.b32 %p1, %r3, -1; @%p1 trap;
                """, t -> t * (t + 1) / 2);
    }

    @Test
    void threadsMayEndEarly() {
        gives("and.b32 %r2, %r1, 3; setp.eq.u32 %p1, %r2, 2; st.global.u32 [%d1], 9; @%p1 exit; activemask.b32 %r0;",
                t -> t % 4 == 2 ? 9 : 0xBBBBBBBB);
    }

    @Test
    void indexedBranchGoesToTheNumberedLabel() {
        gives("""
                and.b32 %r2, %r1, 1; setp.gt.u32 %p1, %r1, 40; selp.u32 %r2, 2, %r2, %p1;
                LIST: .branchtargets ZERO, ONE, TWO;
                brx.idx %r2, LIST;
                TWO: mov.u32 %r0, 22; bra MEET;
                ZERO: mov.u32 %r0, 20; bra MEET;
                ONE: mov.u32 %r0, 21;
                MEET: activemask.b32 %r3; setp.ne.b32 %p1, %r3, -1; @%p1 trap;
                """, t -> t > 40 ? 22 : t % 2 == 0 ? 20 : 21);
    }

    @Test
    void labelsAndRegistersInBracesAreTheirOwn() {
        gives("""
                { .reg .b32 %r0, x; mov.u32 x, 5; setp.eq.u32 %p1, %r1, 3; @%p1 bra END; add.u32 x, x, 1; END: mov.u32 %r2, x; }
                { .reg .b32 x; mov.u32 x, 7; bra END; add.u32 x, x, 1; END: add.u32 %r0, %r2, x; }
                """, t -> t == 3 ? 12 : 13);
    }

    @Test
    void functionsAreCalledByTheLanesThatWantTo() {
        var ptx = """
                .version 7.8
                .target sm_75
                .address_size 64
                .func (.param .b32 result) twice(.param .b32 x) {
                .reg .b32 %r<3>; ld.param.u32 %r0, [x]; add.u32 %r0, %r0, %r0; st.param.b32 [result+0], %r0; ret; }
                .func (.param .b32 result) f(.param .b32 x, .param .b32 y) {
                .reg .b32 %r<9>; .reg .pred %p1; .reg .b32 scratch;
                ld.param.u32 %r1, [x]; ld.param.u32 %r2, [y]; setp.lt.u32 %p1, %r1, 5; @%p1 bra SMALL;
                { .param .b32 a; .param .b32 b; st.param.b32 [a], %r1; call.uni (b), twice, (a); ld.param.b32 %r1, [b]; }
                SMALL: add.u32 %r3, %r1, %r2; st.param.b32 [result], %r3; ret; }
                .visible .entry k(.param .u64 out) {
                .reg .b32 %r<9>; .reg .b64 %d<3>; .reg .pred %p<3>;
                mov.u32 %r1, %tid.x; ld.param.u64 %d1, [out]; mad.wide.u32 %d1, %r1, 4, %d1; mov.u32 %r4, 0;
                setp.eq.u32 %p1, %r1, 7; @%p1 bra SKIP;
                { .param .b32 a; .param .b32 b; .param .b32 c; st.param.b32 [a], %r1; st.param.b32 [b], 100;
                call (c), f, (a, b); ld.param.b32 %r4, [c]; }
                SKIP: st.global.u32 [%d1], %r4; ret; }
                """;
        try (var sim = new Simulation(Simulation.EXACT)) {
            long out = sim.upload(new int[32]);
            sim.run(ptx, Simulation.grid(1, 32), out);
            assertThat(sim.ints(out, 32))
                    .isEqualTo(IntStream.range(0, 32).map(t -> t == 7 ? 0 : 100 + (t < 5 ? t : 2 * t)).toArray());
        }
    }

    // ---- between lanes -------------------------------------------------------------------------------------------------

    @Test
    void shuffleUp() {
        gives("shfl.sync.up.b32 %r0|%p1, %r1, 3, 0, -1; @!%p1 add.u32 %r0, %r0, 1000;",
                t -> t % 32 < 3 ? t + 1000 : t - 3);
    }

    @Test
    void shuffleDown() {
        gives("shfl.sync.down.b32 %r0|%p1, %r1, 3, 31, -1; @!%p1 add.u32 %r0, %r0, 1000;",
                t -> t % 32 > 28 ? t + 1000 : t + 3);
    }

    @Test
    void shuffleButterfly() {
        gives("shfl.sync.bfly.b32 %r0, %r1, 5, 31, -1;", t -> t ^ 5);
    }

    @Test
    void shuffleByIndex() {
        gives("sub.u32 %r2, 31, %r1; shfl.sync.idx.b32 %r0, %r1, %r2, 31, -1;", t -> t / 32 * 32 + 31 - t % 32);
    }

    /** a[m][k] = m + 2 k, b[k][n] = 3 k − n, c = 100, with bits below TF32's that make no difference. */
    @Test
    void tensorCore() {
        gives("""
                .reg .b32 %a<4>, %b<2>, %g, %q; .reg .f32 %s<4>;
                and.b32 %r2, %r1, 31; shr.u32 %g, %r2, 2; and.b32 %q, %r2, 3;
                mad.lo.s32 %a0, %q, 2, %g; add.s32 %a1, %a0, 8; add.s32 %a2, %a0, 8; add.s32 %a3, %a0, 16;
                mul.lo.s32 %b0, %q, 3; sub.s32 %b0, %b0, %g; add.s32 %b1, %b0, 12;
                """ + Stream.of("a0", "a1", "a2", "a3", "b0", "b1").map("""
                cvt.rn.f32.s32 %%s0, %%%1$s; mov.b32 %%%1$s, %%s0; or.b32 %%%1$s, %%%1$s, 0x1fff;
                """::formatted).collect(Collectors.joining()) + """
                mov.f32 %s0, 0f42C80000; mov.f32 %s1, %s0; mov.f32 %s2, %s0; mov.f32 %s3, %s0;
                mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%s0, %s1, %s2, %s3}, {%a0, %a1, %a2, %a3}, {%b0, %b1}, {%s0, %s1, %s2, %s3};
                cvt.rni.s32.f32 %r2, %s0; cvt.rni.s32.f32 %r3, %s1; mad.lo.s32 %r0, %r3, 7, %r2;
                cvt.rni.s32.f32 %r2, %s2; mad.lo.s32 %r0, %r2, 49, %r0; cvt.rni.s32.f32 %r2, %s3; mad.lo.s32 %r0, %r2, 343, %r0;
                """, t -> {
            int m = t % 32 / 4, n = 2 * (t % 4);
            return product(m, n) + 7 * product(m, n + 1) + 49 * product(m + 8, n) + 343 * product(m + 8, n + 1);
        });
    }

    private static int product(int m, int n) {
        return 100 + IntStream.range(0, 8).map(k -> (m + 2 * k) * (3 * k - n)).sum();
    }

    @Test
    void shuffleWithinSegmentsOfEight() {
        // The mask of segments, 24, stands in bits 8 to 12; the clamp in bits 0 to 4.
        gives("shfl.sync.down.b32 %r0|%p1, %r1, 3, 0x181F, -1; @!%p1 add.u32 %r0, %r0, 1000;",
                t -> t % 8 > 4 ? t + 1000 : t + 3);
        gives("shfl.sync.up.b32 %r0|%p1, %r1, 3, 0x1800, -1; @!%p1 add.u32 %r0, %r0, 1000;",
                t -> t % 8 < 3 ? t + 1000 : t - 3);
        gives("shfl.sync.idx.b32 %r0, %r1, 2, 0x181F, -1;", t -> t / 8 * 8 + 2);
    }

    @Test
    void shuffleAmongTheLanesOfABranch() {
        gives("""
                setp.ge.u32 %p1, %r1, 16; mov.u32 %r0, 0; @%p1 bra MEET;
                shfl.sync.bfly.b32 %r0, %r1, 1, 31, 0xFFFF;
                MEET:
                """, t -> t < 16 ? t ^ 1 : 0);
    }

    @Test
    void shuffleWaitsForTheLanesItNames() {
        // Lanes from 16 on take a detour to code further down, and come back up.
        gives("""
                mov.u32 %r2, 0; setp.ge.u32 %p1, %r1, 16; @%p1 bra DETOUR;
                BACK: shfl.sync.bfly.b32 %r0, %r1, 16, 31, -1; add.u32 %r0, %r0, %r2; bra END;
                DETOUR: mov.u32 %r2, 100; bra BACK;
                END:
                """, t -> (t ^ 16) + (t >= 16 ? 100 : 0));
    }

    @Test
    void votes() {
        gives("setp.lt.u32 %p1, %r1, 5; vote.sync.ballot.b32 %r0, %p1, -1;", t -> t < 32 ? 31 : 0);
        gives("setp.lt.u32 %p1, %r1, 5; vote.sync.any.pred %p2, %p1, -1; selp.u32 %r0, 1, 0, %p2;",
                t -> t < 32 ? 1 : 0);
        gives("setp.lt.u32 %p1, %r1, 40; vote.sync.all.pred %p2, %p1, -1; selp.u32 %r0, 1, 0, %p2;",
                t -> t < 32 ? 1 : 0);
        gives("setp.lt.u32 %p1, %r1, 40; vote.sync.uni.pred %p2, !%p1, -1; selp.u32 %r0, 1, 0, %p2;",
                t -> t < 32 ? 1 : 0);
    }

    @Test
    void matches() {
        gives("and.b32 %r2, %r1, 3; match.any.sync.b32 %r0, %r2, -1;", t -> 0x11111111 << t % 4);
        gives("shr.u32 %r2, %r1, 5; cvt.u64.u32 %d2, %r2; match.all.sync.b64 %r0|%p1, %d2, -1; @!%p1 trap;", t -> -1);
        gives("match.all.sync.b32 %r0|%p1, %r1, -1; @%p1 trap;", t -> 0);
    }

    @Test
    void reductionsOverAWarp() {
        gives("redux.sync.add.s32 %r0, %r1, -1;", t -> t < 32 ? 496 : 496 + 1024);
        gives("sub.s32 %r2, 5, %r1; redux.sync.min.s32 %r0, %r2, -1;", t -> t < 32 ? -26 : -58);
        gives("sub.s32 %r2, 5, %r1; redux.sync.max.u32 %r0, %r2, -1;", t -> t < 32 ? -1 : 5 - 32);
        gives("redux.sync.or.b32 %r0, %r1, -1;", t -> t < 32 ? 31 : 63);
    }

    // ---- between warps -------------------------------------------------------------------------------------------------

    @ParameterizedTest
    @EnumSource
    void barriersCountAndAsk(SimGpu.Schedule schedule) {
        var options = Simulation.EXACT.withSchedule(schedule);
        assertThat(run(options, 96, "setp.lt.u32 %p1, %r1, 40; bar.red.popc.u32 %r0, 0, %p1;")).containsOnly(40);
        assertThat(run(options, 96, "setp.lt.u32 %p1, %r1, 40; bar.red.or.pred %p2, 0, %p1; selp.u32 %r0, 1, 0, %p2;"))
                .containsOnly(1);
        assertThat(
                run(options, 96, "setp.lt.u32 %p1, %r1, 40; bar.red.and.pred %p2, 0, !%p1; selp.u32 %r0, 1, 0, %p2;"))
                .containsOnly(0);
    }

    @Test
    void blocksNeedNotBeWholeWarps() {
        assertThat(run(Simulation.EXACT, 45, "bar.sync 0; activemask.b32 %r0; popc.b32 %r0, %r0;"))
                .isEqualTo(IntStream.range(0, 45).map(t -> t < 32 ? 32 : 13).toArray());
    }

    @Test
    void threadsThatHaveEndedAreNotWaitedFor() {
        gives("st.global.u32 [%d1], 1; setp.ge.u32 %p1, %r1, 20; @%p1 exit; bar.sync 0; mov.u32 %r0, 2;",
                t -> t < 20 ? 2 : 1);
    }

    // ---- special registers ---------------------------------------------------------------------------------------------

    @Test
    void lanesKnowTheirPlace() {
        gives("mov.u32 %r0, %laneid;", t -> t % 32);
        gives("mov.u32 %r0, %warpid;", t -> t / 32);
        gives("mov.u32 %r0, %lanemask_lt;", t -> (1 << t % 32) - 1);
        gives("mov.u32 %r0, %lanemask_le;", t -> (int) ((2L << t % 32) - 1));
        gives("mov.u32 %r0, %lanemask_gt;", t -> ~(int) ((2L << t % 32) - 1));
        gives("mov.u32 %r0, %lanemask_ge;", t -> -1 << t % 32);
        gives("mov.u32 %r0, %lanemask_eq;", t -> 1 << t % 32);
        gives("mov.u32 %r0, %nwarpid;", t -> 2);
    }

    @Test
    void blocksAndThreadsAreNumberedInAllDimensions() {
        var kernel = Simulation.kernel(".param .u64 out", """
                mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ctaid.y; mov.u32 %r3, %ctaid.z; mov.u32 %r4, %tid.x; mov.u32 %r5, %tid.y;
                mov.u32 %r6, %nctaid.x; mov.u32 %r7, %nctaid.y; mov.u32 %r8, %ntid.x; mov.u32 %r9, %ntid.y;
                mad.lo.u32 %r10, %r3, %r7, %r2; mad.lo.u32 %r10, %r10, %r6, %r1; mad.lo.u32 %r10, %r10, %r9, %r5;
                mad.lo.u32 %r10, %r10, %r8, %r4; ld.param.u64 %d1, [out]; mad.wide.u32 %d1, %r10, 4, %d1;
                st.global.u32 [%d1], %r10; ret;
                """);
        try (var sim = new Simulation(Simulation.EXACT)) {
            int count = 2 * 3 * 4 * 5 * 6;
            long out = sim.gpu.allocate(4L * count);
            sim.run(kernel, new Gpu.Grid(2, 3, 4, 5, 6), out);
            assertThat(sim.ints(out, count)).isEqualTo(IntStream.range(0, count).toArray());
        }
    }
}
