package org.panoptim.internal.lbfgs;

/**
 * The minimum of the cubic through two points with slopes (Nocedal and Wright, equation 3.59), in
 * the order of operations of PyTorch's {@code _cubic_interpolate}.
 */
final class Cubic {

    private Cubic() {}

    /** The minimum between the two points. */
    static double minimum(Trial one, Trial other) {
        return minimum(one, other, Math.min(one.t(), other.t()), Math.max(one.t(), other.t()));
    }

    /** The minimum within bounds; their middle if there is none. */
    static double minimum(Trial one, Trial other, double least, double most) {
        var left = one.t() <= other.t() ? one : other;
        var right = one.t() <= other.t() ? other : one;
        double d1 =
                one.slope()
                        + other.slope()
                        - 3 * (one.loss() - other.loss()) / (one.t() - other.t());
        double square = d1 * d1 - one.slope() * other.slope();
        if (!(square >= 0)) {
            return (least + most) / 2;
        }
        double d2 = Math.sqrt(square);
        double share = (right.slope() + d2 - d1) / (right.slope() - left.slope() + 2 * d2);
        double minimum = right.t() - (right.t() - left.t()) * share;
        return Math.min(Math.max(minimum, least), most);
    }
}
