// What is left of a double after the nearest multiple of pi / 2.
//
// Source: fdlibm 5.3, e_rem_pio2.c and k_rem_pio2.c (Sun Microsystems, 1993; licenses/fdlibm.txt):
// the same constants, and the same rounded operations in the same order. What is exact there in
// double, the digits of x 2/pi, is computed in integers here.
#pragma once

#include "rules/words.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// x = multiple pi/2 + (head + tail), with |head| up to about pi/4.
struct HalfPiRemainder {
    double head;
    double tail;
    int32_t multiple; // modulo 4; higher bits are of no meaning
};

namespace half_pi {

// pi / 2 in pieces of 33 bits, and what is missing after each.
constexpr double first = 0x1.921fb544p+0;
constexpr double after_first = 0x1.0b4611a626331p-34;
constexpr double second = 0x1.0b4611a6p-34;
constexpr double after_second = 0x1.3198a2e037073p-69;
constexpr double third = 0x1.3198a2ep-69;
constexpr double after_third = 0x1.b839a252049c1p-104;

PANOPTIM_DEVICE HalfPiRemainder difference(double rest, double low, int32_t multiple) {
    const double head = rest - low;
    return {head, (rest - head) - low, multiple};
}

// How many binary digits are lost from a number to what is left of it.
PANOPTIM_DEVICE int32_t cancelled(double from, double left) {
    return (magnitude_word(from) >> 20) - (magnitude_word(left) >> 20);
}

// For x from 3 pi/4 to 2^19 pi/2, by subtraction; the closer x is to a multiple, the more pieces of
// pi / 2 are needed.
PANOPTIM_DEVICE HalfPiRemainder subtracted(double x) {
    const auto multiple = static_cast<int32_t>(x * 0x1.45f306dc9c883p-1 + 0.5);
    const auto factor = static_cast<double>(multiple);
    double rest = x - factor * first;
    double low = factor * after_first;
    // Far from a small multiple, as leading bits tell, no more is asked for, even where more than
    // 16 digits are lost.
    const bool close = magnitude_word(x) == high_word(factor * 0x1.921fb54442d18p+0);
    if ((multiple >= 32 || close) && cancelled(x, rest - low) > 16) {
        double before = rest;
        low = factor * second;
        rest = before - low;
        low = factor * after_second - ((before - rest) - low);
        if (cancelled(x, rest - low) > 49) {
            before = rest;
            low = factor * third;
            rest = before - low;
            low = factor * after_third - ((before - rest) - low);
        }
    }
    return difference(rest, low, multiple);
}

// Digits are of 24 bits.
constexpr int digit_bits = 24;
constexpr uint64_t digit_values = uint64_t{1} << digit_bits;
// Digits of the product that are computed after the first one, and after leading zeros.
constexpr int digits_after_first = 4;
// No double is so close to a multiple of pi / 2 that the difference had more: it is not below 2^-62
// of it.
constexpr int most_zeros = 3;
constexpr int most_digits = 1 + digits_after_first + most_zeros;

// Digit i of 2 / pi after the point; 0 before it.
PANOPTIM_DEVICE uint64_t two_over_pi(int i) {
    // As many as the largest double needs.
    static constexpr uint32_t digits[] = {
        0xA2F983, 0x6E4E44, 0x1529FC, 0x2757D1, 0xF534DD, 0xC0DB62, 0x95993C, 0x439041, 0xFE5163,
        0xABDEBB, 0xC561B7, 0x246E3A, 0x424DD2, 0xE00649, 0x2EEA09, 0xD1921C, 0xFE1DEB, 0x1CB129,
        0xA73EE8, 0x8235F5, 0x2EBB44, 0x84E99C, 0x7026B4, 0x5F7E41, 0x3991D6, 0x398353, 0x39F49C,
        0x845F8B, 0xBDF928, 0x3B1FF8, 0x97FFDE, 0x05980F, 0xEF2F11, 0x8B5A0A, 0x6D1F6D, 0x367ECF,
        0x27CB09, 0xB74F46, 0x3F669E, 0x5FEA2D, 0x7527BA, 0xC7EBE5, 0xF17B3D, 0x0739F7, 0x8A5292,
        0xEA6BFB, 0x5FB11F, 0x8D5D08, 0x560330};
    return i < 0 ? 0 : digits[i];
}

// x 2/pi modulo 4 and a part of it, as digits: digit i counts 2^(exponent - 24 i). The first one
// may have more than 24 bits.
struct Fraction {
    uint64_t digits[most_digits];
    int count;
    int exponent; // at most 2
    int32_t whole;
};

// The fraction of x 2/pi from `count` digits; what its lower digits would carry is left out.
PANOPTIM_DEVICE void multiply(double x, int count, Fraction &fraction) {
    // x = significand 2^(exponent - 29), and its three digits
    const uint64_t significand = (bits_of(x) & 0xFFFFFFFFFFFFF) | uint64_t{1} << 52;
    const int exponent = (magnitude_word(x) >> 20) - 1046;
    const uint64_t first_digit = significand >> 29;
    const uint64_t second_digit = significand >> 5 & (digit_values - 1);
    const uint64_t third_digit = (significand & 31) << 19;
    // Digits of 2 / pi before this one make multiples of 8.
    const int skipped = exponent < 3 ? 0 : (exponent - 3) / digit_bits;
    fraction.count = count;
    fraction.exponent = exponent - digit_bits * (skipped + 1);
    uint64_t carry = 0;
    for (int i = count - 1; i >= 0; --i) {
        const int j = skipped + i;
        const uint64_t sum = first_digit * two_over_pi(j) + second_digit * two_over_pi(j - 1) +
                             third_digit * two_over_pi(j - 2) + carry;
        fraction.digits[i] = i > 0 ? sum & (digit_values - 1) : sum;
        carry = sum >> digit_bits;
    }
}

// Takes the whole part out. What is left lies in the lower `bits` of digit `index`, and after it.
PANOPTIM_DEVICE void take_whole(Fraction &fraction, int &index, int &bits) {
    uint64_t *digits = fraction.digits;
    if (fraction.exponent >= 0) {
        index = 1;
        bits = digit_bits - fraction.exponent;
        fraction.whole =
            static_cast<int32_t>(((digits[0] << fraction.exponent) + (digits[1] >> bits)) & 3);
        digits[0] = 0;
    } else {
        index = 0;
        bits = -fraction.exponent;
        fraction.whole = static_cast<int32_t>(digits[0] >> bits & 3);
    }
    digits[index] &= (uint64_t{1} << bits) - 1;
}

// 1 - fraction, where digit `index` has so many bits.
PANOPTIM_DEVICE void complement(Fraction &fraction, int index, int bits) {
    bool borrowed = false;
    for (int i = fraction.count - 1; i >= index; --i) {
        const uint64_t values = i == index ? uint64_t{1} << bits : digit_values;
        const uint64_t digit = fraction.digits[i] + (borrowed ? 1 : 0);
        borrowed = digit != 0;
        fraction.digits[i] = (values - digit) & (values - 1);
    }
}

PANOPTIM_DEVICE int leading_zeros(const Fraction &fraction) {
    int zeros = 0;
    while (zeros < most_zeros && fraction.digits[zeros] == 0) {
        ++zeros;
    }
    return zeros;
}

// The fraction times pi / 2, where `zeros` leading digits are 0.
PANOPTIM_DEVICE HalfPiRemainder scaled(const Fraction &fraction, int zeros) {
    static constexpr double digits_of_half_pi[] = {0x1.921fb4p+0, 0x1.4442dp-24, 0x1.846988p-48,
                                                   0x1.8cc516p-72, 0x1.01b838p-96};
    // The digits that are left, the first of which may make two.
    double terms[most_digits + 1];
    int count = 0;
    int exponent = fraction.exponent - digit_bits * zeros;
    uint64_t digit = fraction.digits[zeros];
    double weight = with_exponent_raised(1, exponent);
    if (digit >= digit_values) {
        terms[count++] = weight * 0x1p24 * static_cast<double>(digit >> digit_bits);
        digit &= digit_values - 1;
    }
    terms[count++] = weight * static_cast<double>(digit);
    for (int i = zeros + 1; i < fraction.count; ++i) {
        weight *= 0x1p-24;
        terms[count++] = weight * static_cast<double>(fraction.digits[i]);
    }
    // Sums of products of equal weight
    double products[most_digits + 1];
    for (int i = 0; i < count; ++i) {
        double sum = 0;
        for (int k = 0; k <= 4 && k <= i; ++k) {
            sum += digits_of_half_pi[k] * terms[i - k];
        }
        products[i] = sum;
    }
    HalfPiRemainder remainder{0, 0, 0};
    for (int i = count - 1; i >= 0; --i) {
        remainder.head += products[i];
    }
    remainder.tail = products[0] - remainder.head;
    for (int i = 1; i < count; ++i) {
        remainder.tail += products[i];
    }
    return remainder;
}

// For x above 2^19 pi/2, by the digits of 2 / pi (Payne and Hanek, "Radian reduction for
// trigonometric functions", 1983).
PANOPTIM_DEVICE HalfPiRemainder multiplied(double x) {
    Fraction fraction;
    bool above_half = false;
    int zeros = 0;
    for (int wanted = 0;; wanted = zeros) {
        multiply(x, 1 + digits_after_first + wanted, fraction);
        int index = 0;
        int bits = 0;
        take_whole(fraction, index, bits);
        above_half = (fraction.digits[index] >> (bits - 1)) != 0;
        if (above_half) {
            complement(fraction, index, bits);
        }
        zeros = leading_zeros(fraction);
        if (zeros <= wanted) {
            break;
        }
    }
    HalfPiRemainder remainder = scaled(fraction, zeros);
    if (above_half) {
        remainder = {-remainder.head, -remainder.tail, 1};
    }
    remainder.multiple += fraction.whole;
    return remainder;
}

} // namespace half_pi

// For finite x that is not negative.
PANOPTIM_DEVICE HalfPiRemainder half_pi_remainder(double x) {
    const int32_t magnitude = magnitude_word(x);
    if (magnitude <= 0x3FE921FB) { // pi / 4
        return {x, 0, 0};
    }
    if (magnitude < 0x4002D97C) { // 3 pi / 4
        const double rest = x - half_pi::first;
        if (magnitude == 0x3FF921FB) { // close to pi / 2
            return half_pi::difference(rest - half_pi::second, half_pi::after_second, 1);
        }
        return half_pi::difference(rest, half_pi::after_first, 1);
    }
    if (magnitude <= 0x413921FB) { // 2^19 pi/2
        return half_pi::subtracted(x);
    }
    return half_pi::multiplied(x);
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
