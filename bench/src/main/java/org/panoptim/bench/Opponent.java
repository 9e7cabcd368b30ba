package org.panoptim.bench;

/** What a step is measured beside. */
interface Opponent extends AutoCloseable {

    /** Does the same work once, and returns how many nanoseconds it took. */
    long run();

    /** Gives gradients of its own, if it has any, their first values again. */
    void refill();

    /**
     * Lets threads that wait busily for more work come to rest, so that they do not take processors
     * from whoever is next.
     */
    void rest();

    @Override
    void close();
}
