package org.panoptim.cuda.driver;

/** The driver through FFM. */
class FfmCudaDriverTest extends CudaDriverContract {

    @Override
    protected CudaDriver load() {
        return FfmCuda.load();
    }

    @Override
    protected Class<?> probe() {
        return Probe.class;
    }

    /** Says in a process of its own what the probe finds. */
    static final class Probe {

        private Probe() {}

        public static void main(String[] arguments) {
            ChildJvm.print(CudaProbe.of(FfmCuda::load));
        }
    }
}
