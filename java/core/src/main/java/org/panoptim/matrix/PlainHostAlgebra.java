package org.panoptim.matrix;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** The linear algebra in plain Java, in double inside: clear before fast. */
public final class PlainHostAlgebra implements HostAlgebra {

    /** It keeps nothing. */
    public PlainHostAlgebra() {}

    @Override
    public String name() {
        return "plain Java";
    }

    @Override
    public void combine(
            double a, MemorySegment source, double b, MemorySegment target, long count) {
        for (long i = 0; i < count; i++) {
            double before = b == 0 ? 0 : b * Floats.get(target, i);
            Floats.set(target, i, (float) (a * Floats.get(source, i) + before));
        }
    }

    @Override
    public void addRows(
            double weight,
            MemorySegment rows,
            long count,
            int columns,
            boolean ones,
            MemorySegment factor) {
        int n = columns + (ones ? 1 : 0);
        var sums = new double[n * n];
        var row = new double[n];
        row[n - 1] = 1;
        for (long r = 0; r < count; r++) {
            for (int i = 0; i < columns; i++) {
                row[i] = Floats.get(rows, r * columns + i);
            }
            for (int i = 0; i < n; i++) {
                for (int j = 0; j <= i; j++) {
                    sums[i * n + j] += row[i] * row[j];
                }
            }
        }
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                long at = (long) i * n + j;
                float sum = (float) (Floats.get(factor, at) + weight * sums[i * n + j]);
                Floats.set(factor, at, sum);
                Floats.set(factor, (long) j * n + i, sum);
            }
        }
    }

    @Override
    public Inverted.Status invert(
            int n,
            MemorySegment factor,
            double damping,
            boolean doublePrecision,
            MemorySegment inverse) {
        var scale = new double[n];
        for (int i = 0; i < n; i++) {
            scale[i] = 1 / Math.sqrt(Floats.get(factor, (long) i * n + i) + damping);
        }
        var matrix = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double element = Floats.get(factor, (long) i * n + j) + (i == j ? damping : 0);
                matrix[i][j] = element * scale[i] * scale[j];
            }
        }
        if (!factorise(matrix)) {
            return Inverted.Status.NOT_POSITIVE_DEFINITE;
        }
        invertTriangle(matrix);
        boolean finite = true;
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = 0;
                for (int k = i; k < n; k++) {
                    sum += matrix[k][i] * matrix[k][j];
                }
                float element = (float) (sum * scale[i] * scale[j]);
                finite &= Float.isFinite(element);
                Floats.set(inverse, (long) i * n + j, element);
                Floats.set(inverse, (long) j * n + i, element);
            }
        }
        return finite ? Inverted.Status.INVERTED : Inverted.Status.NOT_FINITE;
    }

    @Override
    public boolean factorise(int n, MemorySegment matrix, double damping, MemorySegment factor) {
        var lower = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                lower[i][j] = Floats.get(matrix, (long) i * n + j) + (i == j ? damping : 0);
            }
        }
        boolean definite = factorise(lower);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                Floats.set(factor, (long) i * n + j, (float) lower[i][j]);
            }
        }
        return definite;
    }

    /** Leaves L of {@code L Lᵀ} in the lower triangle. */
    private static boolean factorise(double[][] matrix) {
        for (int i = 0; i < matrix.length; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = matrix[i][j];
                for (int k = 0; k < j; k++) {
                    sum -= matrix[i][k] * matrix[j][k];
                }
                if (j < i) {
                    matrix[i][j] = sum / matrix[j][j];
                } else if (sum > 0) {
                    matrix[i][i] = Math.sqrt(sum);
                } else {
                    return false;
                }
            }
        }
        return true;
    }

    /** Leaves L⁻¹ in the lower triangle. */
    private static void invertTriangle(double[][] matrix) {
        for (int j = 0; j < matrix.length; j++) {
            matrix[j][j] = 1 / matrix[j][j];
            for (int i = j + 1; i < matrix.length; i++) {
                double sum = 0;
                for (int k = j; k < i; k++) {
                    sum += matrix[i][k] * matrix[k][j];
                }
                matrix[i][j] = -sum / matrix[i][i];
            }
        }
    }

    @Override
    public void multiply(
            int rows,
            int columns,
            int inner,
            float alpha,
            MemorySegment a,
            boolean transposeA,
            MemorySegment b,
            boolean transposeB,
            float beta,
            MemorySegment c) {
        var sums = new double[columns];
        for (int i = 0; i < rows; i++) {
            Arrays.fill(sums, 0);
            for (int k = 0; k < inner; k++) {
                double left =
                        Floats.get(a, transposeA ? (long) k * rows + i : (long) i * inner + k);
                for (int j = 0; j < columns; j++) {
                    long at = transposeB ? (long) j * inner + k : (long) k * columns + j;
                    sums[j] += left * Floats.get(b, at);
                }
            }
            for (int j = 0; j < columns; j++) {
                long at = (long) i * columns + j;
                double product = alpha * sums[j];
                Floats.set(
                        c,
                        at,
                        (float)
                                (beta == 0
                                        ? product
                                        : product + (double) beta * Floats.get(c, at)));
            }
        }
    }

    @Override
    public void multiplyInDouble(
            int rows,
            int columns,
            MemorySegment left,
            MemorySegment middle,
            MemorySegment right,
            MemorySegment product) {
        var half = new double[rows][columns];
        for (int i = 0; i < rows; i++) {
            for (int k = 0; k < columns; k++) {
                double element = Floats.get(middle, (long) i * columns + k);
                for (int j = 0; j < columns; j++) {
                    half[i][j] += element * Floats.get(right, (long) k * columns + j);
                }
            }
        }
        var sums = new double[columns];
        for (int i = 0; i < rows; i++) {
            Arrays.fill(sums, 0);
            for (int k = 0; k < rows; k++) {
                double element = Floats.get(left, (long) i * rows + k);
                for (int j = 0; j < columns; j++) {
                    sums[j] += element * half[k][j];
                }
            }
            for (int j = 0; j < columns; j++) {
                Floats.set(product, (long) i * columns + j, (float) sums[j]);
            }
        }
    }

    @Override
    public void probe(
            int n,
            MemorySegment matrix,
            MemorySegment vectors,
            MemorySegment scale,
            MemorySegment products,
            MemorySegment sums) {
        int probes = Certificate.PROBES;
        var total = new double[probes];
        var block = new double[probes];
        for (int i = 0; i < n; i++) {
            Arrays.fill(total, 0);
            double absolute = 0;
            double squares = 0;
            for (int from = 0; from < n; from += Certificate.BLOCK) {
                Arrays.fill(block, 0);
                for (int j = from; j < Math.min(n, from + Certificate.BLOCK); j++) {
                    double element = Floats.get(matrix, (long) i * n + j);
                    double scaled = element * scale.getAtIndex(JAVA_DOUBLE, j);
                    absolute += Math.abs(element);
                    squares += scaled * scaled;
                    for (int probe = 0; probe < probes; probe++) {
                        block[probe] +=
                                element
                                        * vectors.getAtIndex(
                                                JAVA_DOUBLE, (long) j * probes + probe);
                    }
                }
                for (int probe = 0; probe < probes; probe++) {
                    total[probe] += block[probe];
                }
            }
            for (int probe = 0; probe < probes; probe++) {
                products.setAtIndex(JAVA_DOUBLE, (long) i * probes + probe, total[probe]);
            }
            double own = scale.getAtIndex(JAVA_DOUBLE, i);
            sums.setAtIndex(JAVA_DOUBLE, 2L * i, absolute);
            sums.setAtIndex(JAVA_DOUBLE, 2L * i + 1, own * own * squares);
        }
    }
}
