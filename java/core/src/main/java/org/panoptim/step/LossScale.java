package org.panoptim.step;

/**
 * The factor that the loss, and so every gradient, was multiplied by before the backward pass, to
 * keep small gradients above the smallest numbers of a short type. The step divides by it.
 */
public sealed interface LossScale {

    /**
     * The smallest factor, the smallest normal float: gradients are divided in float, where the
     * reciprocal of a smaller factor could be infinite.
     */
    double SMALLEST = 0x1p-126;

    /** The largest factor: it and its reciprocal are normal floats. */
    double LARGEST = 0x1p126;

    /** No scale: the factor 1. */
    static LossScale none() {
        return new Fixed(1);
    }

    /** The same factor always. */
    static LossScale fixed(double factor) {
        return new Fixed(factor);
    }

    /**
     * A factor that halves after a non-finite gradient and doubles after 2000 accepted steps in a
     * row, from 65536; as PyTorch's GradScaler. Steps with a non-finite gradient are skipped. It
     * stays within {@link #SMALLEST} and {@link #LARGEST}.
     */
    static LossScale dynamic() {
        return new Dynamic(65536, 2, 0.5, 2000);
    }

    /** The factor of the first step. */
    double initial();

    /**
     * The same factor always.
     *
     * @param factor from {@link #SMALLEST} to {@link #LARGEST}
     */
    record Fixed(double factor) implements LossScale {
        /** Checks the factor. */
        public Fixed {
            requireFloat("factor", factor);
        }

        @Override
        public double initial() {
            return factor;
        }
    }

    /**
     * A factor that follows the gradients.
     *
     * @param initial from {@link #SMALLEST} to {@link #LARGEST}
     * @param growthFactor multiplies it after {@code growthInterval} accepted steps; above 1
     * @param backoffFactor multiplies it after a non-finite gradient; in (0, 1)
     * @param growthInterval accepted steps in a row before it grows; at least 1
     */
    record Dynamic(double initial, double growthFactor, double backoffFactor, long growthInterval)
            implements LossScale {
        /** Checks the components. */
        public Dynamic {
            requireFloat("initial", initial);
            if (!(growthFactor > 1 && growthFactor < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException(
                        "LossScale: growthFactor must be finite and above 1, but is "
                                + growthFactor);
            }
            if (!(backoffFactor > 0 && backoffFactor < 1)) {
                throw new IllegalArgumentException(
                        "LossScale: backoffFactor must be in (0, 1), but is " + backoffFactor);
            }
            if (growthInterval < 1) {
                throw new IllegalArgumentException(
                        "LossScale: growthInterval must be at least 1, but is " + growthInterval);
            }
        }
    }

    private static void requireFloat(String name, double value) {
        if (!(value >= SMALLEST && value <= LARGEST)) {
            throw new IllegalArgumentException(
                    "LossScale: "
                            + name
                            + " must be from 2^-126 to 2^126, so that it and its reciprocal are"
                            + " floats, but is "
                            + value);
        }
    }
}
