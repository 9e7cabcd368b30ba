package org.panoptim.kfac;

import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/** Small dense matrices in double, by rows, and their way into memory. */
final class Matrices {

    private Matrices() {}

    static double[][] random(int rows, int columns, long seed) {
        var random = new Random(seed);
        var matrix = new double[rows][columns];
        for (var row : matrix) {
            for (int j = 0; j < columns; j++) {
                row[j] = (float) random.nextGaussian();
            }
        }
        return matrix;
    }

    static double[][] multiply(double[][] a, double[][] b) {
        var product = new double[a.length][b[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int k = 0; k < b.length; k++) {
                for (int j = 0; j < b[0].length; j++) {
                    product[i][j] += a[i][k] * b[k][j];
                }
            }
        }
        return product;
    }

    static double[][] transpose(double[][] a) {
        var transposed = new double[a[0].length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[0].length; j++) {
                transposed[j][i] = a[i][j];
            }
        }
        return transposed;
    }

    static double[][] scale(double factor, double[][] a) {
        var scaled = new double[a.length][a[0].length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[0].length; j++) {
                scaled[i][j] = factor * a[i][j];
            }
        }
        return scaled;
    }

    static double[][] add(double[][] a, double[][] b) {
        var sum = scale(1, a);
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[0].length; j++) {
                sum[i][j] += b[i][j];
            }
        }
        return sum;
    }

    static double[][] damped(double[][] a, double damping) {
        var damped = scale(1, a);
        for (int i = 0; i < a.length; i++) {
            damped[i][i] += damping;
        }
        return damped;
    }

    static double trace(double[][] a) {
        double trace = 0;
        for (int i = 0; i < a.length; i++) {
            trace += a[i][i];
        }
        return trace;
    }

    /** The mean of r rᵀ over rows. */
    static double[][] moment(double[][] rows) {
        return scale(1.0 / rows.length, multiply(transpose(rows), rows));
    }

    static double[][] withOnes(double[][] rows) {
        var extended = new double[rows.length][];
        for (int i = 0; i < rows.length; i++) {
            extended[i] = java.util.Arrays.copyOf(rows[i], rows[i].length + 1);
            extended[i][rows[i].length] = 1;
        }
        return extended;
    }

    /** By Gauss and Jordan with pivots. */
    static double[][] inverse(double[][] a) {
        int n = a.length;
        var left = scale(1, a);
        var right = damped(new double[n][n], 1);
        for (int column = 0; column < n; column++) {
            int pivot = column;
            for (int i = column; i < n; i++) {
                if (Math.abs(left[i][column]) > Math.abs(left[pivot][column])) {
                    pivot = i;
                }
            }
            swap(left, column, pivot);
            swap(right, column, pivot);
            double diagonal = left[column][column];
            for (int j = 0; j < n; j++) {
                left[column][j] /= diagonal;
                right[column][j] /= diagonal;
            }
            for (int i = 0; i < n; i++) {
                double times = left[i][column];
                if (i != column && times != 0) {
                    for (int j = 0; j < n; j++) {
                        left[i][j] -= times * left[column][j];
                        right[i][j] -= times * right[column][j];
                    }
                }
            }
        }
        return right;
    }

    private static void swap(double[][] rows, int one, int other) {
        var kept = rows[one];
        rows[one] = rows[other];
        rows[other] = kept;
    }

    /** The Kronecker product b ⊗ a that acts on matrices of b's size × a's, joined row by row. */
    static double[][] kronecker(double[][] b, double[][] a) {
        int n = a.length;
        var product = new double[b.length * n][b.length * n];
        for (int i = 0; i < product.length; i++) {
            for (int j = 0; j < product.length; j++) {
                product[i][j] = b[i / n][j / n] * a[i % n][j % n];
            }
        }
        return product;
    }

    /** A symmetric matrix with eigenvalues spread evenly in the logarithm from 1 to 1/condition. */
    static double[][] spectrum(int n, double condition, long seed) {
        var matrix = new double[n][n];
        for (int i = 0; i < n; i++) {
            matrix[i][i] = n == 1 ? 1 : Math.pow(condition, -(double) i / (n - 1));
        }
        // Reflections keep the eigenvalues.
        for (int times = 0; times < 3; times++) {
            var v = random(n, 1, seed + times);
            double squares = 0;
            for (var row : v) {
                squares += row[0] * row[0];
            }
            var reflection = damped(scale(-2 / squares, multiply(v, transpose(v))), 1);
            matrix = multiply(multiply(reflection, matrix), reflection);
        }
        return matrix;
    }

    static MemorySegment floats(Arena arena, double[][] matrix) {
        var segment = arena.allocate((long) matrix.length * matrix[0].length * Float.BYTES, 64);
        write(segment, matrix);
        return segment;
    }

    static void write(MemorySegment segment, double[][] matrix) {
        long at = 0;
        for (var row : matrix) {
            for (double value : row) {
                segment.setAtIndex(ValueLayout.JAVA_FLOAT, at++, (float) value);
            }
        }
    }

    static double[][] read(MemorySegment segment, int rows, int columns) {
        var matrix = new double[rows][columns];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                matrix[i][j] = segment.getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * columns + j);
            }
        }
        return matrix;
    }

    /** Gives a parameter the values of another one of its shape. */
    static void copyValues(Parameter from, Parameter to) {
        ((HostMemory) to.value()).segment().copyFrom(((HostMemory) from.value()).segment());
    }

    static double largestDifference(double[][] a, double[][] b) {
        double largest = 0;
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[0].length; j++) {
                largest = Math.max(largest, Math.abs(a[i][j] - b[i][j]));
            }
        }
        return largest;
    }
}
