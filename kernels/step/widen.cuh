// Floats as doubles, exactly, on devices with few units for doubles.
//
// There a conversion takes as long as a fused multiply-add of doubles, 2 of either a clock and
// multiprocessor on compute capability 8.6 (CUDA C++ Programming Guide, arithmetic instructions),
// so that measuring gradients with both would be slower than memory. Integers do it as well: a
// double has the float's sign, its exponent with another bias, and its fraction with 29 zeros
// behind.
#pragma once

#include <stdint.h>

#include "rules/portable.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// Whether integers convert. Not on 9.0 and 10.0, whose memory is so fast that they would be busy by
// more than half with it, and which have units enough. The code for 8.0 also serves all devices
// that have no machine code of their own, by way of PTX, and an 8.0 has integers to spare. A 10.3,
// which runs the code for 10.0, has few units: there measuring is slower than memory either way.
#if defined(__CUDA_ARCH__) && !defined(PANOPTIM_ASKS_ARCHITECTURE)
#error                                                                                             \
    "an image with PTX of several architectures for kernels that are not the same (CMakeLists.txt)"
#endif
#if defined(__CUDA_ARCH__) && (__CUDA_ARCH__ == 900 || __CUDA_ARCH__ == 1000)
constexpr bool widens_by_integers = false;
#else
constexpr bool widens_by_integers = true;
#endif

// The bits of a double with the value of a float, given the float's. Not of denormals.
PANOPTIM_DEVICE uint64_t widened_bits(uint32_t bits) {
    constexpr uint32_t infinity = 0x7f800000U;
    const uint32_t sign = bits & 0x80000000U;
    const uint32_t magnitude = bits ^ sign;
    // The difference of the biases, 896; for infinity and NaN, of the largest exponents.
    const uint32_t bias = magnitude < infinity ? 896U << 20 : (2047U - 255U) << 20;
    const uint32_t high = magnitude == 0 ? 0 : (magnitude >> 3) + bias;
    return static_cast<uint64_t>(high | sign) << 32 | static_cast<uint64_t>(bits << 29);
}

PANOPTIM_DEVICE bool denormal(uint32_t bits) {
    return (bits & 0x7fffffffU) - 1U < 0x007fffffU;
}

// Both ways give the same doubles; integers are taken where they are faster.
template <int Count>
PANOPTIM_DEVICE void widen(const float (&values)[Count], double (&widened)[Count]) {
    if constexpr (widens_by_integers) {
        bool any_denormal = false;
        for (int i = 0; i < Count; ++i) {
            any_denormal = any_denormal || denormal(__builtin_bit_cast(uint32_t, values[i]));
        }
        if (!any_denormal) {
            for (int i = 0; i < Count; ++i) {
                const auto bits = __builtin_bit_cast(uint32_t, values[i]);
                widened[i] = __builtin_bit_cast(double, widened_bits(bits));
            }
            return;
        }
    }
    for (int i = 0; i < Count; ++i) {
        widened[i] = static_cast<double>(values[i]);
    }
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
