package org.panoptim.bench.result;

import java.util.Arrays;

/**
 * The middle and the ends of repeated measurements.
 *
 * @param median the middle one; of an even number, the larger of the two
 * @param smallest the smallest
 * @param largest the largest
 */
public record Spread(double median, double smallest, double largest) {

    /**
     * Of these values.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Spread of(double[] values) {
        if (values.length == 0) {
            throw new IllegalArgumentException("a spread of no values");
        }
        var sorted = Arrays.stream(values).sorted().toArray();
        return new Spread(sorted[sorted.length / 2], sorted[0], sorted[sorted.length - 1]);
    }

    /** All three times a factor, which is positive. */
    public Spread times(double factor) {
        return new Spread(median * factor, smallest * factor, largest * factor);
    }

    /** Of one by each value, which are all positive. */
    public Spread inverse() {
        return new Spread(1 / median, 1 / largest, 1 / smallest);
    }

    /** Whether no value of one lies within the ends of the other. */
    public boolean isApartFrom(Spread other) {
        return largest < other.smallest || other.largest < smallest;
    }
}
