package lorikeet.kernels;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * A run of numbers in the memory of one device, or a view of a part of such a run. A buffer knows its device, the kind of
 * its numbers and how many there are; it has no shape.
 *
 * <p>Memory is counted: whoever allocates holds one reference, {@link #retain} adds one, {@link #release} takes one away,
 * and the last release hands the memory back to the device's pool. Memory of a scoped {@link Purpose} is released by the
 * {@link Memory.Scope} in which it was born, unless kept. Use after that throws.
 *
 * <p>Memory may be {@linkplain #freeze frozen}: then it is only read, and a device may keep copies of it in a form that suits
 * its products better. If the same numbers lie in a file too, {@linkplain #setOriginal its original}, the device may then give
 * the memory back and read the file where it still needs them.
 */
public final class Buffer {
    private final Block block;
    private final DType dtype;
    private final long offset;
    private final long size;

    Buffer(Block block, DType dtype, long offset, long size) {
        this.block = block;
        this.dtype = dtype;
        this.offset = offset;
        this.size = size;
    }

    /** One allocation, shared by all buffers that view a part of it. */
    static final class Block {
        final Device device;
        final Purpose purpose;
        long address;
        final long bytes;
        /** Bytes that it takes up: its size class. */
        final long reserved;
        int references = 1;
        boolean frozen;
        /** Where the same numbers lie, too, or null. */
        MemorySegment original;
        /** Whether {@link #address} is that of the original, and there is no memory of its own. */
        boolean resting;
        /** Copies of frozen memory by their form; most memory has none. */
        Map<Object, Buffer> copies = Map.of();

        Block(Device device, Purpose purpose, long address, long bytes, long reserved) {
            this.device = device;
            this.purpose = purpose;
            this.address = address;
            this.bytes = bytes;
            this.reserved = reserved;
        }
    }

    public Device device() {
        return block.device;
    }

    public DType dtype() {
        return dtype;
    }

    public Purpose purpose() {
        return block.purpose;
    }

    /** Elements of its allocation in front of its first one. */
    public long offset() {
        return offset;
    }

    /** Number of elements. */
    public long size() {
        return size;
    }

    /** Size in bytes. */
    public long bytes() {
        return size * dtype.bytes();
    }

    /**
     * Address of the first element in the device's own address space.
     *
     * @throws IllegalStateException if the memory has been released
     */
    public long address() {
        if (block.references == 0) {
            throw new IllegalStateException("use after free: a buffer of " + size + " " + dtype + " for "
                    + block.purpose + " was released; keep it in its scope or retain it");
        }
        return block.address + offset * dtype.bytes();
    }

    /** A view of {@code count} elements from element {@code from}; it shares this buffer's references. */
    public Buffer slice(long from, long count) {
        if (from < 0 || count < 0 || from > size - count) {
            throw new IndexOutOfBoundsException("slice [" + from + ", " + (from + count) + ") of a buffer of " + size);
        }
        return new Buffer(block, dtype, offset + from, count);
    }

    /** A view of the same bytes, all of them, as numbers of another kind. */
    public Buffer as(DType other) {
        return new Buffer(block, other, offset * dtype.bytes() / other.bytes(), bytes() / other.bytes());
    }

    /** Adds a reference and returns this buffer. */
    public Buffer retain() {
        address();
        block.references++;
        return this;
    }

    /** Takes a reference away; the last one frees the memory. */
    public void release() {
        address();
        if (--block.references == 0) {
            releaseCopies();
            if (!block.resting) {
                block.device.memory().free(block);
            }
        }
    }

    /** Whether the memory is still there. */
    public boolean isAlive() {
        return block.references > 0;
    }

    /** Promises that the memory behind this buffer will not be written to before {@link #thaw}. */
    public void freeze() {
        block.frozen = true;
    }

    /**
     * Takes the promise back; copies of the memory are released, and it has no original any more.
     *
     * @throws OutOfDeviceMemoryException if it rests and there is no room for it: then it stays frozen and goes on resting
     */
    public void thaw() {
        releaseCopies();
        boolean rested = block.resting;
        if (rested) {
            block.device.memory().takeAgain(block);
            block.resting = false;
        }
        block.frozen = false;
        if (rested) {
            block.device.upload(new Buffer(block, dtype, 0, block.bytes / dtype.bytes()), block.original);
        }
        block.original = null;
    }

    private void releaseCopies() {
        if (!block.copies.isEmpty()) {
            block.copies.values().forEach(Buffer::release);
            block.copies = Map.of();
        }
    }

    /**
     * Says where the bytes of this whole allocation lie too, such as in a mapped file: readable there as long as this buffer
     * lives. The first write to the buffer makes an end of it.
     */
    public void setOriginal(MemorySegment original) {
        block.original = original;
    }

    /** What is written to has no original any more. */
    void forgetOriginal() {
        block.original = null;
    }

    /** Gives the memory of this frozen buffer back if there is an original to be read instead, until {@link #thaw}. */
    public void rest() {
        if (block.frozen && block.original != null && !block.resting) {
            block.resting = true;
            block.device.memory().giveBack(block);
            block.address = block.original.address();
        }
    }

    public boolean frozen() {
        return block.frozen;
    }

    /**
     * A copy of this frozen memory for a device's own use, which lives until {@link #thaw} or the last {@link #release}.
     *
     * @param form says what it is a copy of and how it is made; equal forms share one copy
     * @param make makes it at the first call
     */
    public Buffer copy(Object form, Supplier<Buffer> make) {
        if (!block.frozen) {
            throw new IllegalStateException("only frozen memory has copies: " + this);
        }
        var known = block.copies.get(form);
        if (known == null) {
            known = make.get();
            if (block.copies.isEmpty()) {
                block.copies = new HashMap<>();
            }
            block.copies.put(form, known);
        }
        return known;
    }

    /** Whether somebody else holds the same memory too, so that writing to it would change what they see. */
    public boolean shared() {
        return block.references > 1;
    }

    /** Whether both are views of one allocation. */
    public boolean sameMemory(Buffer other) {
        return block == other.block;
    }

    Block block() {
        return block;
    }

    @Override
    public String toString() {
        return dtype + "[" + size + "] on " + block.device.name() + " for " + block.purpose;
    }
}
