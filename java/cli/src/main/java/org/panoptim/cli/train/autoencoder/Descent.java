package org.panoptim.cli.train.autoencoder;

/** Takes the steps of one optimizer on one net. */
interface Descent extends AutoCloseable {

    /** Called before the net's loss is differentiated; gradients are zero, and stay so. */
    default void prepare() {}

    /** Updates the net from its gradients and sets them to zero. */
    void step();

    /** What there is to say of the steps, in a line; empty: nothing. */
    default String remark() {
        return "";
    }

    @Override
    void close();
}
