// How elements of each type become floats, and floats elements.
//
// The type of an array is known when a kernel runs, not when it is compiled, and is the same for
// the whole array: a compiled loop for each combination of types would make images many times as
// large. Floats have their direct way, in which nothing is decoded.
#pragma once

#include <stdint.h>

#include "panoptim_plan.h"
#include "rules/portable.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

PANOPTIM_DEVICE bool is_element_type(int32_t type) {
    return type == PANOPTIM_F32 || type == PANOPTIM_BF16;
}

PANOPTIM_DEVICE int64_t element_bytes(int32_t type) {
    return type == PANOPTIM_BF16 ? int64_t{sizeof(uint16_t)} : int64_t{sizeof(float)};
}

// The element at an index of an array.
PANOPTIM_DEVICE void *element_address(void *data, int32_t type, int64_t index) {
    return static_cast<char *>(data) + index * element_bytes(type);
}

PANOPTIM_DEVICE float from_bf16(uint32_t bits) {
    return __builtin_bit_cast(float, bits << 16);
}

// To nearest, ties to even; what is too large becomes infinite. A NaN stays one.
PANOPTIM_DEVICE uint32_t to_bf16(float value) {
    const auto bits = __builtin_bit_cast(uint32_t, value);
    const uint32_t rounded = (bits + 0x7fffU + (bits >> 16 & 1U)) >> 16;
    return value == value ? rounded : bits >> 16 | 0x40U;
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
