package org.panoptim.cli.train;

/** Is told how the training goes. */
public interface Progress {

    /** An optimizer begins. */
    void begin(Contender contender, long steps);

    /** A step was taken. */
    void step();

    /** An epoch was done. */
    void epoch(Outcome.Point point);

    /** The optimizer is done. */
    void end();

    /** Whether the training should stop after the present step. */
    boolean stopRequested();
}
