package lorikeet.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import lorikeet.bench.StepProducts.Product;
import lorikeet.model.ModelShape;
import org.junit.jupiter.api.Test;

class StepProductsTest {
    private static final ModelShape SHAPE = ModelShape.gpt2(100, 64, 12, 2, 2);
    private static final Workload WORK = new Workload("none", 3, 5);

    /** 15 tokens, of which 12 predict another. */
    @Test
    void fullFineTuningHasThreeProductsForEachLayer() {
        var products = StepProducts.of(SHAPE, WORK, Methods.FULL);
        assertThat(products).containsEntry(new Product(15, 36, 12, 1), 2) // forward of c_attn
                .containsEntry(new Product(15, 12, 36, 1), 2) // its input's gradient: the embedding is trained too
                .containsEntry(new Product(12, 36, 15, 1), 2) // its weight's
                .containsEntry(new Product(12, 100, 12, 1), 1) // logits
                .containsEntry(new Product(100, 12, 12, 1), 1) // the output layer's weight
                .containsEntry(new Product(5, 5, 6, 6), 6) // scores of 3 sequences × 2 heads, three times a layer
                .containsEntry(new Product(5, 6, 5, 6), 8);
    }

    @Test
    void loraHasNoGradientsOfFrozenWeightsNorBelowTheLowestBranch() {
        var products = StepProducts.of(SHAPE, WORK, Methods.LORA_ATTENTION);
        assertThat(products).containsEntry(new Product(15, 36, 12, 1), 2)
                .containsEntry(new Product(15, 12, 36, 1), 1) // not in the lowest layer
                .doesNotContainKey(new Product(12, 36, 15, 1)).doesNotContainKey(new Product(100, 12, 12, 1));
    }

    @Test
    void workIsCounted() {
        assertThat(new Product(2, 3, 4, 5).flops()).isEqualTo(240);
        assertThat(StepProducts.flops(Map.of(new Product(2, 3, 4, 5), 2))).isEqualTo(480);
    }
}
