package org.panoptim.spi;

/**
 * The stages of a step, as a backend runs them; {@link StepProgram} says in which order, and what
 * is taken back when one fails. On a device a stage is queued, and nothing of it is known to the
 * host.
 */
public interface StepStages extends PassStages {

    /** Takes the sums over raw gradients, if the plan measures them. */
    void measure();

    /**
     * Decides whether the step is taken, and advances the step, loss scale and what else it changes
     * before the first update; counts of parameters here or when the first phase is prepared.
     *
     * @param preparing whether nothing comes between this and {@link #prepare}, so that the first
     *     phase may be prepared at once
     */
    void decide(boolean preparing);

    /**
     * Keeps what {@link #decide} is about to change.
     *
     * @return puts it back
     */
    Runnable save();

    /** Lets the plan's transform rewrite gradients. */
    void transform();

    /** Measures again, since a transform has rewritten gradients. */
    void measureTransformed();

    /** Does or queues what rules compute with matrices between a phase and the next. */
    void between(int phase);

    /** What comes after the last phase: statistics and zeros into gradients. */
    void finish();
}
