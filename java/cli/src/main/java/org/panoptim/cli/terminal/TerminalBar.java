package org.panoptim.cli.terminal;

import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

import java.io.PrintStream;
import java.util.Optional;

/** Shows one progress bar after the other on a terminal, and nothing elsewhere. */
public final class TerminalBar {

    /** Longer names are cut short. */
    private static final int NAME = 19;

    private static final int INTERVAL_MILLIS = 100;

    private final Optional<PrintStream> terminal;
    private Optional<ProgressBar> bar = Optional.empty();

    /**
     * No bar yet.
     *
     * @param terminal where to draw, if anywhere
     */
    public TerminalBar(Optional<PrintStream> terminal) {
        this.terminal = terminal;
    }

    /** Begins a bar. */
    public void begin(String name, long steps) {
        bar =
                terminal.map(
                        stream ->
                                new ProgressBarBuilder()
                                        .setTaskName(name(name))
                                        .setInitialMax(steps)
                                        // There is no room for what remains.
                                        .hideEta()
                                        .setStyle(ProgressBarStyle.UNICODE_BLOCK)
                                        .setUpdateIntervalMillis(INTERVAL_MILLIS)
                                        // One that does not query the terminal's width, which
                                        // would take native code.
                                        .setConsumer(
                                                new ConsoleProgressBarConsumer(
                                                        stream, Terminal.WIDTH))
                                        .build());
    }

    private static String name(String whole) {
        return whole.length() > NAME
                ? whole.substring(0, NAME - 1) + "…"
                : whole + " ".repeat(NAME - whole.length());
    }

    /** Counts a step. */
    public void step() {
        bar.ifPresent(ProgressBar::step);
    }

    /** Shows a message behind the bar. */
    public void message(String text) {
        bar.ifPresent(shown -> shown.setExtraMessage(" " + text));
    }

    /** Ends the bar, which stays to be seen. */
    public void end() {
        bar.ifPresent(ProgressBar::close);
        bar = Optional.empty();
    }
}
