package org.panoptim.tests.traces;

import java.util.Optional;

/** How far a result may be from a recording, as a share of the recording's largest element. */
record Closeness(double bound) {

    /** Equal to the bit. */
    static final Closeness EXACT = new Closeness(0);

    /** As many elements, and no more. */
    static final Closeness NONE = new Closeness(Double.POSITIVE_INFINITY);

    /** What is wrong with a result, at its worst element, in words. */
    Optional<String> complaint(float[] recorded, float[] actual) {
        if (recorded.length != actual.length) {
            return Optional.of(actual.length + " elements instead of " + recorded.length);
        }
        double largest = 0;
        for (float value : recorded) {
            largest = Float.isFinite(value) ? Math.max(largest, Math.abs(value)) : largest;
        }
        int worst = 0;
        for (int i = 0; i < recorded.length; i++) {
            if (distance(recorded[i], actual[i]) > distance(recorded[worst], actual[worst])) {
                worst = i;
            }
        }
        return recorded.length == 0 || distance(recorded[worst], actual[worst]) <= bound * largest
                ? Optional.empty()
                : Optional.of(
                        "element %d is %s, but was recorded as %s (off by %.1e of the largest, %s)"
                                .formatted(
                                        worst,
                                        actual[worst],
                                        recorded[worst],
                                        distance(recorded[worst], actual[worst]) / largest,
                                        largest));
    }

    /** Infinite where one is not finite and the other not the same, or zeros differ in sign. */
    private static double distance(float recorded, float actual) {
        if (Float.floatToIntBits(recorded) == Float.floatToIntBits(actual)) {
            return 0;
        }
        return Float.isFinite(recorded) && Float.isFinite(actual) && recorded != actual
                ? Math.abs((double) actual - recorded)
                : Double.POSITIVE_INFINITY;
    }
}
