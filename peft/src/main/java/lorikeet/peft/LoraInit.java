package lorikeet.peft;

import lorikeet.engine.Initialisation;
import lorikeet.engine.Shape;
import lorikeet.engine.Tensor;
import lorikeet.kernels.Device;
import lorikeet.kernels.RandomKey;

/** How LoRA's A and B start. */
public enum LoraInit {
    /** A uniform in ±1/√in and B zero, as Hugging Face PEFT and the authors' code have it. */
    DEFAULT,
    /** A normal with deviation 1/rank and B zero. */
    GAUSSIAN,
    /** {@link Pissa}: the principal part of W itself, which is taken out of W. */
    PISSA,
    /** A uniform in ±1/√in and B in ±1/√rank, so that the branch does something from the start: for trying things out. */
    RANDOM;

    /** First values of A, [rank, in]. */
    Tensor a(Device device, int rank, int in, RandomKey key) {
        var shape = Shape.of(rank, in);
        return switch (this) {
            case DEFAULT, RANDOM -> Initialisation.uniform(device, shape, 1 / Math.sqrt(in), key);
            case GAUSSIAN -> Initialisation.normal(device, shape, 1.0 / rank, key);
            case PISSA -> Initialisation.zeros(device, shape); // waits for W's principal part
        };
    }

    /** First values of B, [out, rank]. */
    Tensor b(Device device, int out, int rank, RandomKey key) {
        var shape = Shape.of(out, rank);
        return this == RANDOM
                ? Initialisation.uniform(device, shape, 1 / Math.sqrt(rank), key)
                : Initialisation.zeros(device, shape);
    }
}
