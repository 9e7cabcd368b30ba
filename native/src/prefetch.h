// Requests cache lines ahead of use: the processor's prefetching stops at page ends and take turns
// badly between arrays. Asking never faults, not even beyond the end of an array.
#pragma once

#include <cstdint>

#include "rules/portable.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// Always inline, since the compiler drops calls of a function that only prefetches as having no
// effect.
template <typename Storage>
[[gnu::always_inline]] inline void prefetch(const Storage *address, int64_t elements) {
    constexpr int64_t line = 64;
    const char *bytes = reinterpret_cast<const char *>(address);
    for (int64_t i = 0; i < elements * static_cast<int64_t>(sizeof(Storage)); i += line) {
        __builtin_prefetch(bytes + i);
    }
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
