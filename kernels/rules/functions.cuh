// Powers, exponentials, logarithms and cosines in double, for what a rule prepares once a step:
// with the bits of Java's StrictMath on every backend, all NaNs counted as one value.
//
// Source: fdlibm 5.3, e_pow.c, e_exp.c, e_log.c, s_cos.c, k_cos.c and k_sin.c (Sun Microsystems,
// 1993 and 2004; licenses/fdlibm.txt), which StrictMath is specified to follow: the same constants,
// and the same rounded operations in the same order. A different grouping would give other bits.
// Where a test looks at a high word, as written here in hexadecimal, it must not be made exact.
#pragma once

#include "rules/half_pi.cuh"
#include "rules/numerics.cuh"
#include "rules/words.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace functions {

constexpr double ln2 = 0x1.62e42fefa39efp-1;
constexpr double inverse_ln2 = 0x1.71547652b82fep+0;
// ln 2 with 32 zeros at its end, so that small multiples are exact, and the rest
constexpr double ln2_high = 0x1.62e42feep-1;
constexpr double ln2_low = 0x1.a39ef35793c76p-33;

PANOPTIM_DEVICE double infinity() {
    return double_of(0x7FF0000000000000);
}

PANOPTIM_DEVICE double not_a_number() {
    return double_of(0x7FF8000000000000);
}

// A number to more digits than a double has; the head's low word is zero.
struct Sum {
    double head;
    double tail;
};

// x - R(x), where e^x = 1 + x R(x) / (2 - R(x)), for |x| up to ln 2 / 2.
PANOPTIM_DEVICE double exponential_remainder(double x) {
    const double square = x * x;
    return x - square * (0x1.555555555553ep-3 +
                         square * (-0x1.6c16c16bebd93p-9 +
                                   square * (0x1.1566aaf25de2cp-14 +
                                             square * (-0x1.bbd41c5d26bf1p-20 +
                                                       square * 0x1.6376972bea4d0p-25))));
}

// log2(x) for |x - 1| below 2^-20, by four terms of its series.
PANOPTIM_DEVICE Sum log2_near_one(double x) {
    constexpr double inverse_ln2_high = 0x1.715476p+0;
    constexpr double inverse_ln2_low = 0x1.4ae0bf85ddf44p-26;
    const double t = x - 1;
    const double terms = (t * t) * (0.5 - t * (0x1.5555555555555p-2 - t * 0.25));
    const double high = inverse_ln2_high * t;
    const double low = t * inverse_ln2_low - terms * inverse_ln2;
    const double head = leading(high + low);
    return {head, low - (head - high)};
}

// log2(x) for any positive x: x = 2^n centre (1 + s) / (1 - s), where centre is 1 or 3/2.
PANOPTIM_DEVICE Sum log2_sum(double x) {
    int32_t n = -1023;
    if (high_word(x) < 0x00100000) { // subnormal
        x *= 0x1p53;
        n -= 53;
    }
    n += high_word(x) >> 20;
    const int32_t fraction = high_word(x) & 0x000FFFFF;
    int32_t high = fraction | 0x3FF00000;
    const bool shifted = fraction > 0x3988E && fraction < 0xBB67A; // sqrt(3/2), sqrt(3)
    if (fraction >= 0xBB67A) {
        n += 1;
        high -= 0x00100000;
    }
    const double m = from_words(high, low_word(x));
    const double centre = shifted ? 1.5 : 1;
    const double log2_centre_high = shifted ? 0x1.2b8034p-1 : 0;
    const double log2_centre_low = shifted ? 0x1.cfdeb43cfd006p-27 : 0;

    // s = (m - centre) / (m + centre) as a sum
    const double numerator = m - centre;
    const double reciprocal = 1 / (m + centre);
    const double s = numerator * reciprocal;
    const double s_high = leading(s);
    const double denominator_high =
        from_words((high >> 1 | 0x20000000) + 0x00080000 + (shifted ? 0x00040000 : 0), 0);
    const double denominator_low = m - (denominator_high - centre);
    const double s_low =
        reciprocal * ((numerator - s_high * denominator_high) - s_high * denominator_low);

    // 3/2 log(m / centre) = s (3 + s^2 + series) as a sum
    const double square = s * s;
    double series = square * square *
                    (0x1.3333333333303p-1 +
                     square * (0x1.b6db6db6fabffp-2 +
                               square * (0x1.55555518f264dp-2 +
                                         square * (0x1.17460a91d4101p-2 +
                                                   square * (0x1.d864a93c9db65p-3 +
                                                             square * 0x1.a7e284a454eefp-3)))));
    series += s_low * (s_high + s);
    const double square_high = s_high * s_high;
    const double factor_high = leading(3 + square_high + series);
    const double factor_low = series - ((factor_high - 3) - square_high);
    const double product_high = s_high * factor_high;
    const double product_low = s_low * factor_high + factor_low * s;
    const double log_high = leading(product_high + product_low);
    const double log_low = product_low - (log_high - product_high);

    // Times 2 / (3 ln 2), and what was taken out of x
    const double scaled_high = 0x1.ec709ep-1 * log_high;
    const double scaled_low =
        -0x1.e2fe0145b01f5p-28 * log_high + log_low * 0x1.ec709dc3a03fdp-1 + log2_centre_low;
    const auto whole = static_cast<double>(n);
    const double head = leading(((scaled_high + scaled_low) + log2_centre_high) + whole);
    return {head, scaled_low - (((head - whole) - log2_centre_high) - scaled_high)};
}

// 2^(high + low), where `sum` is high + low, between -1075 and 1024.
PANOPTIM_DEVICE double exponential2(double high, double low, double sum) {
    int32_t n = 0;
    if (magnitude_word(sum) > 0x3FE00000) { // 1/2
        n = static_cast<int32_t>(sum < 0 ? sum - 0.5 : sum + 0.5);
        high -= static_cast<double>(n);
    }
    const double head = leading(low + high);
    const double product_high = head * 0x1.62e43p-1; // ln 2 in 24 bits, and the rest
    const double product_low = (low - (head - high)) * ln2 + head * -0x1.05c610ca86c39p-29;
    const double x = product_high + product_low;
    const double tail = product_low - (x - product_high);
    const double remainder = exponential_remainder(x);
    const double quotient = (x * remainder) / (remainder - 2) - (tail + x * tail);
    const double power = 1 - (quotient - x);
    return (high_word(power) >> 20) + n > 0 ? with_exponent_raised(power, n)
                                            : with_exponent_raised(power, n + 54) * 0x1p-54;
}

enum class Parity { even, odd, fractional };

// Of y other than 0, infinite or NaN.
PANOPTIM_DEVICE Parity parity(double y) {
    const int32_t exponent = (magnitude_word(y) >> 20) - 1023;
    if (exponent < 0) {
        return Parity::fractional;
    }
    if (exponent > 52) {
        return Parity::even;
    }
    const uint64_t significand = (bits_of(y) & 0xFFFFFFFFFFFFF) | uint64_t{1} << 52;
    const uint64_t one = uint64_t{1} << (52 - exponent);
    if ((significand & (one - 1)) != 0) {
        return Parity::fractional;
    }
    return (significand & one) != 0 ? Parity::odd : Parity::even;
}

// x^y for positive finite x other than 1, and finite y other than 0.
PANOPTIM_DEVICE double power_of_positive(double x, double y) {
    const int32_t y_magnitude = magnitude_word(y);
    Sum log;
    if (y_magnitude > 0x41E00000) { // 2^31
        const bool near_one = high_word(x) == 0x3FEFFFFF || high_word(x) == 0x3FF00000;
        if (!near_one || y_magnitude > 0x43F00000) { // 2^64
            return (x > 1) == (y > 0) ? infinity() : 0;
        }
        log = log2_near_one(x);
    } else {
        log = log2_sum(x);
    }
    const double y_high = leading(y);
    const double low = (y - y_high) * log.head + y * log.tail;
    const double high = y_high * log.head;
    const double sum = low + high;
    // What 2^1024 is above the largest double and half a unit in its last place, as a logarithm
    constexpr double to_overflow = 0x1.71547652b82fep-54;
    if (sum > 1024 || (sum == 1024 && low + to_overflow > sum - high)) {
        return infinity();
    }
    if (sum < -1075 || (sum == -1075 && low <= sum - high)) {
        return 0;
    }
    return exponential2(high, low, sum);
}

// cos(x + tail) for |x| up to pi / 4.
PANOPTIM_DEVICE double cosine_near_zero(double x, double tail) {
    const int32_t magnitude = magnitude_word(x);
    if (magnitude < 0x3E400000) { // 2^-27
        return 1;
    }
    const double square = x * x;
    const double series =
        square * (0x1.555555555554cp-5 +
                  square * (-0x1.6c16c16c15177p-10 +
                            square * (0x1.a01a019cb159p-16 +
                                      square * (-0x1.27e4f809c52adp-22 +
                                                square * (0x1.1ee9ebdb4b1c4p-29 +
                                                          square * -0x1.8fae9be8838d4p-37)))));
    // About x / 4: taken from both sides of the difference, it makes the smaller one exact.
    double quarter = 0;
    if (magnitude > 0x3FE90000) { // 0.78125
        quarter = 0.28125;
    } else if (magnitude >= 0x3FD33333) { // 0.3
        quarter = from_words(magnitude - 0x00200000, 0);
    }
    return (1 - quarter) - ((0.5 * square - quarter) - (square * series - x * tail));
}

// sin(x + tail) for |x| up to pi / 4.
PANOPTIM_DEVICE double sine_near_zero(double x, double tail) {
    if (magnitude_word(x) < 0x3E400000) { // 2^-27
        return x;
    }
    const double square = x * x;
    const double cube = square * x;
    const double series =
        0x1.111111110f8a6p-7 +
        square * (-0x1.a01a019c161d5p-13 +
                  square * (0x1.71de357b1fe7dp-19 +
                            square * (-0x1.ae5e68a2b9cebp-26 + square * 0x1.5d93a5acfd57cp-33)));
    return x - ((square * (0.5 * tail - cube * series) - tail) - cube * -0x1.5555555555549p-3);
}

} // namespace functions

// e^x
PANOPTIM_DEVICE double exponential(double x) {
    using namespace functions;
    if (x != x) {
        return x;
    }
    if (x > 0x1.62e42fefa39efp+9) { // 709.78
        return infinity();
    }
    if (x < -0x1.74910d52d3051p+9) { // -745.13
        return 0;
    }
    const int32_t magnitude = magnitude_word(x);
    if (magnitude < 0x3E300000) { // 2^-28
        return 1 + x;
    }
    // x = n ln 2 + (high - low)
    int32_t n = 0;
    if (magnitude >= 0x3FF0A2B2) { // 3/2 ln 2
        n = static_cast<int32_t>(inverse_ln2 * x + (x < 0 ? -0.5 : 0.5));
    } else if (magnitude > 0x3FD62E42) { // ln 2 / 2
        n = x < 0 ? -1 : 1;
    }
    const double high = x - n * ln2_high;
    const double low = n * ln2_low;
    const double rest = high - low;
    const double remainder = exponential_remainder(rest);
    const double power = 1 - ((low - (rest * remainder) / (2 - remainder)) - high);
    return n >= -1021 ? with_exponent_raised(power, n)
                      : with_exponent_raised(power, n + 1000) * 0x1p-1000;
}

// The natural logarithm of x.
PANOPTIM_DEVICE double logarithm(double x) {
    using namespace functions;
    if (x == 0) {
        return -infinity();
    }
    if (has_sign(x)) {
        return not_a_number();
    }
    if (high_word(x) >= 0x7FF00000) { // infinite or NaN
        return x;
    }
    int32_t exponent = -1023;
    if (high_word(x) < 0x00100000) { // subnormal
        x *= 0x1p54;
        exponent -= 54;
    }
    exponent += high_word(x) >> 20;
    // x = 2^n (1 + f) with 1 + f between sqrt(1/2) and sqrt(2)
    const int32_t fraction = high_word(x) & 0x000FFFFF;
    const int32_t halved = (fraction + 0x95F64) & 0x00100000;
    const auto n = static_cast<double>(exponent + (halved >> 20));
    const double f = from_words(fraction | (halved ^ 0x3FF00000), low_word(x)) - 1;
    if ((0x000FFFFF & (2 + fraction)) < 3) { // |f| below 2^-20
        const double terms = f * f * (0.5 - 0x1.5555555555555p-2 * f);
        return n * ln2_high - ((terms - n * ln2_low) - f);
    }
    // log(1 + f) = log(1 + s) - log(1 - s)
    const double s = f / (2 + f);
    const double square = s * s;
    const double fourth = square * square;
    const double even = fourth * (0x1.999999997fa04p-2 +
                                  fourth * (0x1.c71c51d8e78afp-3 + fourth * 0x1.39a09d078c69fp-3));
    const double odd =
        square * (0x1.5555555555593p-1 +
                  fourth * (0x1.2492494229359p-2 +
                            fourth * (0x1.7466496cb03dep-3 + fourth * 0x1.2f112df3e5244p-3)));
    const double series = odd + even;
    if (fraction >= 0x6147A && fraction <= 0x6B851) { // 1 + f from 1.38 to 1.42
        const double half_square = 0.5 * f * f;
        return n * ln2_high - ((half_square - (s * (half_square + series) + n * ln2_low)) - f);
    }
    return n * ln2_high - ((s * (f - series) - n * ln2_low) - f);
}

// x^y, with x^0 = 1 for every x; NaN for 1 to the power of an infinity, as in Java.
PANOPTIM_DEVICE double power(double x, double y) {
    using namespace functions;
    if (y == 0) {
        return 1;
    }
    if (x != x || y != y) {
        return not_a_number();
    }
    const double magnitude = without_sign(x);
    if (without_sign(y) == infinity()) {
        if (magnitude == 1) {
            return not_a_number();
        }
        return (magnitude > 1) == (y > 0) ? infinity() : 0;
    }
    // Where these are exact or correctly rounded.
    if (y == 1) {
        return x;
    }
    if (y == -1) {
        return 1 / x;
    }
    if (y == 2) {
        return x * x;
    }
    if (y == 0.5 && !has_sign(x)) {
        return square_root(x);
    }
    const Parity parity_of_y = has_sign(x) ? parity(y) : Parity::even;
    double result = 1;
    if (magnitude == 0 || magnitude == infinity()) {
        result = y < 0 ? 1 / magnitude : magnitude;
    } else if (parity_of_y == Parity::fractional) {
        return not_a_number();
    } else if (magnitude != 1) {
        result = power_of_positive(magnitude, y);
    }
    return parity_of_y == Parity::odd ? -result : result;
}

// cos x
PANOPTIM_DEVICE double cosine(double x) {
    using namespace functions;
    if (magnitude_word(x) >= 0x7FF00000) { // infinite or NaN
        return not_a_number();
    }
    const HalfPiRemainder remainder = half_pi_remainder(without_sign(x));
    const double result = (remainder.multiple & 1) != 0
                              ? sine_near_zero(remainder.head, remainder.tail)
                              : cosine_near_zero(remainder.head, remainder.tail);
    return ((remainder.multiple + 1) & 2) != 0 ? -result : result;
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
