// Four consecutive elements of an array, as one access where the array is aligned to it. Device
// code alone.
#pragma once

#include "step/codec.cuh"
#include "step/vector.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

constexpr int quad_elements = 4;

template <int32_t Type>
struct Vector4;

template <>
struct Vector4<PANOPTIM_F32> {
    static_assert(quad_elements == vector_elements);

    __device__ __forceinline__ static void load(const float *address, float *values) {
        load_vector(address, values);
    }

    __device__ __forceinline__ static void store(float *address, const float *values) {
        store_vector(address, values);
    }
};

// Loads the first elements of a vector of four, at most all of them; the others become 0.
template <int32_t Type, bool Whole>
__device__ __forceinline__ void load_quad(const typename Codec<Type>::Storage *address,
                                          int elements, float *values) {
    if constexpr (Whole) {
        Vector4<Type>::load(address, values);
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
        Vector4<Type>::store(address, values);
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
