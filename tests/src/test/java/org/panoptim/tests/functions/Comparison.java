package org.panoptim.tests.functions;

import java.util.function.Supplier;
import java.util.stream.Stream;

/** Compares an implementation of the functions with {@link StrictMath}. */
public final class Comparison {

    /** What is tested: computes a function for arrays. */
    public interface Implementation {
        /** {@code results[i] = function(x[i], y[i])}, for as many as there are. */
        void compute(StrictFunction function, double[] x, double[] y, double[] results);
    }

    private Comparison() {}

    /**
     * Compares all results.
     *
     * @return how many there were
     * @throws AssertionError for the first that has other bits, all NaNs counted as one value
     */
    public static long compare(
            StrictFunction function,
            Implementation implementation,
            Stream<Supplier<ArgumentBatch>> batches) {
        return batches.mapToLong(batch -> compare(function, implementation, batch.get())).sum();
    }

    private static long compare(
            StrictFunction function, Implementation implementation, ArgumentBatch batch) {
        double[] x = batch.x();
        double[] y = batch.y();
        var results = new double[x.length];
        implementation.compute(function, x, y, results);
        for (int i = 0; i < results.length; i++) {
            double expected = function.strict(x[i], y[i]);
            if (Double.doubleToLongBits(results[i]) != Double.doubleToLongBits(expected)) {
                throw new AssertionError(
                        function.call(x[i], y[i])
                                + " is "
                                + Double.toHexString(results[i])
                                + ", but StrictMath says "
                                + Double.toHexString(expected)
                                + " ("
                                + batch.name()
                                + ", argument "
                                + i
                                + ")");
            }
        }
        return results.length;
    }
}
