// Elements of any type as floats, and back. For a tier's files alone.
#pragma once

#include "step/arrays.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

inline void decode(const void *elements, int32_t type, int64_t count, float *floats) {
    if (type == PANOPTIM_BF16) {
        const auto *halves = static_cast<const uint16_t *>(elements);
#pragma GCC ivdep
        for (int64_t i = 0; i < count; ++i) {
            floats[i] = from_bf16(halves[i]);
        }
    } else {
        __builtin_memcpy(floats, elements, static_cast<unsigned long>(count) * sizeof *floats);
    }
}

inline void encode(const float *floats, int32_t type, int64_t count, void *elements) {
    if (type == PANOPTIM_BF16) {
        auto *halves = static_cast<uint16_t *>(elements);
#pragma GCC ivdep
        for (int64_t i = 0; i < count; ++i) {
            halves[i] = static_cast<uint16_t>(to_bf16(floats[i]));
        }
    } else {
        __builtin_memcpy(elements, floats, static_cast<unsigned long>(count) * sizeof *floats);
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim
