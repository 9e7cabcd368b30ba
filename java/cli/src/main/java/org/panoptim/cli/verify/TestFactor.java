package org.panoptim.cli.verify;

import java.util.Random;

/**
 * A factor as activations make it: the second moment of correlated rows, half as many as it would
 * need to be regular, so that its damping alone decides on its condition.
 *
 * @param values n × n, symmetric
 */
record TestFactor(int n, float[] values) {

    static TestFactor of(int n, long seed) {
        var random = new Random(seed);
        int rows = Math.max(1, n / 2);
        var sums = new double[n * n];
        var row = new double[n];
        for (int r = 0; r < rows; r++) {
            double common = random.nextGaussian();
            for (int i = 0; i < n; i++) {
                row[i] = (.5 * common + random.nextGaussian()) / Math.sqrt(n);
            }
            for (int i = 0; i < n; i++) {
                for (int j = 0; j <= i; j++) {
                    sums[i * n + j] += row[i] * row[j];
                }
            }
        }
        var values = new float[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                values[i * n + j] = (float) (sums[i * n + j] * n / rows);
                values[j * n + i] = values[i * n + j];
            }
        }
        return new TestFactor(n, values);
    }

    /**
     * The Frobenius norm of {@code I − Lᵀ X L} for the damped factor {@code B = L Lᵀ}, in double:
     * at least {@code ‖I − B^½ X B^½‖₂}, since both matrices are symmetric and have the same
     * eigenvalues.
     */
    double error(double damping, float[] inverse) {
        var lower = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = values[i * n + j] + (i == j ? damping : 0);
                for (int k = 0; k < j; k++) {
                    sum -= lower[i][k] * lower[j][k];
                }
                lower[i][j] = i == j ? Math.sqrt(sum) : sum / lower[j][j];
            }
        }
        var half = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < n; k++) {
                for (int j = 0; j <= k; j++) {
                    half[i][j] += inverse[i * n + k] * lower[k][j];
                }
            }
        }
        double squares = 0;
        for (int i = 0; i < n; i++) {
            var row = new double[n];
            row[i] = -1;
            for (int k = i; k < n; k++) {
                for (int j = 0; j < n; j++) {
                    row[j] += lower[k][i] * half[k][j];
                }
            }
            for (double difference : row) {
                squares += difference * difference;
            }
        }
        return Math.sqrt(squares);
    }
}
