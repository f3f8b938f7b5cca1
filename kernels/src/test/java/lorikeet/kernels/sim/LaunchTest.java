package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import lorikeet.kernels.OutOfDeviceMemoryException;
import lorikeet.kernels.cuda.Gpu.Grid;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the host does: arguments, limits of a device, the queue, allocations. */
class LaunchTest {
    private static final String NOTHING = Simulation.kernel("", "ret;");
    private static final String STORE = Simulation.kernel(".param .u64 y, .param .u32 n, .param .f32 x", """
            ld.param.u64 %d1, [y]; ld.param.u32 %r1, [n]; ld.param.f32 %f1, [x];
            st.global.u32 [%d1], %r1; st.global.f32 [%d1+4], %f1; ret;
            """);

    private final Simulation sim = new Simulation(Simulation.EXACT);

    @AfterEach
    void close() {
        sim.close();
    }

    private void refused(String ptx, Grid grid, int sharedBytes, String why, Object... arguments) {
        var kernel = sim.gpu.load(ptx, "k");
        assertThatThrownBy(() -> sim.gpu.launch(kernel, grid, sharedBytes, arguments))
                .isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("launch of kernel k: ")
                .hasMessageContaining(why);
    }

    // ---- arguments -----------------------------------------------------------------------------------------------------

    @Test
    void argumentsArriveInOrder() {
        long y = sim.gpu.allocate(8);
        sim.run(STORE, new Grid(1, 1, 1, 1, 1), y, 5, 0.5f);
        assertThat(sim.ints(y, 2)).containsExactly(5, Float.floatToIntBits(0.5f));
    }

    @Test
    void argumentsOfAnotherTypeOrNumberAreRefused() {
        var grid = new Grid(1, 1, 1, 1, 1);
        refused(STORE, grid, 0, "takes 3 arguments, got 2", 0L, 5);
        refused(STORE, grid, 0, "takes 3 arguments, got 4", 0L, 5, 0.5f, 1);
        refused(STORE, grid, 0, "argument 0 is declared as .u64, got Integer 7", 7, 5, 0.5f);
        refused(STORE, grid, 0, "argument 1 is declared as .u32, got Long 5", 0L, 5L, 0.5f);
        refused(STORE, grid, 0, "argument 1 is declared as .u32, got Float 5.0", 0L, 5f, 0.5f);
        refused(STORE, grid, 0, "argument 2 is declared as .f32, got Integer 1", 0L, 5, 1);
        refused(STORE, grid, 0, "argument 2 is declared as .f32, got Double 1.0", 0L, 5, 1.0);
        refused(STORE, grid, 0, "argument 2 is declared as .f32, got null null", 0L, 5, null);
        refused(Simulation.kernel(".param .align 8 .b8 s[16]", "ret;"), grid, 0, "declared as .b8 of 16 bytes", 0L);
    }

    @Test
    void parametersMayBeReadInPieces() {
        long y = sim.gpu.allocate(8);
        sim.run(Simulation.kernel(".param .u32 a, .param .u64 b", """
                ld.param.u64 %d1, [b]; ld.param.u16 %h1, [a+2]; ld.param.u32 %r1, [b+4];
                cvt.u32.u16 %r2, %h1; st.global.u32 [%d1], %r2; st.global.u32 [%d1+4], %r1; ret;
                """), new Grid(1, 1, 1, 1, 1), 0x12345678, y);
        assertThat(sim.ints(y, 2)).containsExactly(0x1234, (int) (y >>> 32));
    }

    // ---- limits --------------------------------------------------------------------------------------------------------

    @Test
    void whatADeviceRefusesIsRefused() {
        refused(NOTHING, new Grid(1, 1, 1, 1025, 1), 0, "more than 1024 threads");
        refused(NOTHING, new Grid(1, 1, 1, 33, 32), 0, "more than 1024 threads");
        refused(NOTHING, new Grid(1, 1, 1, 65536, 65536), 0, "more than 1024 threads");
        refused(NOTHING, new Grid(1, 65_536, 1, 1, 1), 0, "more than 65535 blocks");
        refused(NOTHING, new Grid(1, 1, 65_536, 1, 1), 0, "more than 65535 blocks");
        refused(NOTHING, new Grid(0, 1, 1, 1, 1), 0, "at least 1");
        refused(NOTHING, new Grid(1, 1, 1, 0, 1), 0, "at least 1");
        refused(NOTHING, new Grid(1, 1, 1, 1, 1), 65_537, "65537 bytes of dynamic shared memory");
        refused(NOTHING, new Grid(1, 1, 1, 1, 1), -1, "-1 bytes of dynamic shared memory");
        var shared = Simulation.kernel("", ".shared .align 4 .b8 s[40000]; st.shared.u32 [s], 1; ret;");
        refused(shared, new Grid(1, 1, 1, 1, 1), 25_537, "beside 40000 of static");
        refused(shared.replace("40000", "49156"), new Grid(1, 1, 1, 1, 1), 0, "49156 bytes of static shared memory");
        sim.gpu.launch(sim.gpu.load(NOTHING, "k"), new Grid(100_000, 1, 1, 1, 1), 65_536);
        sim.gpu.launch(sim.gpu.load(shared, "k"), new Grid(1, 65_535, 1, 32, 32), 25_536);
    }

    @Test
    void blocksLargerThanTheKernelWasCompiledForAreRefused() {
        var bounded = NOTHING.replace("k()", "k() .maxntid 128, 1, 1 .minnctapersm 2");
        refused(bounded, new Grid(1, 1, 1, 129, 1), 0, "at most 128 threads");
        sim.gpu.launch(sim.gpu.load(bounded, "k"), new Grid(1, 1, 1, 64, 2), 0);
        var exact = NOTHING.replace("k()", "k() .reqntid 32, 2");
        refused(exact, new Grid(1, 1, 1, 64, 1), 0, "blocks of 32 × 2 × 1");
        sim.gpu.launch(sim.gpu.load(exact, "k"), new Grid(1, 1, 1, 32, 2), 0);
    }

    // ---- the queue -----------------------------------------------------------------------------------------------------

    @Test
    void nothingIsDoneBeforeSomebodyWaits() {
        long y = sim.upload(1, 2);
        var early = new int[2];
        var late = new int[2];
        sim.gpu.download(MemorySegment.ofArray(early), y);
        sim.gpu.launch(sim.gpu.load(STORE, "k"), new Grid(1, 1, 1, 1, 1), 0, y, 7, 0f);
        sim.gpu.download(MemorySegment.ofArray(late), y);
        assertThat(early).as("NaN until synchronised").containsOnly(-1);
        assertThat(late).containsOnly(-1);
        sim.gpu.synchronise();
        assertThat(early).containsExactly(1, 2);
        assertThat(late).containsExactly(7, 0);
    }

    /** Else threads would go on to execute blocks on memory that the caller frees. */
    @Test
    void anInterruptLeavesNoBlockBehind() {
        int blocks = 500;
        long y = sim.upload(new int[blocks]);
        Thread.currentThread().interrupt();
        try {
            sim.run(Simulation.kernel(".param .u64 y", """
                    ld.param.u64 %d1, [y]; mov.u32 %r1, %ctaid.x; mul.wide.u32 %d2, %r1, 4; add.u64 %d1, %d1, %d2;
                    st.global.u32 [%d1], %r1; ret;
                    """), Simulation.grid(blocks, 1), y);
        } finally {
            assertThat(Thread.interrupted()).isTrue();
        }
        assertThat(sim.ints(y, blocks)).containsExactly(IntStream.range(0, blocks).toArray());
    }

    @Test
    void sourcesOfUploadsMayBeReusedAtOnce() {
        var source = new int[] {1, 2};
        long y = sim.upload(source);
        source[0] = 9;
        assertThat(sim.ints(y, 2)).containsExactly(1, 2);
    }

    @Test
    void fillsWords() {
        long y = sim.upload(1, 2, 3, 4);
        sim.gpu.fill(y + 4, 7, 2);
        assertThat(sim.ints(y, 4)).containsExactly(1, 7, 7, 4);
        assertThatThrownBy(() -> {
            sim.gpu.fill(y + 4, 7, 4);
            sim.gpu.synchronise();
        }).hasMessageContaining("fill of 16 bytes at byte 4 of an allocation of 16 bytes");
    }

    @Test
    void fillsNeedAlignedWords() {
        long y = sim.gpu.allocate(16);
        assertThatThrownBy(() -> sim.gpu.fill(y + 2, 7, 1)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("byte 2 of an allocation of 16 bytes: not aligned");
    }

    @Test
    void copiesStayWithinTheirAllocation() {
        long y = sim.gpu.allocate(8);
        assertThatThrownBy(() -> sim.ints(y, 3))
                .hasMessageContaining("download of 12 bytes at byte 0 of an allocation of 8");
        assertThatThrownBy(() -> {
            sim.gpu.upload(y + 4, MemorySegment.ofArray(new int[2]));
            sim.gpu.synchronise();
        }).hasMessageContaining("upload of 8 bytes at byte 4 of an allocation of 8");
        assertThatThrownBy(() -> sim.ints(5, 1)).hasMessageContaining("address 0x5, which belongs to no allocation");
    }

    // ---- allocations ---------------------------------------------------------------------------------------------------

    @Test
    void addressesAreAlignedAndNotUsedAgain() {
        long first = sim.gpu.allocate(3);
        sim.gpu.free(first);
        sim.gpu.synchronise();
        long second = sim.gpu.allocate(3);
        assertThat(second).isNotEqualTo(first);
        assertThat(first % 256 + second % 256).isZero();
    }

    @Test
    void memoryIsFreedOnceAndFromItsStart() {
        long address = sim.gpu.allocate(16);
        assertThatThrownBy(() -> {
            sim.gpu.free(address + 4);
            sim.gpu.synchronise();
        }).hasMessageContaining("byte 4 of an allocation of 16 bytes: not the start");
        sim.gpu.free(address);
        assertThatThrownBy(() -> {
            sim.gpu.free(address);
            sim.gpu.synchronise();
        }).hasMessageContaining("a freed allocation of 16 bytes a second time");
    }

    @Test
    void thereAreNoEmptyAllocations() {
        assertThatThrownBy(() -> sim.gpu.allocate(0)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("at least one byte, not 0");
    }

    @Test
    void memoryIsLimited() {
        long all = sim.gpu.properties().memoryBytes();
        assertThatThrownBy(() -> sim.gpu.allocate(all + 1)).isInstanceOf(OutOfDeviceMemoryException.class)
                .hasMessageContaining("no room for " + (all + 1));
        sim.gpu.allocate(1 << 20);
        assertThatThrownBy(() -> sim.gpu.allocate(all - (1 << 20) + 1)).isInstanceOf(OutOfDeviceMemoryException.class);
    }

    /** What is freed is still there until somebody waits; an allocation that finds no room does. */
    @Test
    void memoryThatIsFreedMakesRoom() {
        try (var gpu = new SimGpu(Simulation.EXACT, 1000)) {
            for (int i = 0; i < 3; i++) {
                gpu.free(gpu.allocate(600));
            }
            gpu.allocate(600);
            assertThatThrownBy(() -> gpu.allocate(600)).isInstanceOf(OutOfDeviceMemoryException.class);
        }
    }

    /** Like the copies that uploads wait as, it is memory of this machine. */
    @Test
    void memoryThatIsFreedDoesNotWaitForever() {
        long y = sim.upload(1);
        var word = new int[1];
        sim.gpu.download(MemorySegment.ofArray(word), y);
        sim.gpu.free(sim.gpu.allocate(257 << 20));
        assertThat(word).as("work before it is done").containsExactly(1);
    }

    @Test
    void unknownKernelsAreNamed() {
        assertThatThrownBy(() -> sim.gpu.load(NOTHING, "other")).hasMessageContaining("no kernel other");
    }
}
