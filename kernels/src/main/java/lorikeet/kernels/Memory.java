package lorikeet.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.Supplier;

/**
 * The memory of one device: a pool of freed blocks by size class, the {@link Ledger}, and nested scopes.
 *
 * <pre>{@code
 * try (var scope = device.memory().scope()) {
 *     …                       // activations and workspace allocated here
 *     scope.keep(result);     // … except this one, which moves to the scope around
 * }                           // … are released here
 * }</pre>
 *
 * A device and its memory are used by one thread at a time.
 */
public final class Memory {
    /** Size classes are multiples of this, and addresses are aligned to it: one cache line, one AVX-512 register. */
    public static final int ALIGNMENT = 64;

    private final Device device;
    private final Ledger ledger = new Ledger();
    /** By {@link #place}, null where none has been freed. */
    private final FreeBlocks[] pool = new FreeBlocks[Long.SIZE * 8];
    private long pooledBytes;
    private Scope innermost;
    /** What the open scopes release when they close: those of the innermost are the last. */
    private final List<Buffer> born = new ArrayList<>();
    private final List<Runnable> endOfStep = new ArrayList<>();
    /** What the innermost {@link #allOrNothing} has allocated so far; null outside. */
    private List<Buffer> unfinished;

    Memory(Device device) {
        this.device = device;
    }

    public Ledger ledger() {
        return ledger;
    }

    /**
     * Allocates {@code size} elements with undefined content. Scoped purposes belong to the innermost open scope, if any;
     * all else to the caller.
     */
    public Buffer allocate(DType dtype, long size, Purpose purpose) {
        if (!purpose.scoped() || innermost == null) {
            return allocateOwned(dtype, size, purpose);
        }
        var buffer = book(dtype, size, purpose);
        born.add(buffer);
        return buffer;
    }

    /** Like {@link #allocate}, but whatever its purpose the buffer belongs to the caller, who must release it. */
    public Buffer allocateOwned(DType dtype, long size, Purpose purpose) {
        var buffer = book(dtype, size, purpose);
        if (unfinished != null) {
            unfinished.add(buffer);
        }
        return buffer;
    }

    private Buffer book(DType dtype, long size, Purpose purpose) {
        long bytes = Math.multiplyExact(size, dtype.bytes());
        long reserved = device.poolsMemory() ? sizeClass(bytes) : Math.max(ALIGNMENT, bytes);
        var block = new Buffer.Block(device, purpose, take(reserved), bytes, reserved);
        ledger.book(purpose, bytes, reserved);
        return new Buffer(block, dtype, 0, size);
    }

    /** Does work that allocates for good; if it fails, whatever it has allocated until then is released. */
    public <T> T allOrNothing(Supplier<T> work) {
        var around = unfinished;
        var mine = new ArrayList<Buffer>();
        unfinished = mine;
        try {
            var result = work.get();
            if (around != null) {
                around.addAll(mine);
            }
            return result;
        } catch (RuntimeException | Error e) {
            mine.stream().filter(Buffer::isAlive).forEach(Buffer::release);
            throw e;
        } finally {
            unfinished = around;
        }
    }

    private long take(long reserved) {
        var waiting = pool[place(reserved)];
        if (waiting != null && waiting.count > 0) {
            pooledBytes -= reserved;
            return waiting.pop();
        }
        try {
            return device.allocateRaw(reserved);
        } catch (OutOfDeviceMemoryException outOfMemory) {
            trim();
            return takeOrSayWhatIsInUse(reserved);
        }
    }

    private long takeOrSayWhatIsInUse(long reserved) {
        try {
            return device.allocateRaw(reserved);
        } catch (OutOfDeviceMemoryException e) {
            throw new OutOfDeviceMemoryException(e.getMessage() + "; in use: " + ledger);
        }
    }

    void free(Buffer.Block block) {
        if (device.poolsMemory()) {
            ledger.book(block.purpose, -block.bytes, -block.reserved);
            int place = place(block.reserved);
            if (pool[place] == null) {
                pool[place] = new FreeBlocks(block.reserved);
            }
            pool[place].push(block.address);
            pooledBytes += block.reserved;
        } else {
            giveBack(block);
        }
    }

    /** Frees a block past the pool: it will not be wanted again soon. */
    void giveBack(Buffer.Block block) {
        ledger.book(block.purpose, -block.bytes, -block.reserved);
        device.freeRaw(block.address, block.reserved);
    }

    /** Memory for a block that has been given back. */
    void takeAgain(Buffer.Block block) {
        block.address = take(block.reserved);
        ledger.book(block.purpose, block.bytes, block.reserved);
    }

    /** Bytes of freed blocks that wait in the pool for their next use. */
    public long pooledBytes() {
        return pooledBytes;
    }

    /** Gives the pool's freed blocks back to the system. */
    public void trim() {
        for (var blocks : pool) {
            while (blocks != null && blocks.count > 0) {
                device.freeRaw(blocks.pop(), blocks.bytes);
            }
        }
        pooledBytes = 0;
    }

    /** The freed blocks of one size class: a stack of addresses that makes no objects. */
    private static final class FreeBlocks {
        /** Of each block. */
        final long bytes;
        private long[] addresses = new long[8];
        private int count;

        FreeBlocks(long bytes) {
            this.bytes = bytes;
        }

        private void push(long address) {
            if (count == addresses.length) {
                addresses = Arrays.copyOf(addresses, 2 * count);
            }
            addresses[count++] = address;
        }

        private long pop() {
            return addresses[--count];
        }
    }

    /**
     * Rounds up so that buffers of nearly equal size can take each other's place: at most an eighth is lost above 512
     * bytes.
     */
    static long sizeClass(long bytes) {
        long least = Math.max(ALIGNMENT, bytes);
        long step = Math.max(ALIGNMENT, Long.highestOneBit(least - 1) >>> 3);
        return Math.ceilDiv(least, step) * step;
    }

    /** The number of a size class: that of the highest bit of {@code reserved} − 1, and the three bits behind it. */
    private static int place(long reserved) {
        int highest = Long.SIZE - 1 - Long.numberOfLeadingZeros(reserved - 1);
        return highest * 8 + (int) (reserved - 1 >>> highest - 3 & 7);
    }

    /** Opens a scope inside the innermost open one. Close it in the same thread, innermost first. */
    public Scope scope() {
        innermost = new Scope(innermost);
        return innermost;
    }

    /** Runs {@code cleanup} when the outermost open scope closes; without an open scope, never. */
    public void atEndOfStep(Runnable cleanup) {
        if (innermost != null) {
            endOfStep.add(cleanup);
        }
    }

    /** Releases at {@link #close} the memory that was born since it was opened and not kept. */
    public final class Scope implements AutoCloseable {
        private final Scope parent;
        /** Where in {@link #born} its own buffers begin. */
        private int from = born.size();

        private Scope(Scope parent) {
            this.parent = parent;
        }

        /** Moves {@code buffer}, born in this scope, to the scope around; without one it belongs to the caller. */
        public Buffer keep(Buffer buffer) {
            requireInnermost();
            for (int i = born.size() - 1; i >= from; i--) {
                if (born.get(i).sameMemory(buffer)) {
                    if (parent == null) {
                        born.remove(i);
                    } else {
                        Collections.swap(born, i, from++);
                    }
                    break;
                }
            }
            return buffer;
        }

        @Override
        public void close() {
            requireInnermost();
            innermost = parent;
            while (parent == null && !endOfStep.isEmpty()) {
                endOfStep.removeLast().run();
            }
            while (born.size() > from) {
                born.removeLast().release();
            }
        }

        private void requireInnermost() {
            if (innermost != this) {
                throw new IllegalStateException(
                        "a memory scope was used or closed before a scope inside it was closed");
            }
        }
    }
}
