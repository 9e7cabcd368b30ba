package org.panoptim.bench.report;

import org.panoptim.bench.result.Spread;

import java.util.Locale;

/** Figures in words. */
public final class Format {

    private Format() {}

    /** A time with its unit, to three digits. */
    public static String time(double seconds) {
        if (seconds < 1e-6) {
            return digits(seconds * 1e9) + " ns";
        }
        if (seconds < 1e-3) {
            return digits(seconds * 1e6) + " µs";
        }
        return seconds < 1 ? digits(seconds * 1e3) + " ms" : digits(seconds) + " s";
    }

    /** A time and its spread, in the unit that suits the middle. */
    public static String time(Spread seconds) {
        return "%s (%s to %s)"
                .formatted(
                        time(seconds.median()), time(seconds.smallest()), time(seconds.largest()));
    }

    /** A ratio and its spread. */
    public static String ratio(Spread ratio) {
        return "%s (%s to %s)"
                .formatted(ratio(ratio.median()), ratio(ratio.smallest()), ratio(ratio.largest()));
    }

    /** A ratio. */
    public static String ratio(double ratio) {
        return ratio < 10 ? String.format(Locale.ROOT, "%.2f", ratio) : digits(ratio);
    }

    /** A gain or a loss in percent. */
    public static String percent(double gain) {
        return String.format(Locale.ROOT, "%+.1f %%", 100 * gain);
    }

    /** A number to three digits. */
    public static String digits(double value) {
        double size = Math.abs(value);
        var format = size >= 100 ? "%,.0f" : size >= 10 ? "%.1f" : "%.2f";
        return String.format(Locale.ROOT, format, value);
    }

    /** A count with separators. */
    public static String count(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }
}
