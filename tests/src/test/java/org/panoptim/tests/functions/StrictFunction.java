package org.panoptim.tests.functions;

import java.util.Locale;
import java.util.function.DoubleBinaryOperator;

/** A function of {@link StrictMath} that {@code kernels/rules/functions.cuh} has too. */
public enum StrictFunction {
    POWER(2, StrictMath::pow),
    EXPONENTIAL(1, (x, _) -> StrictMath.exp(x)),
    LOGARITHM(1, (x, _) -> StrictMath.log(x)),
    COSINE(1, (x, _) -> StrictMath.cos(x));

    private final int arity;
    private final DoubleBinaryOperator strict;

    StrictFunction(int arity, DoubleBinaryOperator strict) {
        this.arity = arity;
        this.strict = strict;
    }

    /** Its name in C++. */
    public String nativeName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The function, or kernel, that computes it for arrays. */
    public String symbol() {
        return "panoptim_test_" + nativeName();
    }

    /** How many arguments it has. */
    int arity() {
        return arity;
    }

    /** StrictMath's result; functions of one argument leave y alone. */
    double strict(double x, double y) {
        return strict.applyAsDouble(x, y);
    }

    String call(double x, double y) {
        return nativeName()
                + "("
                + Double.toHexString(x)
                + (arity == 2 ? ", " + Double.toHexString(y) : "")
                + ")";
    }
}
