// Four consecutive elements of an array, as one access where the array is aligned to it. Device
// code alone.
#pragma once

#include "step/codec.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

constexpr int quad_elements = 4;

template <int32_t Type>
struct Quad;

template <>
struct Quad<PANOPTIM_F32> {
    __device__ __forceinline__ static void load(const float *address, float *values) {
        const float4 found = *reinterpret_cast<const float4 *>(address);
        values[0] = found.x;
        values[1] = found.y;
        values[2] = found.z;
        values[3] = found.w;
    }

    __device__ __forceinline__ static void store(float *address, const float *values) {
        *reinterpret_cast<float4 *>(address) =
            make_float4(values[0], values[1], values[2], values[3]);
    }
};

// Loads the first elements of a quad, at most four; the others become 0.
template <int32_t Type, bool Whole>
__device__ __forceinline__ void load_quad(const typename Codec<Type>::Storage *address,
                                          int elements, float *values) {
    if constexpr (Whole) {
        Quad<Type>::load(address, values);
    } else {
#pragma unroll
        for (int i = 0; i < quad_elements; ++i) {
            values[i] = i < elements ? Codec<Type>::load(address + i) : 0.0F;
        }
    }
}

template <int32_t Type, bool Whole>
__device__ __forceinline__ void store_quad(typename Codec<Type>::Storage *address, int elements,
                                           const float *values) {
    if constexpr (Whole) {
        Quad<Type>::store(address, values);
    } else {
#pragma unroll
        for (int i = 0; i < quad_elements; ++i) {
            if (i < elements) {
                Codec<Type>::store(address + i, values[i]);
            }
        }
    }
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
