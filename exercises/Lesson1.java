// Lesson 1: docs/lessons/1-memory.md. Check what you write with: ./lorikeet check 1

final class Lesson1 {

    /**
     * How many numbers LoRA trains on a model of GPT-2's kind, if it stands beside all four linear layers of every block:
     * attn.c_attn (width to 3 · width), attn.c_proj (width to width), mlp.c_fc (width to 4 · width) and mlp.c_proj
     * (4 · width to width). Beside a layer from "in" to "out" stand A with rank × in and B with out × rank numbers.
     */
    static long loraParameters(int layers, int width, int rank) {
        throw new UnsupportedOperationException();
    }

    /** Bytes of all weights as 32-bit floats: those of the base, and those that the method adds. */
    static long weightBytes(long base, long added) {
        throw new UnsupportedOperationException();
    }

    /** Bytes of all gradients, if so many numbers are trained. */
    static long gradientBytes(long trainable) {
        throw new UnsupportedOperationException();
    }

    /** Bytes that Adam needs to remember, if so many numbers are trained. */
    static long optimizerBytes(long trainable) {
        throw new UnsupportedOperationException();
    }
}
