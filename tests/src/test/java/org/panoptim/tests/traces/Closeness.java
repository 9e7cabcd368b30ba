package org.panoptim.tests.traces;

import java.util.Optional;

/** How far a result may be from a recording, as a share of the recording's largest element. */
record Closeness(double bound) {

    /** Equal to the bit. */
    static final Closeness EXACT = new Closeness(0);

    /** What is wrong with a result, at its worst element, in words. */
    Optional<String> complaint(float[] recorded, float[] found) {
        if (recorded.length != found.length) {
            return Optional.of(found.length + " elements instead of " + recorded.length);
        }
        double largest = 0;
        for (float value : recorded) {
            largest = Float.isFinite(value) ? Math.max(largest, Math.abs(value)) : largest;
        }
        int worst = 0;
        for (int i = 0; i < recorded.length; i++) {
            if (distance(recorded[i], found[i]) > distance(recorded[worst], found[worst])) {
                worst = i;
            }
        }
        return recorded.length == 0 || distance(recorded[worst], found[worst]) <= bound * largest
                ? Optional.empty()
                : Optional.of(
                        "element %d is %s, but was recorded as %s (off by %.1e of the largest, %s)"
                                .formatted(
                                        worst,
                                        found[worst],
                                        recorded[worst],
                                        distance(recorded[worst], found[worst]) / largest,
                                        largest));
    }

    /** Infinite where one is not finite and the other not the same, or zeros differ in sign. */
    private static double distance(float recorded, float found) {
        if (Float.floatToIntBits(recorded) == Float.floatToIntBits(found)) {
            return 0;
        }
        return Float.isFinite(recorded) && Float.isFinite(found) && recorded != found
                ? Math.abs((double) found - recorded)
                : Double.POSITIVE_INFINITY;
    }
}
