package org.panoptim.tests.cuda;

import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.FfmCuda;
import org.panoptim.cuda.jcuda.Jcuda;

import java.util.function.Supplier;

/** The implementations of the driver's interface. */
enum Implementation {
    FFM(FfmCuda::load),
    JCUDA(Jcuda::load);

    private final Supplier<CudaDriver> loader;

    Implementation(Supplier<CudaDriver> loader) {
        this.loader = loader;
    }

    CudaDriver driver() {
        return loader.get();
    }

    Device device() {
        return new Device(driver());
    }
}
