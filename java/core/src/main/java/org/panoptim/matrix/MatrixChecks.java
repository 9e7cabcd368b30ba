package org.panoptim.matrix;

/** What engines refuse before they begin. */
public final class MatrixChecks {

    private MatrixChecks() {}

    /**
     * Checks a product.
     *
     * @throws IllegalArgumentException as {@link MatrixEngine#multiply} says
     */
    public static void product(
            MatrixBatch a, boolean transposeA, MatrixBatch b, boolean transposeB, MatrixBatch c) {
        var left = transposeA ? a.size().transposed() : a.size();
        var right = transposeB ? b.size().transposed() : b.size();
        if (left.columns() != right.rows()
                || !c.size().equals(new MatrixSize(left.rows(), right.columns()))) {
            throw new IllegalArgumentException(
                    "a product of matrices of %s and %s does not fit one of %s"
                            .formatted(left, right, c.size()));
        }
        requireCount(a, c);
        requireCount(b, c);
        requireWritable(c);
        if (c == a || c == b) {
            throw new IllegalArgumentException("a product cannot be written over its own factor");
        }
    }

    /**
     * Checks a copy.
     *
     * @throws IllegalArgumentException as {@link MatrixEngine#copy} says
     */
    public static void copy(MatrixBatch from, MatrixBatch to) {
        if (!from.size().equals(to.size())) {
            throw new IllegalArgumentException(
                    "matrices of %s cannot be copied to those of %s"
                            .formatted(from.size(), to.size()));
        }
        requireCount(from, to);
        requireWritable(to);
    }

    private static void requireCount(MatrixBatch one, MatrixBatch other) {
        if (one.count() != other.count()) {
            throw new IllegalArgumentException(
                    "batches of %d and of %d matrices".formatted(one.count(), other.count()));
        }
    }

    private static void requireWritable(MatrixBatch target) {
        if (!target.isWritable()) {
            throw new IllegalArgumentException(
                    "a state that outlasts the step is written by its phases alone, since those"
                            + " know whether the step is accepted; let a phase store it");
        }
    }
}
