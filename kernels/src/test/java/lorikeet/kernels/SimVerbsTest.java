package lorikeet.kernels;

import lorikeet.kernels.cuda.CudaDevice;
import lorikeet.kernels.sim.SimGpu;
import lorikeet.kernels.sim.SimGpu.Schedule;
import org.junit.jupiter.api.Nested;

/** Every verb in CUDA's host code and kernels, on the GPU made of Java, under both schedules. */
class SimVerbsTest {

    private static Device device(Precision precision, Schedule schedule) {
        return new CudaDevice(new SimGpu(SimGpu.Options.DEFAULT.withSchedule(schedule)), precision);
    }

    @Nested
    class Elementwise extends ElementwiseVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision, Schedule.WARP_SERIAL);
        }
    }

    @Nested
    class ElementwiseInStep extends ElementwiseVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision, Schedule.LOCK_STEP);
        }
    }

    @Nested
    class Matrices extends MatrixVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision, Schedule.WARP_SERIAL);
        }
    }

    @Nested
    class MatricesInStep extends MatrixVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision, Schedule.LOCK_STEP);
        }
    }

    /** Where cuBLAS multiplies bf16, operands are rounded to it, which older GPUs get in fp32. */
    @Nested
    class MatricesOnAmpere extends MatrixVerbs {
        @Override
        protected Device open(Precision precision) {
            return new CudaDevice(new SimGpu(SimGpu.Options.DEFAULT.withCapability(80)), precision);
        }
    }

    @Nested
    class Layers extends LayerVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision, Schedule.WARP_SERIAL);
        }
    }

    @Nested
    class LayersInStep extends LayerVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision, Schedule.LOCK_STEP);
        }
    }

    @Nested
    class Attention extends AttentionVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision, Schedule.WARP_SERIAL);
        }
    }

    @Nested
    class AttentionInStep extends AttentionVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision, Schedule.LOCK_STEP);
        }
    }

    /** On tensor cores. */
    @Nested
    class AttentionInTf32 extends AttentionVerbs {
        @Override
        protected Device open(Precision precision) {
            return new CudaDevice(new SimGpu(SimGpu.Options.DEFAULT.withCapability(80)), Precision.FAST);
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
            return device(precision, Schedule.WARP_SERIAL);
        }
    }

    @Nested
    class LearningInStep extends LearningVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(precision, Schedule.LOCK_STEP);
        }
    }
}
