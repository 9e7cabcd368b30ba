package org.panoptim.cli.train;

import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

import java.io.PrintStream;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/** Shows a bar for each optimizer on a terminal, and nothing elsewhere. */
public final class ProgressDisplay implements Progress {

    private static final int WIDTH = 100;
    private static final int INTERVAL_MILLIS = 100;

    private final Optional<PrintStream> terminal;
    private final BooleanSupplier stop;
    private Optional<ProgressBar> bar = Optional.empty();

    /**
     * A display.
     *
     * @param terminal where to draw, if anywhere
     * @param stop whether the training should stop
     */
    public ProgressDisplay(Optional<PrintStream> terminal, BooleanSupplier stop) {
        this.terminal = terminal;
        this.stop = stop;
    }

    @Override
    public void begin(Contender contender, long steps) {
        bar =
                terminal.map(
                        stream ->
                                new ProgressBarBuilder()
                                        .setTaskName("%-11s".formatted(contender.name()))
                                        .setInitialMax(steps)
                                        .setStyle(ProgressBarStyle.UNICODE_BLOCK)
                                        .setUpdateIntervalMillis(INTERVAL_MILLIS)
                                        // One that does not ask the terminal for its width, which
                                        // would take native code.
                                        .setConsumer(new ConsoleProgressBarConsumer(stream, WIDTH))
                                        .build());
    }

    @Override
    public void step() {
        bar.ifPresent(ProgressBar::step);
    }

    @Override
    public void epoch(Outcome.Point point) {
        bar.ifPresent(
                shown ->
                        shown.setExtraMessage(
                                String.format(
                                        Locale.ROOT,
                                        " loss %.4f, accuracy %.1f %%",
                                        point.loss(),
                                        point.accuracy() * 100)));
    }

    @Override
    public void end() {
        bar.ifPresent(ProgressBar::close);
        bar = Optional.empty();
    }

    @Override
    public boolean stopRequested() {
        return stop.getAsBoolean();
    }
}
