package org.panoptim.cli.verify;

import java.util.SequencedMap;

/**
 * What a run leaves behind.
 *
 * @param tensors parameters, states and gradients after the last step, by name
 * @param numbers counts, norms and whatever else is not a tensor, by name, of every step
 */
public record Snapshot(
        SequencedMap<String, float[]> tensors, SequencedMap<String, Double> numbers) {

    /**
     * The largest difference from another snapshot of the same scenario.
     *
     * @throws IllegalArgumentException if it is of another scenario
     */
    public Difference differenceFrom(Snapshot expected) {
        if (!tensors.keySet().equals(expected.tensors.keySet())
                || !numbers.keySet().equals(expected.numbers.keySet())) {
            throw new IllegalArgumentException("these are snapshots of different scenarios");
        }
        var largest = Difference.NONE;
        for (var name : tensors.keySet()) {
            var wanted = expected.tensors.get(name);
            var came = tensors.get(name);
            for (int i = 0; i < wanted.length; i++) {
                long units = Units.between(wanted[i], came[i]);
                if (units > largest.units()) {
                    largest =
                            new Difference(
                                    units, name + "[" + i + "]", text(wanted[i]), text(came[i]));
                }
            }
        }
        for (var name : numbers.keySet()) {
            double wanted = expected.numbers.get(name);
            double came = numbers.get(name);
            long units = Units.between(wanted, came);
            if (units > largest.units()) {
                largest =
                        new Difference(units, name, Double.toString(wanted), Double.toString(came));
            }
        }
        return largest;
    }

    private static String text(float value) {
        return "%s (0x%08x)".formatted(value, Float.floatToRawIntBits(value));
    }
}
