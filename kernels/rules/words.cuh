// A double as its bits, and as two words of 32: the high one has the sign, the exponent and the 20
// leading bits of the fraction, the low one the other 32.
#pragma once

#include <stdint.h>

#include "rules/portable.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

PANOPTIM_DEVICE uint64_t bits_of(double x) {
    return __builtin_bit_cast(uint64_t, x);
}

PANOPTIM_DEVICE double double_of(uint64_t bits) {
    return __builtin_bit_cast(double, bits);
}

PANOPTIM_DEVICE int32_t high_word(double x) {
    return static_cast<int32_t>(bits_of(x) >> 32);
}

// The high word of |x|. As integers these are in the order of the numbers, infinity and NaN last.
PANOPTIM_DEVICE int32_t magnitude_word(double x) {
    return high_word(x) & 0x7FFFFFFF;
}

PANOPTIM_DEVICE uint32_t low_word(double x) {
    return static_cast<uint32_t>(bits_of(x));
}

PANOPTIM_DEVICE double from_words(int32_t high, uint32_t low) {
    return double_of(static_cast<uint64_t>(static_cast<uint32_t>(high)) << 32 | low);
}

// x without its low word: the product of two such numbers is exact.
PANOPTIM_DEVICE double leading(double x) {
    return double_of(bits_of(x) & 0xFFFFFFFF00000000);
}

PANOPTIM_DEVICE bool has_sign(double x) {
    return high_word(x) < 0;
}

PANOPTIM_DEVICE double without_sign(double x) {
    return double_of(bits_of(x) & 0x7FFFFFFFFFFFFFFF);
}

// x times 2^n, where both are normal.
PANOPTIM_DEVICE double with_exponent_raised(double x, int32_t n) {
    return double_of(bits_of(x) + (static_cast<uint64_t>(static_cast<int64_t>(n)) << 52));
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
