package lorikeet.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
    private final Map<Long, FreeBlocks> pool = new HashMap<>();
    private long pooledBytes;
    private Scope innermost;
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
        innermost.born.add(buffer);
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
        var siblings = pool.computeIfAbsent(reserved, FreeBlocks::new);
        var block = new Buffer.Block(device, purpose, take(siblings), bytes, siblings);
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

    private long take(FreeBlocks siblings) {
        if (siblings.count > 0) {
            pooledBytes -= siblings.bytes;
            return siblings.pop();
        }
        try {
            return device.allocateRaw(siblings.bytes);
        } catch (OutOfDeviceMemoryException outOfMemory) {
            trim();
            return takeOrSayWhatIsInUse(siblings.bytes);
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
            ledger.book(block.purpose, -block.bytes, -block.siblings.bytes);
            block.siblings.push(block.address);
            pooledBytes += block.siblings.bytes;
        } else {
            giveBack(block);
        }
    }

    /** Frees a block past the pool: it will not be wanted again soon. */
    void giveBack(Buffer.Block block) {
        ledger.book(block.purpose, -block.bytes, -block.siblings.bytes);
        device.freeRaw(block.address, block.siblings.bytes);
    }

    /** Memory for a block that has been given back. */
    void takeAgain(Buffer.Block block) {
        block.address = take(block.siblings);
        ledger.book(block.purpose, block.bytes, block.siblings.bytes);
    }

    /** Bytes of freed blocks that wait in the pool for their next use. */
    public long pooledBytes() {
        return pooledBytes;
    }

    /** Gives the pool's freed blocks back to the system. */
    public void trim() {
        for (var blocks : pool.values()) {
            while (blocks.count > 0) {
                device.freeRaw(blocks.pop(), blocks.bytes);
            }
        }
        pooledBytes = 0;
    }

    /** The freed blocks of one size class: a stack of addresses that makes no objects. */
    static final class FreeBlocks {
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

    /** Opens a scope inside the innermost open one. Close it in the same thread, innermost first. */
    public Scope scope() {
        innermost = new Scope(innermost);
        return innermost;
    }

    /** Runs {@code cleanup} when the outermost open scope closes; without an open scope, never. */
    public void atEndOfStep(Runnable cleanup) {
        if (innermost != null) {
            var outermost = innermost;
            while (outermost.parent != null) {
                outermost = outermost.parent;
            }
            outermost.cleanups.add(cleanup);
        }
    }

    /** Releases at {@link #close} the memory that was born since it was opened and not kept. */
    public final class Scope implements AutoCloseable {
        private final Scope parent;
        private final List<Buffer> born = new ArrayList<>();
        private final List<Runnable> cleanups = new ArrayList<>();

        private Scope(Scope parent) {
            this.parent = parent;
        }

        /** Moves {@code buffer}, born in this scope, to the scope around; without one it belongs to the caller. */
        public Buffer keep(Buffer buffer) {
            for (int i = born.size() - 1; i >= 0; i--) {
                if (born.get(i).sameMemory(buffer)) {
                    var kept = born.remove(i);
                    if (parent != null) {
                        parent.born.add(kept);
                    }
                    return buffer;
                }
            }
            return buffer;
        }

        @Override
        public void close() {
            if (innermost != this) {
                throw new IllegalStateException("a memory scope was closed before a scope inside it");
            }
            innermost = parent;
            cleanups.forEach(Runnable::run);
            born.forEach(Buffer::release);
        }
    }
}
