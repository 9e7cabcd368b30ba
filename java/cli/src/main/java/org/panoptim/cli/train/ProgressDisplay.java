package org.panoptim.cli.train;

import org.panoptim.cli.terminal.TerminalBar;
import org.panoptim.cli.train.Training.Progress;

import java.io.PrintStream;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** Shows a bar for each optimizer on a terminal, and lines elsewhere. */
public final class ProgressDisplay implements Progress {

    private final TerminalBar bar;
    private final BooleanSupplier stop;

    /**
     * A display.
     *
     * @param terminal where to draw; if empty, lines go to standard error
     * @param stop whether the training should stop
     */
    public ProgressDisplay(Optional<PrintStream> terminal, BooleanSupplier stop) {
        this(new TerminalBar(terminal), stop);
    }

    private ProgressDisplay(TerminalBar bar, BooleanSupplier stop) {
        this.bar = bar;
        this.stop = stop;
    }

    /** One that shows nothing. */
    public static ProgressDisplay silent(BooleanSupplier stop) {
        return new ProgressDisplay(TerminalBar.silent(), stop);
    }

    @Override
    public void begin(String title, long steps) {
        bar.begin(title, steps);
    }

    @Override
    public void step() {
        bar.step();
    }

    @Override
    public void epoch(Outcome.Point point) {
        bar.message(
                String.format(
                        Locale.ROOT, "loss %.4f, %.1f %%", point.loss(), point.accuracy() * 100));
    }

    @Override
    public void end() {
        bar.end();
    }

    @Override
    public boolean stopRequested() {
        return stop.getAsBoolean();
    }
}
