package org.panoptim.spi;

/** The stages of a named pass, as a backend runs them; its phases count from 0 here. */
public interface PassStages {

    /** Whether the stages are only recorded, so that one that fails has done nothing yet. */
    default boolean areRecorded() {
        return false;
    }

    /** Computes what the elements' update needs for a phase. */
    void prepare(int phase);

    /** Runs a phase over all elements. */
    void update(int phase);

    /** What a failure of a stage is reported as; the same one by default. */
    default Throwable failure(Throwable thrown) {
        return thrown;
    }
}
