package org.panoptim.tests.cuda;

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

    /** A device whose threads run in that order. */
    Device device() {
        VirtualDriver.order(order);
        return implementation.device();
    }
}
