package org.panoptim.cli.train;

import java.time.Duration;
import java.util.Locale;

/** How results are written, in the terminal and in the report alike. */
public final class Format {

    private Format() {}

    /** A loss, with four significant digits. */
    public static String loss(double loss) {
        return loss >= 1e-3 || Double.isNaN(loss)
                ? String.format(Locale.ROOT, "%.4f", loss)
                : String.format(Locale.ROOT, "%.1e", loss);
    }

    /** A share, in percent. */
    public static String percent(double share) {
        return String.format(Locale.ROOT, "%.2f %%", share * 100);
    }

    /** A time, in milliseconds or seconds. */
    public static String time(Duration time) {
        double millis = time.toNanos() / 1e6;
        return millis < 1000
                ? String.format(Locale.ROOT, "%.1f ms", millis)
                : String.format(Locale.ROOT, "%.2f s", millis / 1000);
    }

    /** A time a step, in microseconds. */
    public static String perStep(Duration time, long steps) {
        return steps == 0
                ? "–"
                : String.format(Locale.ROOT, "%.1f µs", time.toNanos() / 1e3 / steps);
    }

    /** An optimizer's name, and where it was stopped if it was. */
    public static String name(Outcome outcome) {
        return outcome.complete()
                ? outcome.choice().name()
                : String.format(
                        Locale.ROOT,
                        "%s (stopped at epoch %.1f)",
                        outcome.choice().name(),
                        outcome.last().at().epoch());
    }
}
