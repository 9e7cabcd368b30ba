package org.panoptim.cli.train;

import org.panoptim.cli.run.Spread;

import java.util.Locale;

/** How results are written, in the terminal and in the report alike; of several runs with ±. */
public final class Format {

    private Format() {}

    /** A loss, with four decimals, or two significant digits if it is tiny or huge. */
    public static String loss(Spread loss) {
        return loss.mean() < 1e-3 || loss.mean() >= 1e6
                ? text("%.1e", loss, "")
                : text("%.4f", loss, "");
    }

    /** A share, in percent. */
    public static String percent(Spread share) {
        return text("%.2f", share.times(100), " %");
    }

    /** Seconds, as milliseconds or seconds. */
    public static String time(Spread seconds) {
        return seconds.mean() < 1
                ? text("%.1f", seconds.times(1e3), " ms")
                : text("%.2f", seconds, " s");
    }

    /** Seconds of a step, as microseconds; those of no step are not a number. */
    public static String perStep(Spread seconds) {
        return Double.isNaN(seconds.mean()) ? "–" : text("%.1f", seconds.times(1e6), " µs");
    }

    /** Seconds with two decimals. */
    public static String seconds(Spread seconds) {
        return text("%.2f", seconds, "");
    }

    /** A whole number, which most often is the same in all runs. */
    public static String count(Spread number) {
        return number.deviation() == 0
                ? String.format(Locale.ROOT, "%.0f", number.mean())
                : text("%.1f", number, "");
    }

    private static String text(String format, Spread number, String unit) {
        var mean = String.format(Locale.ROOT, format, number.mean());
        return number.isOfSeveral()
                ? mean + " ± " + String.format(Locale.ROOT, format, number.deviation()) + unit
                : mean + unit;
    }
}
