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
     * Checks a rank-k update.
     *
     * @throws IllegalArgumentException as {@link MatrixEngine#rankUpdate} says
     */
    public static void rankUpdate(MatrixBatch a, boolean transpose, MatrixBatch c) {
        product(a, transpose, a, !transpose, c);
    }

    /**
     * Checks a factorisation.
     *
     * @throws IllegalArgumentException as {@link MatrixEngine#factorise} says
     */
    public static void factorisation(MatrixBatch a, double damping, MatrixBatch factor) {
        requireSquare(a);
        requireDamping(damping);
        requireLike(a, factor);
    }

    /**
     * Checks an inversion.
     *
     * @throws IllegalArgumentException as {@link MatrixEngine#invert} says
     */
    public static void inversion(
            MatrixBatch a, double damping, MatrixBatch work, MatrixBatch inverse) {
        requireSquare(a);
        requireDamping(damping);
        requireLike(a, work);
        requireLike(a, inverse);
        if (work == inverse) {
            throw new IllegalArgumentException(
                    "an inverse cannot be where its intermediate results are");
        }
    }

    /**
     * Checks norms, or divisors.
     *
     * @param target which of the two is written
     * @throws IllegalArgumentException as {@link MatrixEngine#norms} says
     */
    public static void numbers(MatrixBatch a, MatrixBatch numbers, MatrixBatch target) {
        if (!numbers.size().equals(new MatrixSize(1, 1))) {
            throw new IllegalArgumentException(
                    "one number a matrix is a batch of 1 x 1, not of " + numbers.size());
        }
        requireCount(a, numbers);
        requireWritable(target);
        if (a == numbers) {
            throw new IllegalArgumentException("matrices cannot be their own numbers");
        }
    }

    private static void requireSquare(MatrixBatch a) {
        if (a.size().rows() != a.size().columns()) {
            throw new IllegalArgumentException(
                    "matrices of %s are not square, so not symmetric".formatted(a.size()));
        }
    }

    private static void requireDamping(double damping) {
        if (!(damping >= 0 && damping < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "damping must be finite and at least 0, but is " + damping);
        }
    }

    private static void requireLike(MatrixBatch a, MatrixBatch target) {
        if (!a.size().equals(target.size())) {
            throw new IllegalArgumentException(
                    "what becomes of matrices of %s does not fit those of %s"
                            .formatted(a.size(), target.size()));
        }
        requireCount(a, target);
        requireWritable(target);
        if (a == target) {
            throw new IllegalArgumentException("a result cannot be written over its own matrix");
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
