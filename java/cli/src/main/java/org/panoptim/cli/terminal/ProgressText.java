package org.panoptim.cli.terminal;

import java.time.Duration;

/**
 * How far a piece of work is, in words.
 *
 * @param name what is done
 * @param done steps that are done
 * @param steps all of them
 * @param elapsed time since it began
 * @param message what is known besides, or empty
 */
record ProgressText(String name, long done, long steps, Duration elapsed, String message) {

    private static final int WIDE = 72;
    private static final int NARROW = 40;
    private static final String CUT = " …";

    /**
     * A bar and what it is about, for a terminal of so many columns. It leaves the last one free:
     * there some terminals begin a new line.
     */
    String bar(int columns) {
        int cells = columns >= WIDE ? 20 : columns >= NARROW ? 12 : 0;
        int filled = (int) (cells * fraction());
        var bar = cells == 0 ? "" : "[" + "█".repeat(filled) + " ".repeat(cells - filled) + "] ";
        var start = bar + "%3d %%  %5s  ".formatted(percent(), time());
        var text = message.isEmpty() ? name : name + "  " + message;
        return (start + fitted(text, columns - 1 - start.length())).stripTrailing();
    }

    /** A line for where nothing can be drawn. */
    String line() {
        return "%s: %d of %d (%d %%), %s%s"
                .formatted(
                        name,
                        done,
                        steps,
                        percent(),
                        time(),
                        message.isEmpty() ? "" : ", " + message);
    }

    private double fraction() {
        return steps <= 0 ? 1 : Math.min(1, (double) done / steps);
    }

    private int percent() {
        return (int) (100 * fraction());
    }

    /** Minutes and seconds, and hours where there are any. */
    private String time() {
        long hours = elapsed.toHours();
        return hours == 0
                ? "%d:%02d".formatted(elapsed.toMinutes(), elapsed.toSecondsPart())
                : "%d:%02d:%02d".formatted(hours, elapsed.toMinutesPart(), elapsed.toSecondsPart());
    }

    /** As many whole words as there is room for. */
    static String fitted(String text, int room) {
        if (text.length() <= room) {
            return text;
        }
        int end = text.lastIndexOf(' ', Math.max(0, room - CUT.length()));
        return end <= 0 ? "" : text.substring(0, end).replaceFirst("[,;: ]+$", "") + CUT;
    }
}
