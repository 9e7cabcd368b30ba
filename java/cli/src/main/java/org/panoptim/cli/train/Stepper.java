package org.panoptim.cli.train;

/** Takes the steps of one optimizer. */
interface Stepper extends AutoCloseable {

    /**
     * Called with each batch before its loss is differentiated; gradients are zero, and stay so.
     */
    default void prepare(long step, Batch batch) {}

    /** Updates the net from its gradients and sets them to zero. */
    void step();

    @Override
    void close();
}
