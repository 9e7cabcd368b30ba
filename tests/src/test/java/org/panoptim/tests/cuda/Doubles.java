package org.panoptim.tests.cuda;

import java.util.Random;

/** Plain matrices in double, by rows, as the yardstick. */
final class Doubles {

    private Doubles() {}

    static float[] random(Random random, int count) {
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    /** A symmetric matrix with eigenvalues from 1 / condition to 1, and rows of unequal size. */
    static float[] positive(Random random, int n, double condition) {
        var matrix = new double[n][n];
        for (int i = 0; i < n; i++) {
            matrix[i][i] = n == 1 ? 1 : Math.pow(condition, -i / (n - 1.0));
        }
        for (int round = 0; round < 2; round++) {
            reflect(random, matrix);
        }
        var values = new float[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                values[i * n + j] = (float) matrix[i][j];
                values[j * n + i] = values[i * n + j];
            }
        }
        return values;
    }

    /** M ← H M H for a random Householder reflection H. */
    private static void reflect(Random random, double[][] m) {
        int n = m.length;
        var v = random.doubles(n, -1, 1).toArray();
        double square = 0;
        for (double x : v) {
            square += x * x;
        }
        for (int side = 0; side < 2; side++) {
            for (int i = 0; i < n; i++) {
                double dot = 0;
                for (int j = 0; j < n; j++) {
                    dot += (side == 0 ? m[i][j] : m[j][i]) * v[j];
                }
                for (int j = 0; j < n; j++) {
                    double change = 2 * dot * v[j] / square;
                    if (side == 0) {
                        m[i][j] -= change;
                    } else {
                        m[j][i] -= change;
                    }
                }
            }
        }
    }

    /** The norm of {@code I − B^½ X B^½} with B = F + damping · I, from below. */
    static double error(float[] factor, double damping, float[] inverse, int n) {
        var l = cholesky(factor, damping, n);
        var random = new Random(5);
        var v = random.doubles(n, -1, 1).toArray();
        double norm = 0;
        for (int i = 0; i < 60; i++) {
            norm = normalise(v);
            v = residual(l, inverse, v, n);
        }
        return Math.max(norm, normalise(v));
    }

    private static double normalise(double[] v) {
        double square = 0;
        for (double x : v) {
            square += x * x;
        }
        double norm = Math.sqrt(square);
        for (int i = 0; i < v.length && norm > 0; i++) {
            v[i] /= norm;
        }
        return norm;
    }

    /** v − Lᵀ X L v. */
    private static double[] residual(double[][] l, float[] x, double[] v, int n) {
        var lv = new double[n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                lv[i] += l[i][j] * v[j];
            }
        }
        var xlv = new double[n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                xlv[i] += x[i * n + j] * lv[j];
            }
        }
        var result = v.clone();
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                result[j] -= l[i][j] * xlv[i];
            }
        }
        return result;
    }

    private static double[][] cholesky(float[] factor, double damping, int n) {
        var l = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = factor[i * n + j] + (i == j ? damping : 0);
                for (int k = 0; k < j; k++) {
                    sum -= l[i][k] * l[j][k];
                }
                l[i][j] = i == j ? Math.sqrt(sum) : sum / l[j][j];
            }
        }
        return l;
    }

    /** A B, m × k times k × n. */
    static double[] multiply(double[] a, double[] b, int m, int k, int n) {
        var c = new double[m * n];
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < k; j++) {
                for (int l = 0; l < n; l++) {
                    c[i * n + l] += a[i * k + j] * b[j * n + l];
                }
            }
        }
        return c;
    }

    static double[] of(float[] values) {
        var result = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = values[i];
        }
        return result;
    }
}
