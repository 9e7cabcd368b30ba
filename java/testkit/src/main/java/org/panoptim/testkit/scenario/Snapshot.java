package org.panoptim.testkit.scenario;

import java.util.Arrays;
import java.util.SequencedMap;

/**
 * The results of a run.
 *
 * @param tensors parameters, gradients and states, by name
 * @param numbers norms, counts and whatever else is a number, by name
 * @param texts everything else, by name
 */
public record Snapshot(
        SequencedMap<String, float[]> tensors,
        SequencedMap<String, Double> numbers,
        SequencedMap<String, String> texts) {

    /**
     * The largest difference from another snapshot of the same scenario.
     *
     * @throws IllegalArgumentException if it is of another scenario
     */
    public Difference differenceFrom(Snapshot expected) {
        if (!tensors.keySet().equals(expected.tensors.keySet())
                || !numbers.keySet().equals(expected.numbers.keySet())
                || !texts.keySet().equals(expected.texts.keySet())) {
            throw new IllegalArgumentException("these are snapshots of different scenarios");
        }
        var largest = Difference.NONE;
        for (var name : texts.keySet()) {
            var expectedValue = expected.texts.get(name);
            if (!texts.get(name).equals(expectedValue)) {
                return new Difference(Units.INCOMPARABLE, name, expectedValue, texts.get(name));
            }
        }
        for (var name : numbers.keySet()) {
            double expectedValue = expected.numbers.get(name);
            double actual = numbers.get(name);
            largest =
                    largest.orLarger(
                            new Difference(
                                    Units.between(expectedValue, actual),
                                    name,
                                    Double.toString(expectedValue),
                                    Double.toString(actual)));
        }
        for (var name : tensors.keySet()) {
            largest = largest.orLarger(ofTensor(name, expected.tensors.get(name)));
        }
        return largest;
    }

    private Difference ofTensor(String name, float[] expectedValue) {
        var actual = tensors.get(name);
        if (actual.length != expectedValue.length) {
            throw new IllegalArgumentException("these are snapshots of different scenarios");
        }
        var largest = Difference.NONE;
        // Counts all NaNs as one value, and the zeros as two.
        if (!Arrays.equals(expectedValue, actual)) {
            for (int i = 0; i < expectedValue.length; i++) {
                long units = Units.between(expectedValue[i], actual[i]);
                if (units > largest.units()) {
                    largest =
                            new Difference(
                                    units,
                                    name + "[" + i + "]",
                                    text(expectedValue[i]),
                                    text(actual[i]));
                }
            }
        }
        return largest;
    }

    private static String text(float value) {
        return "%s (0x%08x)".formatted(value, Float.floatToRawIntBits(value));
    }
}
