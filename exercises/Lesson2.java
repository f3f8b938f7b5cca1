// Lesson 2: docs/lessons/2-last-layers.md. Check what you write with: ./lorikeet check 2

final class Lesson2 {

    /**
     * Whether a parameter is trained, if only the last layers are, with the layer norm behind them.
     *
     * @param name   wte.weight and wpe.weight (the embeddings), h.0.attn.c_attn.weight, h.0.ln_1.bias and so on (block 0),
     *               h.1.… (block 1) up to the last block, ln_f.weight and ln_f.bias (the layer norm behind the last block)
     * @param layers how many blocks there are
     * @param last   how many of them are trained
     */
    static boolean trains(String name, int layers, int last) {
        throw new UnsupportedOperationException();
    }

    /**
     * How many numbers that trains. A block has four linear layers, each with a matrix and a bias for each output
     * (c_attn from width to 3 · width, c_proj from width to width, c_fc from width to 4 · width, c_proj back), and two layer
     * norms, each with a scale and a shift for each of width numbers. The layer norm behind the last block is one more.
     */
    static long trained(int width, int last) {
        throw new UnsupportedOperationException();
    }
}
