package org.panoptim.cli.terminal;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/**
 * Shows how far work is, one piece after the other: on a terminal as a bar that is drawn again and
 * again in one line, elsewhere as a line now and then.
 */
public final class TerminalBar {

    private static final Duration LINE_INTERVAL = Duration.ofSeconds(10);

    /** A view for each piece of work; none if nothing is to be seen. */
    private final Optional<Supplier<View>> views;

    private Optional<Work> work = Optional.empty();

    /**
     * Nothing to show yet.
     *
     * @param terminal where to draw; if empty, lines go to standard error
     */
    public TerminalBar(Optional<PrintStream> terminal) {
        this(
                () ->
                        terminal.<View>map(stream -> new Drawing(stream, width()))
                                .orElseGet(() -> new Lines(System.err, LINE_INTERVAL)));
    }

    TerminalBar(Supplier<View> views) {
        this.views = Optional.of(views);
    }

    private TerminalBar() {
        views = Optional.empty();
    }

    private static int width() {
        return Terminal.columns().orElse(Terminal.WIDTH);
    }

    /** Shows nothing, for work that nobody waits for. */
    public static TerminalBar silent() {
        return new TerminalBar();
    }

    /** Begins a piece of work. */
    public void begin(String name, long steps) {
        work = views.map(view -> new Work(view.get(), name, steps));
    }

    /** Counts a step. */
    public void step() {
        work.ifPresent(Work::step);
    }

    /** Shows what is known of the work by now. */
    public void message(String text) {
        work.ifPresent(running -> running.say(text));
    }

    /** As {@link #message}, of what is done next; elsewhere than on a terminal in a line. */
    public void next(String text) {
        message(text);
        work.ifPresent(Work::show);
    }

    /** Ends the piece of work; its bar or a last line stays to be seen. */
    public void end() {
        work.ifPresent(Work::end);
        work = Optional.empty();
    }

    /** Where progress is shown. */
    sealed interface View {

        /** How often what is shown is brought up to date. */
        Duration interval();

        void show(ProgressText text);

        /** Shows it for the last time. */
        void end(ProgressText text);
    }

    /** A line of a terminal of so many columns. */
    record Drawing(PrintStream stream, int columns) implements View {

        private static final String LINE_START = "\r";
        private static final String ERASE_REST = "\u001b[K";

        // In a window that was made narrower meanwhile the line is cut off, and does not break.
        private static final String WRAP_OFF = "\u001b[?7l";
        private static final String WRAP_ON = "\u001b[?7h";

        @Override
        public Duration interval() {
            return Duration.ofMillis(200);
        }

        @Override
        public void show(ProgressText text) {
            print(text, "");
        }

        @Override
        public void end(ProgressText text) {
            print(text, System.lineSeparator());
        }

        private void print(ProgressText text, String end) {
            stream.print(LINE_START + WRAP_OFF + text.bar(columns) + ERASE_REST + WRAP_ON + end);
            stream.flush();
        }
    }

    /** Lines, at least one within an interval. */
    record Lines(PrintStream stream, Duration interval) implements View {

        @Override
        public void show(ProgressText text) {
            stream.println(text.line());
            stream.flush();
        }

        @Override
        public void end(ProgressText text) {
            show(text);
        }
    }

    /** A piece of work, and the thread that shows it while the work goes on. */
    private static final class Work {

        private final View view;
        private final String name;
        private final long steps;
        private final long start = System.nanoTime();
        private final AtomicLong done = new AtomicLong();
        private String message = "";
        private long shown = start;
        private boolean ended;

        Work(View view, String name, long steps) {
            this.view = view;
            this.name = name;
            this.steps = steps;
            if (view instanceof Drawing) {
                show();
            }
            Thread.ofPlatform().daemon().name("panoptim-progress").start(this::follow);
        }

        void step() {
            done.incrementAndGet();
        }

        synchronized void say(String text) {
            message = text;
        }

        synchronized void show() {
            shown = System.nanoTime();
            view.show(text());
        }

        synchronized void end() {
            ended = true;
            notifyAll();
            view.end(text());
        }

        private ProgressText text() {
            return new ProgressText(
                    name, done.get(), steps, Duration.ofNanos(System.nanoTime() - start), message);
        }

        private synchronized void follow() {
            try {
                while (!ended) {
                    var rest = view.interval().minusNanos(System.nanoTime() - shown);
                    if (rest.isPositive()) {
                        wait(Math.max(1, rest.toMillis()));
                    } else {
                        show();
                    }
                }
            } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
