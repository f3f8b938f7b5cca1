package lorikeet.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Buffers, scopes, pool and ledger. */
class MemoryTest {
    private Device device;
    private Memory memory;
    private Ledger ledger;

    @BeforeEach
    void open() {
        device = Devices.open("cpu", Precision.STRICT, 1);
        memory = device.memory();
        ledger = memory.ledger();
    }

    @AfterEach
    void close() {
        device.close();
    }

    private Buffer activation(long size) {
        return memory.allocate(DType.F32, size, Purpose.ACTIVATIONS);
    }

    @Test
    void aScopeReleasesWhatWasBornInIt() {
        Buffer inner, outer, kept;
        try (var _ = memory.scope()) {
            outer = activation(10);
            try (var scope = memory.scope()) {
                inner = activation(20);
                kept = scope.keep(activation(30));
            }
            assertThat(ledger.current()).isEqualTo(4 * (10 + 30));
            assertThatIllegalStateException().isThrownBy(inner::address).withMessageContaining("use after free");
            kept.address();
            outer.address();
        }
        assertThatIllegalStateException().isThrownBy(kept::address);
        assertThatIllegalStateException().isThrownBy(outer::address);
        assertThat(ledger.current()).isZero();
    }

    @Test
    void aTimelineHoldsEveryMomentOfEachPhase() {
        var weights = memory.allocate(DType.F32, 100, Purpose.WEIGHTS);
        ledger.startTimeline();
        try (var _ = memory.scope()) {
            activation(10); // before the first phase
            ledger.enter("forward");
            activation(20);
            ledger.enter("backward");
        }
        var moments = ledger.endTimeline();
        weights.release();
        assertThat(moments).extracting(Ledger.Moment::phase).containsExactly("forward", "backward", "backward");
        assertThat(moments).extracting(moment -> moment.bytes().get(Purpose.ACTIVATIONS)).startsWith(120L).endsWith(0L);
        assertThat(moments).extracting(Ledger.Moment::total).startsWith(520L).endsWith(400L);
    }

    @Test
    void copiesOfFrozenMemoryGoWhenItThawsOrGoes() {
        var weights = memory.allocate(DType.F32, 100, Purpose.WEIGHTS);
        assertThatIllegalStateException().isThrownBy(() -> copyOf(weights));
        weights.freeze();
        assertThat(copyOf(weights)).isSameAs(copyOf(weights));
        assertThat(ledger.current(Purpose.WEIGHTS)).isEqualTo(400 + 200);
        weights.thaw();
        assertThat(ledger.current(Purpose.WEIGHTS)).isEqualTo(400);
        weights.freeze();
        copyOf(weights);
        weights.release();
        assertThat(ledger.current(Purpose.WEIGHTS)).isZero();
    }

    /** Without memory of its own it reads the original; what is written to has no original any more. */
    @Test
    void frozenMemoryRestsWhereThereIsAnOriginal() {
        float[] numbers = {1, 2, 3};
        try (var arena = Arena.ofConfined()) {
            var original = arena.allocateFrom(ValueLayout.JAVA_FLOAT, numbers);
            var weights = memory.allocate(DType.F32, 3, Purpose.WEIGHTS);
            device.upload(weights, numbers);
            weights.freeze();
            weights.rest();
            assertThat(ledger.current(Purpose.WEIGHTS)).as("without an original").isEqualTo(12);
            weights.setOriginal(original);
            weights.rest();
            assertThat(ledger.current(Purpose.WEIGHTS)).isZero();
            assertThat(weights.address()).isEqualTo(original.address());
            assertThat(device.downloadFloats(weights)).containsExactly(numbers);
            weights.thaw();
            assertThat(ledger.current(Purpose.WEIGHTS)).isEqualTo(12);
            assertThat(device.downloadFloats(weights)).containsExactly(numbers);
            device.upload(weights, new float[3]);
            assertThat(original.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(numbers);
            weights.setOriginal(original);
            device.upload(weights, new float[3]);
            weights.freeze();
            weights.rest();
            assertThat(device.downloadFloats(weights)).containsExactly(0, 0, 0);
            weights.release();
            assertThat(ledger.current()).isZero();
        }
    }

    @Test
    void restingMemoryIsReleasedLikeAnyOther() {
        try (var arena = Arena.ofConfined()) {
            var weights = memory.allocate(DType.F32, 3, Purpose.WEIGHTS);
            weights.setOriginal(arena.allocate(12, 4));
            weights.freeze();
            weights.rest();
            weights.release();
            assertThat(ledger.current()).isZero();
            assertThat(weights.isAlive()).isFalse();
        }
    }

    /** It goes on resting: its address must never get into the pool, since it is that of the original. */
    @Test
    void restingMemoryThatFindsNoRoomGoesOnResting() {
        try (var arena = Arena.ofConfined()) {
            long tooMuch = 1L << 60;
            var original = arena.allocate(64, 64);
            var block = new Buffer.Block(device, Purpose.WEIGHTS, original.address(), tooMuch, tooMuch);
            block.original = original;
            block.frozen = true;
            block.resting = true;
            var weights = new Buffer(block, DType.F32, 0, tooMuch / 4);
            assertThatThrownBy(weights::thaw).isInstanceOf(OutOfDeviceMemoryException.class);
            assertThat(weights.frozen()).isTrue();
            assertThat(weights.address()).isEqualTo(original.address());
            weights.release();
            assertThat(memory.pooledBytes()).isZero();
            assertThat(ledger.current()).isZero();
        }
    }

    /** Such as in a test that failed, or where an error ended the work. */
    @Test
    void buffersMayBeReleasedAfterTheirDeviceWasClosed() {
        var pooled = memory.allocate(DType.F32, 100, Purpose.WEIGHTS);
        var weights = memory.allocate(DType.F32, 3, Purpose.WEIGHTS);
        weights.setOriginal(MemorySegment.ofArray(new float[3]));
        weights.freeze();
        device.close();
        pooled.release();
        memory.trim();
        assertThat(memory.pooledBytes()).isZero();
        weights.rest();
        assertThat(ledger.current()).isZero();
    }

    private Buffer copyOf(Buffer weights) {
        return weights.copy("bf16", () -> memory.allocateOwned(DType.BF16, weights.size(), Purpose.WEIGHTS));
    }

    @Test
    void weightsOutliveScopes() {
        Buffer weights;
        try (var _ = memory.scope()) {
            weights = memory.allocate(DType.BF16, 100, Purpose.WEIGHTS);
        }
        assertThat(ledger.current(Purpose.WEIGHTS)).isEqualTo(200);
        weights.release();
        assertThat(ledger.current(Purpose.WEIGHTS)).isZero();
        assertThatIllegalStateException().isThrownBy(weights::release);
    }

    @Test
    void ownedMemoryOutlivesScopes() {
        Buffer owned;
        try (var _ = memory.scope()) {
            owned = memory.allocateOwned(DType.F32, 5, Purpose.WORKSPACE);
        }
        assertThat(ledger.current(Purpose.WORKSPACE)).isEqualTo(20);
        owned.release();
        assertThat(ledger.current()).isZero();
    }

    @Test
    void keptInTheOutermostScopeBelongsToTheCaller() {
        Buffer kept;
        try (var scope = memory.scope()) {
            kept = scope.keep(activation(3));
        }
        kept.address();
        kept.release();
        assertThat(ledger.current()).isZero();
    }

    @Test
    void slicesShareReferences() {
        var whole = memory.allocate(DType.F32, 100, Purpose.WEIGHTS);
        var part = whole.slice(10, 20);
        assertThat(part.size()).isEqualTo(20);
        assertThat(part.address()).isEqualTo(whole.address() + 40);
        assertThat(part.slice(5, 1).address()).isEqualTo(whole.address() + 60);
        assertThat(part.sameMemory(whole)).isTrue();
        assertThat(whole.shared()).isFalse();
        part.retain();
        assertThat(whole.shared()).isTrue();
        whole.release();
        part.address();
        part.release();
        assertThatIllegalStateException().isThrownBy(part::address);
        assertThatThrownBy(() -> whole.slice(90, 11)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> whole.slice(-1, 2)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void scopesCloseInnermostFirst() {
        var outer = memory.scope();
        var inner = memory.scope();
        var buffer = activation(10);
        assertThatIllegalStateException().isThrownBy(outer::close);
        assertThatIllegalStateException().isThrownBy(() -> outer.keep(buffer));
        inner.close();
        assertThat(buffer.isAlive()).isFalse();
        outer.close();
    }

    @Test
    void cleanupsRunWhenTheOutermostScopeCloses() {
        var runs = new int[1];
        try (var _ = memory.scope()) {
            try (var _ = memory.scope()) {
                memory.atEndOfStep(() -> runs[0]++);
            }
            assertThat(runs[0]).isZero();
        }
        assertThat(runs[0]).isEqualTo(1);
        try (var _ = memory.scope()) {
            assertThat(runs[0]).isEqualTo(1);
        }
        assertThat(runs[0]).isEqualTo(1);
    }

    @Test
    void freedMemoryIsUsedAgain() {
        var first = memory.allocate(DType.F32, 1000, Purpose.WEIGHTS);
        long address = first.address();
        first.release();
        assertThat(memory.pooledBytes()).isEqualTo(Memory.sizeClass(4000));
        var second = memory.allocate(DType.F32, 1001, Purpose.GRADIENTS);
        assertThat(second.address()).isEqualTo(address);
        assertThat(memory.pooledBytes()).isZero();
        second.release();
        memory.trim();
        assertThat(memory.pooledBytes()).isZero();
    }

    @Test
    void sizeClasses() {
        assertThat(Memory.sizeClass(0)).isEqualTo(64);
        assertThat(Memory.sizeClass(64)).isEqualTo(64);
        assertThat(Memory.sizeClass(65)).isEqualTo(128);
        for (long bytes = 1; bytes < 10_000_000_000_000L; bytes = bytes * 5 / 4 + 1) {
            long reserved = Memory.sizeClass(bytes);
            assertThat(reserved % Memory.ALIGNMENT).isZero();
            assertThat(reserved).isGreaterThanOrEqualTo(bytes)
                    .isLessThanOrEqualTo(Math.max(bytes + 63, bytes * 9 / 8 + 1));
            assertThat(Memory.sizeClass(reserved)).isEqualTo(reserved);
            assertThat(Memory.sizeClass(reserved + 1)).isGreaterThan(reserved);
        }
    }

    @Test
    void addressesAreAligned() {
        for (int size = 0; size < 200; size += 7) {
            assertThat(memory.allocate(DType.F32, size, Purpose.WEIGHTS).address() % Memory.ALIGNMENT).isZero();
        }
    }

    @Test
    void theLedgerKnowsPurposesAndPeaks() {
        var weights = memory.allocate(DType.F32, 1000, Purpose.WEIGHTS);
        try (var _ = memory.scope()) {
            activation(500);
            activation(500);
        }
        try (var _ = memory.scope()) {
            activation(100);
            memory.allocate(DType.F32, 50, Purpose.WORKSPACE);
            assertThat(ledger.current(Purpose.ACTIVATIONS)).isEqualTo(400);
            assertThat(ledger.current()).isEqualTo(4000 + 400 + 200);
            assertThat(ledger.peak()).isEqualTo(8000);
            assertThat(ledger.peak(Purpose.ACTIVATIONS)).isEqualTo(4000);
            assertThat(ledger.peak(Purpose.WORKSPACE)).isEqualTo(200);
            assertThat(ledger.atPeak()).containsEntry(Purpose.WEIGHTS, 4000L).containsEntry(Purpose.ACTIVATIONS, 4000L)
                    .containsEntry(Purpose.WORKSPACE, 0L).containsEntry(Purpose.GRADIENTS, 0L);
            assertThat(ledger.reserved()).isGreaterThanOrEqualTo(ledger.current());
            assertThat(ledger.peakReserved()).isGreaterThanOrEqualTo(ledger.peak());
            ledger.resetPeaks();
            assertThat(ledger.peak()).isEqualTo(ledger.current());
            assertThat(ledger.peak(Purpose.ACTIVATIONS)).isEqualTo(400);
            assertThat(ledger.peakReserved()).isEqualTo(ledger.reserved());
        }
        weights.release();
        assertThat(ledger.current()).isZero();
        assertThat(ledger.reserved()).isZero();
    }

    /** Lines of a log read the same everywhere. */
    @Test
    void theLedgerWritesPointsWhateverTheLanguage() {
        var usual = Locale.getDefault();
        Locale.setDefault(Locale.GERMANY);
        try {
            assertThat(ledger.toString()).startsWith("weights 0.0 MB, ");
        } finally {
            Locale.setDefault(usual);
        }
    }

    @Test
    void impossibleSizes() {
        assertThatThrownBy(() -> memory.allocate(DType.F32, 1L << 58, Purpose.WEIGHTS))
                .isInstanceOf(OutOfDeviceMemoryException.class)
                .hasMessageContaining(
                        "; in use: weights 0.0 MB, gradients 0.0 MB, optimizer 0.0 MB, activations 0.0 MB");
        assertThat(ledger.current()).isZero();
        var x = memory.allocate(DType.F32, 11, Purpose.WEIGHTS);
        assertThatIllegalArgumentException().isThrownBy(() -> Matrix.of(x, 3, 4));
        assertThatIllegalArgumentException().isThrownBy(() -> new Matrix(x, 2, 5, 4, false, 1, 0));
    }

    /** More numbers than an int counts: reached through views, touching no more than the pages in question. */
    @Test
    void buffersBeyondTwoToTheThirtyOne() {
        int rows = 42_949_700, columns = 50;
        long size = (long) rows * columns;
        assertThat(size).isGreaterThan(1L << 31);
        var huge = memory.allocate(DType.BF16, size, Purpose.WEIGHTS);
        var values = memory.allocate(DType.F32, columns, Purpose.WEIGHTS);
        device.fill(values, 1.5f);
        device.copy(huge.slice(size - columns, columns), values);
        device.fill(values, 0);
        var lastRow = memory.allocate(DType.I32, 1, Purpose.WEIGHTS);
        device.upload(lastRow, new int[] {rows - 1});
        device.gather(Matrix.of(values, 1, columns), Matrix.of(huge, rows, columns), lastRow);
        assertThat(device.downloadFloats(values)).containsOnly(1.5f);
        huge.release();
    }
}
