package org.panoptim.cli.page;

import java.util.OptionalDouble;

/**
 * An axis of a chart.
 *
 * @param column the samples' column that is on it
 * @param title what that is
 * @param scale how values are spread
 * @param least the axis begins here at the lowest; curves are cut off below
 * @param most the axis ends here at the highest; curves are cut off above
 */
public record Axis(
        String column, String title, Scale scale, OptionalDouble least, OptionalDouble most) {

    /** How values are spread over an axis. */
    public enum Scale {
        /** Evenly. */
        LINEAR("linear"),
        /** Evenly, with marks at whole numbers. */
        COUNT("count"),
        /** Evenly, from zero. */
        FROM_ZERO("from-zero"),
        /** By their logarithms; only positive values have a place. */
        LOGARITHMIC("logarithmic");

        private final String id;

        Scale(String id) {
            this.id = id;
        }

        /** What pages call it. */
        String id() {
            return id;
        }

        /** Whether a value has a place. */
        boolean has(double value) {
            return Double.isFinite(value) && (this != LOGARITHMIC || value > 0);
        }
    }

    /** An axis as long as its values need. */
    public static Axis of(String column, String title, Scale scale) {
        return new Axis(column, title, scale, OptionalDouble.empty(), OptionalDouble.empty());
    }

    /** This one, beginning at a value. */
    public Axis startingAt(double value) {
        return new Axis(column, title, scale, OptionalDouble.of(value), most);
    }

    /** This one, ending at a value. */
    public Axis endingAt(double value) {
        return new Axis(column, title, scale, least, OptionalDouble.of(value));
    }
}
