package lorikeet.peft;

import java.util.Map;
import lorikeet.engine.Initialisation;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.RandomKey;
import lorikeet.model.Pass;

/**
 * What makes the vectors of virtual tokens: a table of them, or a network behind a table (a reparametrisation), which is
 * dropped once it is trained, since what it makes never changes again.
 */
public interface PromptEncoder {
    /** Where Hugging Face PEFT has the table. */
    String TABLE = "prompt_encoder.embedding.weight";

    /** [virtual tokens, numbers per virtual token]. */
    Tensor vectors(Pass pass);

    /** The trainable parameters, by the names that they have in Hugging Face PEFT. */
    Map<String, Tensor> parameters();

    /** A table of normal deviates, N(0, 1), as PyTorch starts embeddings. */
    static Tensor normalTable(Device device, int virtualTokens, int columns, long seed) {
        return Initialisation.normal(device, Shape.of(virtualTokens, columns), 1, RandomKey.named(seed, TABLE));
    }

    /** The vectors themselves are what is trained. */
    record Table(Tensor table) implements PromptEncoder {
        @Override
        public Tensor vectors(Pass pass) {
            return table;
        }

        @Override
        public Map<String, Tensor> parameters() {
            return Map.of(TABLE, table);
        }
    }
}
