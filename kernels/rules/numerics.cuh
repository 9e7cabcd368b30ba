// The arithmetic that all backends share, built from + - * /, square root, comparison and select
// only, so that every compiler and device gives the same bits, all NaNs counted as one value. Never
// fmaxf, std::max or copysign: those differ in how they treat NaN and signed zeros.
#pragma once

#include <stdint.h>

#include "rules/portable.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// x to the power n >= 0, by squaring.
PANOPTIM_DEVICE double powi(double x, int64_t n) {
    double result = 1;
    double base = x;
    while (n > 0) {
        if ((n & 1) != 0) {
            result *= base;
        }
        n >>= 1;
        if (n > 0) {
            base *= base;
        }
    }
    return result;
}

// x without its fraction, at most 2^62 either way; 0 of NaN. A plain cast of NaN or of what is too
// large is whatever a compiler makes of it.
PANOPTIM_DEVICE int64_t whole(double x) {
    constexpr int64_t largest = int64_t{1} << 62;
    if (x >= 0x1p62) {
        return largest;
    }
    if (x <= -0x1p62) {
        return -largest;
    }
    return x == x ? static_cast<int64_t>(x) : 0;
}

// |x|: clears the sign bit.
PANOPTIM_DEVICE float absolute(float x) {
#ifdef __CUDA_ARCH__
    return fabsf(x);
#else
    return __builtin_fabsf(x);
#endif
}

// 1, -1, or x itself where x is 0, -0 or NaN.
template <typename Real>
PANOPTIM_DEVICE Real sign(Real x) {
    return x > 0 ? Real(1) : (x < 0 ? Real(-1) : x);
}

// The larger of a and b; NaN if either is.
template <typename Real>
PANOPTIM_DEVICE Real maximum(Real a, Real b) {
    const Real larger = a > b ? a : b;
    return a == a ? larger : a;
}

// The smaller of a and b; NaN if either is.
template <typename Real>
PANOPTIM_DEVICE Real minimum(Real a, Real b) {
    const Real lesser = a < b ? a : b;
    return a == a ? lesser : a;
}

// Correctly rounded. The compiler's own functions and not those of <cmath>, whose inline wrappers
// would be shared between tiers.
PANOPTIM_DEVICE float square_root(float x) {
#ifdef __CUDA_ARCH__
    return __fsqrt_rn(x);
#else
    return __builtin_sqrtf(x);
#endif
}

PANOPTIM_DEVICE double square_root(double x) {
#ifdef __CUDA_ARCH__
    return __dsqrt_rn(x);
#else
    return __builtin_sqrt(x);
#endif
}

// A state, or 0 where it is closer to 0 than the least that may be.
PANOPTIM_DEVICE float flushed(float state, float least) {
    return absolute(state) < least ? 0.0F : state;
}

// Neither infinite nor NaN.
PANOPTIM_DEVICE bool finite(double x) {
    return x - x == 0;
}

// A value brought into [-limit, limit]; NaN stays.
PANOPTIM_DEVICE float limited(float value, float limit) {
    const float above = value > limit ? limit : value;
    return above < -limit ? -limit : above;
}

// Whether that changes it.
PANOPTIM_DEVICE bool beyond(float value, float limit) {
    return (value > limit) | (value < -limit);
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
