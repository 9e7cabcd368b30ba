package org.panoptim.tests.functions;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/**
 * Doubles that are closer to a multiple of π/2 than any others with their exponent, found by
 * continued fractions: where most digits cancel.
 */
final class NearHalfPi {

    /** Binary digits after the point. */
    private static final int DIGITS = 1400;

    private static final BigInteger ONE = BigInteger.ONE.shiftLeft(DIGITS);
    private static final BigInteger TWO_OVER_PI = ONE.shiftLeft(DIGITS + 1).divide(pi());

    private NearHalfPi() {}

    /** What a double x is from a multiple of π/2, in multiples of π/2, as a power of 2. */
    record Close(double x, int exponentOfDistance) {}

    /** For every exponent above 2^19: the closest double, and two that are nearly as close. */
    static List<Close> all() {
        var all = new ArrayList<Close>();
        for (int exponent = 20 - 52; exponent <= Double.MAX_EXPONENT - 52; exponent++) {
            all.addAll(closest(exponent));
        }
        return all;
    }

    /** Of the form m 2^exponent: the denominators m of convergents of 2^exponent 2/π. */
    private static List<Close> closest(int exponent) {
        var denominators = new ArrayList<BigInteger>();
        var before = BigInteger.ZERO;
        var denominator = BigInteger.ONE;
        var dividend = ONE;
        var divisor = fraction(exponent, BigInteger.ONE);
        while (denominator.bitLength() <= 53) {
            denominators.add(denominator);
            var parts = dividend.divideAndRemainder(divisor);
            var next = parts[0].multiply(denominator).add(before);
            before = denominator;
            denominator = next;
            dividend = divisor;
            divisor = parts[1];
        }
        int count = denominators.size();
        return denominators.subList(Math.max(0, count - 3), count).stream()
                .map(m -> close(m, exponent))
                .toList();
    }

    private static Close close(BigInteger m, int exponent) {
        var fraction = fraction(exponent, m);
        var distance = fraction.min(ONE.subtract(fraction));
        return new Close(
                Math.scalb((double) m.longValueExact(), exponent), distance.bitLength() - DIGITS);
    }

    /** The fraction of m 2^exponent 2/π. */
    private static BigInteger fraction(int exponent, BigInteger m) {
        return TWO_OVER_PI.multiply(m).shiftLeft(exponent).mod(ONE);
    }

    /** By Machin: π = 16 arctan(1/5) − 4 arctan(1/239). */
    private static BigInteger pi() {
        return arctanOfInverse(5).shiftLeft(4).subtract(arctanOfInverse(239).shiftLeft(2));
    }

    private static BigInteger arctanOfInverse(long n) {
        var sum = BigInteger.ZERO;
        var square = BigInteger.valueOf(-n * n);
        var power = ONE.divide(BigInteger.valueOf(n));
        for (long k = 1; power.signum() != 0; k += 2) {
            sum = sum.add(power.divide(BigInteger.valueOf(k)));
            power = power.divide(square);
        }
        return sum;
    }
}
