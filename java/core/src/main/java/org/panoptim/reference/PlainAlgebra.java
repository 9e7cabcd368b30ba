package org.panoptim.reference;

import org.panoptim.rule.MatrixAlgebra;

/** Linear algebra by the textbook, summed in double. */
enum PlainAlgebra implements MatrixAlgebra {
    INSTANCE;

    @Override
    public void multiply(
            int rows,
            int columns,
            int inner,
            float alpha,
            float[] a,
            boolean transposeA,
            float[] b,
            boolean transposeB,
            float beta,
            float[] c) {
        checkSize("a", a, rows, inner);
        checkSize("b", b, inner, columns);
        checkSize("c", c, rows, columns);
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                double sum = 0;
                for (int k = 0; k < inner; k++) {
                    float left = transposeA ? a[k * rows + row] : a[row * inner + k];
                    float right = transposeB ? b[column * inner + k] : b[k * columns + column];
                    sum += (double) left * right;
                }
                int place = row * columns + column;
                double kept = beta == 0 ? 0 : (double) beta * c[place];
                c[place] = (float) (alpha * sum + kept);
            }
        }
    }

    private static void checkSize(String name, float[] matrix, int rows, int columns) {
        if (rows < 0 || columns < 0 || matrix.length < (long) rows * columns) {
            throw new IllegalArgumentException(
                    "matrix "
                            + name
                            + " of "
                            + rows
                            + " by "
                            + columns
                            + " needs "
                            + (long) rows * columns
                            + " elements, but has "
                            + matrix.length);
        }
    }
}
