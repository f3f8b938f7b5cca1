package lorikeet.kernels;

import lorikeet.kernels.cuda.CudaDevice;
import lorikeet.kernels.sim.SimGpu;
import lorikeet.kernels.sim.SimGpu.Schedule;
import org.junit.jupiter.api.Nested;

/** Every verb of the CUDA device on the simulated GPU, with the warps of a block in step and one after the other. */
class SimVerbsTest {

    private static Device device(Schedule schedule, Precision precision) {
        return new CudaDevice(new SimGpu(SimGpu.Options.DEFAULT.withSchedule(schedule)), precision);
    }

    @Nested
    class ElementwiseInStep extends ElementwiseVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(Schedule.LOCK_STEP, precision);
        }
    }

    @Nested
    class ElementwiseSerial extends ElementwiseVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(Schedule.WARP_SERIAL, precision);
        }
    }

    @Nested
    class MatricesInStep extends MatrixVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(Schedule.LOCK_STEP, precision);
        }
    }

    @Nested
    class MatricesSerial extends MatrixVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(Schedule.WARP_SERIAL, precision);
        }
    }

    @Nested
    class LayersInStep extends LayerVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(Schedule.LOCK_STEP, precision);
        }
    }

    @Nested
    class LayersSerial extends LayerVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(Schedule.WARP_SERIAL, precision);
        }
    }

    @Nested
    class AttentionInStep extends AttentionVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(Schedule.LOCK_STEP, precision);
        }
    }

    @Nested
    class AttentionSerial extends AttentionVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(Schedule.WARP_SERIAL, precision);
        }
    }

    @Nested
    class LearningInStep extends LearningVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(Schedule.LOCK_STEP, precision);
        }
    }

    @Nested
    class LearningSerial extends LearningVerbs {
        @Override
        protected Device open(Precision precision) {
            return device(Schedule.WARP_SERIAL, precision);
        }
    }
}
