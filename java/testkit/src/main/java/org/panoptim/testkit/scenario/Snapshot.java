package org.panoptim.testkit.scenario;

import java.util.Arrays;
import java.util.SequencedMap;

/**
 * What a run has come to.
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
            var wanted = expected.texts.get(name);
            if (!texts.get(name).equals(wanted)) {
                return new Difference(Units.INCOMPARABLE, name, wanted, texts.get(name));
            }
        }
        for (var name : numbers.keySet()) {
            double wanted = expected.numbers.get(name);
            double actual = numbers.get(name);
            largest =
                    largest.orLarger(
                            new Difference(
                                    Units.between(wanted, actual),
                                    name,
                                    Double.toString(wanted),
                                    Double.toString(actual)));
        }
        for (var name : tensors.keySet()) {
            largest = largest.orLarger(ofTensor(name, expected.tensors.get(name)));
        }
        return largest;
    }

    private Difference ofTensor(String name, float[] wanted) {
        var actual = tensors.get(name);
        if (actual.length != wanted.length) {
            throw new IllegalArgumentException("these are snapshots of different scenarios");
        }
        var largest = Difference.NONE;
        // Counts all NaNs as one value, and the zeros as two.
        if (!Arrays.equals(wanted, actual)) {
            for (int i = 0; i < wanted.length; i++) {
                long units = Units.between(wanted[i], actual[i]);
                if (units > largest.units()) {
                    largest =
                            new Difference(
                                    units, name + "[" + i + "]", text(wanted[i]), text(actual[i]));
                }
            }
        }
        return largest;
    }

    private static String text(float value) {
        return "%s (0x%08x)".formatted(value, Float.floatToRawIntBits(value));
    }
}
