package org.panoptim.cli.train;

import org.panoptim.cli.terminal.TerminalBar;
import org.panoptim.cli.train.Training.Progress;

import java.util.Locale;
import java.util.function.BooleanSupplier;

/** Shows a bar for each optimizer on a terminal, and lines elsewhere. */
public final class ProgressDisplay implements Progress {

    private final TerminalBar bar;
    private final BooleanSupplier stop;

    /**
     * A display.
     *
     * @param bar where it is shown
     * @param stop whether the training should stop
     */
    public ProgressDisplay(TerminalBar bar, BooleanSupplier stop) {
        this.bar = bar;
        this.stop = stop;
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
