package lorikeet.peft;

import java.util.List;
import java.util.Set;
import lorikeet.kernels.Unary;
import lorikeet.model.ModelShape;
import lorikeet.model.Presets;

/**
 * The sizes in the table of LoRA's paper on GPT-3 (Hu et al. 2021, table 4), counted again. d = 12,288 is GPT-3's width, L = 96
 * its number of layers.
 */
public final class Gpt3Table {
    private static final ModelShape GPT3 = Presets.of("gpt3-175b").shape();
    /** The paper rounds some figures and cuts off others after the first decimal. */
    private static final double TOLERANCE = 0.1;

    private Gpt3Table() {}

    /**
     * A row of the table.
     *
     * @param name     as printed
     * @param millions of trainable parameters, as printed
     * @param formula  what is counted
     * @param options  with which
     * @param count    what it comes to
     * @param remark   where that is not what is printed: what is known about it
     */
    public record Row(String name, double millions, String formula, String options, long count, String remark) {

        /** Whether the count is what is printed, but for its last digit. */
        public boolean agrees() {
            return Math.abs(count / 1e6 - millions) < TOLERANCE;
        }
    }

    /** In the order of the paper. */
    public static List<Row> rows() {
        return List.of(
                row("FT", 175_255.8, "L (12 d² + 13 d) + 50,257 d + 2,048 d + 2 d", "full", new Selection.Full(),
                        "no published formula gives it; with an output matrix of its own, not tied, 175,221.8M"),
                row("BitFit", 14.2, "11 L d + d", "all biases of a GPT-2 block", new Selection.BitFit(),
                        "no published formula gives it; 12 L d would"),
                row("PreEmbed", 3.2, "d (l_p + l_i)", "l_p = 256, l_i = 8",
                        new PromptTuning(256 + 8, new PromptTuning.Init.Normal()), ""),
                // a prefix token has a key and a value, the paper's layer token one vector for both
                row("PreLayer", 20.2, "L d (l_p + l_i)", "l_p = 8, l_i = 8",
                        new PrefixTuning((8 + 8) / 2, false, 0, null), "no published formula gives it"),
                row("Adapter^H", 7.1, "2 L (2 d r + r + d)", "r = 1", houlsby(1), ""),
                row("Adapter^H", 40.1, "2 L (2 d r + r + d)", "r = 8", houlsby(8), ""),
                row("LoRA", 4.7, "2 · 2 L d r", "r_q = r_v = 1, or r_v = 2", lora(1), ""),
                row("LoRA", 37.7, "2 · 2 L d r", "r_q = r_v = 8, or r_q = r_k = r_v = r_o = 4", lora(8), ""));
    }

    private static Row row(String name, double millions, String formula, String options, Method method, String remark) {
        return new Row(name, millions, formula, options, method.trainable(GPT3), remark);
    }

    private static Method houlsby(int bottleneck) {
        return new SeriesAdapter(bottleneck, Unary.GELU_TANH, 1, Set.of(Bottleneck.Place.values()), true,
                Bottleneck.Init.NEAR_IDENTITY);
    }

    private static Method lora(int rank) {
        return new Lora(rank, rank, Targets.of("c_attn.q", "c_attn.v"));
    }
}
