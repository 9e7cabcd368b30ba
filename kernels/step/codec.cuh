// How elements lie in memory and become floats: one specialization for each element type.
//
// Today only PANOPTIM_F32 has one. A narrower type adds its own here (bf16 and fp16 by rounding,
// 8-bit states with a scale per block); the loops over elements are templates over it already.
#pragma once

#include "panoptim_plan.h"
#include "rules/portable.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

template <int32_t Type>
struct Codec;

template <>
struct Codec<PANOPTIM_F32> {
    using Storage = float;

    PANOPTIM_DEVICE static float load(const Storage *address) { return *address; }
    PANOPTIM_DEVICE static void store(Storage *address, float value) { *address = value; }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
