package org.panoptim.cli.run;

import java.util.stream.DoubleStream;

/**
 * A number of one or several runs.
 *
 * @param mean of all
 * @param deviation the standard deviation of a sample, n − 1 in its denominator; 0 of one run
 * @param count how many runs there are
 */
public record Spread(double mean, double deviation, int count) {

    /** That of some numbers, at least one. */
    public static Spread of(DoubleStream numbers) {
        var values = numbers.toArray();
        double mean = DoubleStream.of(values).average().orElseThrow();
        double squares =
                DoubleStream.of(values).map(value -> (value - mean) * (value - mean)).sum();
        double deviation = values.length == 1 ? 0 : Math.sqrt(squares / (values.length - 1));
        return new Spread(mean, deviation, values.length);
    }

    /** This in another unit. */
    public Spread times(double factor) {
        return new Spread(mean * factor, deviation * factor, count);
    }

    /** Whether there is a deviation to speak of. */
    public boolean isOfSeveral() {
        return count > 1;
    }
}
