package org.panoptim.tests.functions;

import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;

/**
 * Arguments of one kind.
 *
 * @param name which kind
 * @param x the first arguments
 * @param y the second ones, as many; zeros for a function of one argument
 */
public record ArgumentBatch(String name, double[] x, double[] y) {

    /** Pairs of arguments, drawn from the same random numbers in every run. */
    static ArgumentBatch pairs(
            String name,
            int count,
            ToDoubleFunction<SplittableRandom> first,
            ToDoubleFunction<SplittableRandom> second) {
        var random = new SplittableRandom(name.hashCode());
        var x = new double[count];
        var y = new double[count];
        for (int i = 0; i < count; i++) {
            x[i] = first.applyAsDouble(random);
            y[i] = second.applyAsDouble(random);
        }
        return new ArgumentBatch(name, x, y);
    }

    /** Single arguments, drawn likewise. */
    static ArgumentBatch singles(
            String name, int count, ToDoubleFunction<SplittableRandom> argument) {
        return pairs(name, count, argument, _ -> 0);
    }

    static ArgumentBatch singles(String name, double... x) {
        return new ArgumentBatch(name, x, new double[x.length]);
    }

    /** Every x with every y. */
    static ArgumentBatch product(String name, double[] x, double[] y) {
        int count = x.length * y.length;
        var first = new double[count];
        var second = new double[count];
        for (int i = 0; i < count; i++) {
            first[i] = x[i / y.length];
            second[i] = y[i % y.length];
        }
        return new ArgumentBatch(name, first, second);
    }
}
