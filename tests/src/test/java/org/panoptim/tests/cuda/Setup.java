package org.panoptim.tests.cuda;

import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.testkit.VirtualGpu;

import java.util.function.UnaryOperator;

/** An implementation of the driver's interface, and an order of threads. */
enum Setup {
    FFM_FORWARD(Implementation.FFM, "forward"),
    FFM_REVERSE(Implementation.FFM, "reverse"),
    FFM_RANDOM(Implementation.FFM, "random:1"),
    JCUDA_FORWARD(Implementation.JCUDA, "forward"),
    JCUDA_REVERSE(Implementation.JCUDA, "reverse"),
    JCUDA_RANDOM(Implementation.JCUDA, "random:1");

    private final Implementation implementation;
    private final String order;

    Setup(Implementation implementation, String order) {
        this.implementation = implementation;
        this.order = order;
    }

    /** The same, with a driver around the implementation's. */
    Device device(UnaryOperator<CudaDriver> around) {
        VirtualGpu.order(order);
        return new Device(around.apply(implementation.driver()));
    }

    /** A device whose threads run in that order. */
    Device device() {
        VirtualGpu.order(order);
        return implementation.device();
    }
}
