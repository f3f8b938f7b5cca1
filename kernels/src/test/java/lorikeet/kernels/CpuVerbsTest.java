package lorikeet.kernels;

import lorikeet.kernels.cpu.CpuDevices;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;

/** Every verb on the CPU, with oneDNN where this machine has it. */
@Tag("isa")
class CpuVerbsTest {

    private static Device device(Precision precision) {
        return Devices.open("cpu", precision, 2);
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

    /** The same without oneDNN: what a platform without its natives gets. */
    @Nested
    class MatricesInJava extends MatrixVerbs {
        @Override
        protected Device open(Precision precision) {
            return CpuDevices.withoutOneDnn(precision, 2);
        }
    }

    @Nested
    @EnabledIf("lorikeet.kernels.cpu.CpuDevices#hasOneDnn")
    class CompiledMatrices extends MatrixVerbs {
        @Override
        protected Device open(Precision precision) {
            return CpuDevices.withoutSgemm(precision, 2);
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

    @Nested
    class AttentionInJava extends AttentionVerbs {
        @Override
        protected Device open(Precision precision) {
            return CpuDevices.withoutOneDnn(precision, 2);
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
