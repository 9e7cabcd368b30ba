package org.panoptim.kfac.engine;

/**
 * What rows of a layer contribute to its diagonals: the means of their squares.
 *
 * @param rows that count; of none the squares mean nothing
 * @param inputs of each, without the one of the bias
 * @param outputGradients of each, without the loss scale
 */
public record MeanSquares(long rows, double[] inputs, double[] outputGradients) {

    /** Of no rows. */
    public static final MeanSquares NONE = new MeanSquares(0, new double[0], new double[0]);

    /** Those of these rows and later ones. */
    MeanSquares and(MeanSquares later) {
        if (rows == 0 || later.rows == 0) {
            return rows == 0 ? later : this;
        }
        double share = (double) later.rows / (rows + later.rows);
        return new MeanSquares(
                rows + later.rows,
                fold(inputs, later.inputs, share),
                fold(outputGradients, later.outputGradients, share));
    }

    private static double[] fold(double[] earlier, double[] later, double share) {
        var mean = new double[earlier.length];
        for (int i = 0; i < mean.length; i++) {
            mean[i] = (1 - share) * earlier[i] + share * later[i];
        }
        return mean;
    }
}
