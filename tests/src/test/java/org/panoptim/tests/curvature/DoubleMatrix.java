package org.panoptim.tests.curvature;

import java.util.Arrays;
import java.util.Random;

/** Symmetric matrices in double, by rows: what truth is computed with. */
final class DoubleMatrix {

    private DoubleMatrix() {}

    /** Eigenvalues spread evenly in the logarithm from 1 to 1/condition, in random directions. */
    static double[][] spectrum(int n, double condition, long seed) {
        var matrix = new double[n][n];
        for (int i = 0; i < n; i++) {
            matrix[i][i] = n == 1 ? 1 : Math.pow(condition, -(double) i / (n - 1));
        }
        var random = new Random(seed);
        // Reflections I − 2vvᵀ keep the eigenvalues.
        for (int times = 0; times < 4; times++) {
            var v = new double[n];
            double squares = 0;
            for (int i = 0; i < n; i++) {
                v[i] = random.nextGaussian();
                squares += v[i] * v[i];
            }
            for (int i = 0; i < n; i++) {
                v[i] /= Math.sqrt(squares);
            }
            reflect(matrix, v);
        }
        return matrix;
    }

    private static void reflect(double[][] matrix, double[] v) {
        int n = v.length;
        var product = new double[n];
        double both = 0;
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                product[i] += matrix[i][j] * v[j];
            }
            both += v[i] * product[i];
        }
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                matrix[i][j] +=
                        4 * both * v[i] * v[j] - 2 * (v[i] * product[j] + product[i] * v[j]);
            }
        }
    }

    /** By rows, each rounded to float, both triangles alike. */
    static float[] rounded(double[][] matrix) {
        int n = matrix.length;
        var rounded = new float[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                rounded[i * n + j] = (float) matrix[i][j];
                rounded[j * n + i] = rounded[i * n + j];
            }
        }
        return rounded;
    }

    /** The lower triangle L of {@code L Lᵀ = matrix + damping · I}; null if it has none. */
    static double @org.jspecify.annotations.Nullable [][] cholesky(
            float[] matrix, int n, double damping) {
        var lower = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = matrix[i * n + j] + (i == j ? damping : 0);
                for (int k = 0; k < j; k++) {
                    sum -= lower[i][k] * lower[j][k];
                }
                if (i != j) {
                    lower[i][j] = sum / lower[j][j];
                } else if (sum > 0) {
                    lower[i][i] = Math.sqrt(sum);
                } else {
                    return null;
                }
            }
        }
        return lower;
    }

    /**
     * The Frobenius norm of {@code I − Lᵀ X L}, which is at least the norm of {@code I − B^½ X B^½}
     * for {@code B = L Lᵀ}, since both matrices are symmetric and have the same eigenvalues.
     */
    static double error(double[][] lower, float[] inverse) {
        int n = lower.length;
        // X L, of which column j begins at row j of L.
        var half = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < n; k++) {
                double element = inverse[i * n + k];
                for (int j = 0; j <= k; j++) {
                    half[i][j] += element * lower[k][j];
                }
            }
        }
        double squares = 0;
        var row = new double[n];
        for (int i = 0; i < n; i++) {
            Arrays.fill(row, 0);
            for (int k = i; k < n; k++) {
                for (int j = 0; j < n; j++) {
                    row[j] += lower[k][i] * half[k][j];
                }
            }
            for (int j = 0; j < n; j++) {
                double difference = (i == j ? 1 : 0) - row[j];
                squares += difference * difference;
            }
        }
        return Math.sqrt(squares);
    }
}
