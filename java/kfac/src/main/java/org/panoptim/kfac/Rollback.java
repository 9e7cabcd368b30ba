package org.panoptim.kfac;

import org.jspecify.annotations.Nullable;
import org.panoptim.kfac.engine.FactorEngine;
import org.panoptim.spi.PartialChangeException;

/** Takes back what failed half way; where that fails too, nothing is of use any more. */
final class Rollback {

    private final FactorEngine engine;
    private final String owner;
    private final String work;

    /** What left the engine's factors in a state that is of no use. */
    private @Nullable Throwable failure;

    /**
     * @param owner what becomes unusable, for example {@code "this Kfac"}
     * @param work what may fail half way, for example {@code "a step"}
     */
    Rollback(FactorEngine engine, String owner, String work) {
        this.engine = engine;
        this.owner = owner;
        this.work = work;
    }

    /**
     * Refuses work once something could not be taken back.
     *
     * @throws IllegalStateException if so, with the failure
     */
    void requireUsable() {
        if (failure != null) {
            throw new IllegalStateException(
                    owner
                            + " is unusable: "
                            + work
                            + " failed half way, and what it had changed could not be taken back;"
                            + " close the optimizer, and load its last checkpoint into a new one."
                            + " The failure was: "
                            + failure.getMessage(),
                    failure);
        }
    }

    /**
     * Takes back what the engine and its owner have changed.
     *
     * @param undo takes back what the owner has changed
     * @param cause why; what fails now is suppressed in it
     */
    void takeBack(Runnable undo, Throwable cause) {
        try {
            engine.undo();
            undo.run();
        } catch (RuntimeException | Error e) {
            cause.addSuppressed(e);
            failure = cause;
        }
    }

    /**
     * Takes back a step.
     *
     * @throws PartialChangeException if that fails
     */
    void takeBackStep(Runnable undo, Throwable cause) {
        takeBack(undo, cause);
        if (failure != null) {
            throw new PartialChangeException("a step failed half way", cause);
        }
    }
}
