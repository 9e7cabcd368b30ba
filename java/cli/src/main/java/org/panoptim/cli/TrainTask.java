package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.cli.terminal.TerminalBar;
import org.panoptim.cli.train.TeamMember;

import java.util.Optional;
import java.util.function.BooleanSupplier;

/** What can be trained. */
interface TrainTask {

    /** Its name on the command line. */
    String name();

    /** What decides about its numbers, in words. */
    String settings();

    /**
     * A training that has not begun.
     *
     * @param backend where Panoptim's optimizers compute; stays the caller's
     * @param bar where progress is shown
     * @param stop whether to stop after the present step, with the results so far
     * @param member whose team trains together, if there is one
     */
    TaskTraining training(
            Backend backend, TerminalBar bar, BooleanSupplier stop, Optional<TeamMember> member);
}
