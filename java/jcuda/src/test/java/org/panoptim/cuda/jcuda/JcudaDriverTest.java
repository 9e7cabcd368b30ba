package org.panoptim.cuda.jcuda;

import org.panoptim.cuda.driver.ChildJvm;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaDriverContract;
import org.panoptim.cuda.driver.CudaProbe;

/** The driver through JCuda. */
class JcudaDriverTest extends CudaDriverContract {

    @Override
    protected CudaDriver load() {
        return Jcuda.load();
    }

    @Override
    protected Class<?> probe() {
        return Probe.class;
    }

    /** Says in a process of its own what the probe finds. */
    static final class Probe {

        private Probe() {}

        public static void main(String[] arguments) {
            ChildJvm.print(CudaProbe.of(Jcuda::load));
        }
    }
}
