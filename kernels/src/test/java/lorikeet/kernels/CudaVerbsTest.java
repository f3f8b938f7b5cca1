package lorikeet.kernels;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.condition.EnabledIf;

/** Every verb on a real GPU, where there is one. */
@EnabledIf(value = "thereIsOne", disabledReason = "this machine has no GPU that can be used")
class CudaVerbsTest {

    private static Device device(Precision precision) {
        return Devices.open("cuda", precision, 0);
    }

    static boolean thereIsOne() {
        try (var _ = device(Precision.STRICT)) {
            return true;
        } catch (DeviceUnavailableException _) {
            return false;
        }
    }

    @Nested
    class Elementwise extends ElementwiseVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision);
        }
    }

    @Nested
    class Matrices extends MatrixVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision);
        }
    }

    @Nested
    class Layers extends LayerVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision);
        }
    }

    @Nested
    class Attention extends AttentionVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision);
        }
    }

    /** On tensor cores, where the GPU has them for TF32. */
    @Nested
    class AttentionInTf32 extends AttentionVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(Precision.FAST);
        }

        @Override
        double tolerance() {
            return TF32_TOLERANCE;
        }
    }

    @Nested
    class Learning extends LearningVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision);
        }
    }
}
