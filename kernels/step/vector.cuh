// Sixteen bytes of an array as one access: the widest that every device has. Device code alone.
//
// Stores say so in PTX: from an assignment of a float4 nvcc 13.0 makes four stores of 4 bytes for
// compute capabilities 8.0 to 9.0, which write a quarter of every 32-byte sector at a time. The
// check kernels/test/check-accesses counts what became of them.
//
// For comparisons on a device, another image can be built with
//   PANOPTIM_LOAD_HINT, PANOPTIM_STORE_HINT   what goes between ld.global or st.global and .v4
//   PANOPTIM_SCALAR_STORES                    stores of 4 bytes after all
#pragma once

#include <stdint.h>

#include "rules/portable.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// Elements of a vector, of 4 bytes each.
constexpr int vector_elements = 4;
constexpr int vector_bytes = 16;

__device__ __forceinline__ bool aligned_to_vectors(const void *address) {
    return reinterpret_cast<uintptr_t>(address) % vector_bytes == 0;
}

#define PANOPTIM_TEXT_OF(text) #text
#define PANOPTIM_TEXT(text) PANOPTIM_TEXT_OF(text)

// Loads a vector from an aligned address.
__device__ __forceinline__ void load_vector(const float *address, float *values) {
#if defined(__CUDA_ARCH__) && defined(PANOPTIM_LOAD_HINT)
    asm volatile("ld.global" PANOPTIM_TEXT(PANOPTIM_LOAD_HINT) ".v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(values[0]), "=f"(values[1]), "=f"(values[2]), "=f"(values[3])
                 : "l"(__cvta_generic_to_global(address))
                 : "memory");
#else
#ifdef __CUDA_ARCH__
    __builtin_assume(__isGlobal(address));
#endif
    const float4 vector = *reinterpret_cast<const float4 *>(address);
    values[0] = vector.x;
    values[1] = vector.y;
    values[2] = vector.z;
    values[3] = vector.w;
#endif
}

// Stores a vector to an aligned address.
__device__ __forceinline__ void store_vector(float *address, const float *values) {
#if defined(PANOPTIM_SCALAR_STORES)
#pragma unroll
    for (int i = 0; i < vector_elements; ++i) {
        address[i] = values[i];
    }
#elif defined(__CUDA_ARCH__)
#ifndef PANOPTIM_STORE_HINT
#define PANOPTIM_STORE_HINT
#endif
    asm volatile("st.global" PANOPTIM_TEXT(PANOPTIM_STORE_HINT) ".v4.f32 [%0], {%1, %2, %3, %4};"
                 :
                 : "l"(__cvta_generic_to_global(address)), "f"(values[0]), "f"(values[1]),
                   "f"(values[2]), "f"(values[3])
                 : "memory");
#else
    *reinterpret_cast<float4 *>(address) = make_float4(values[0], values[1], values[2], values[3]);
#endif
}

#undef PANOPTIM_TEXT
#undef PANOPTIM_TEXT_OF

// As many elements of two bytes, as one access of eight.
__device__ __forceinline__ bool aligned_to_half_vectors(const void *address) {
    return reinterpret_cast<uintptr_t>(address) % (vector_bytes / 2) == 0;
}

__device__ __forceinline__ void load_half_vector(const uint16_t *address, uint32_t *words) {
#ifdef __CUDA_ARCH__
    __builtin_assume(__isGlobal(address));
#endif
    const uint2 vector = *reinterpret_cast<const uint2 *>(address);
    words[0] = vector.x;
    words[1] = vector.y;
}

__device__ __forceinline__ void store_half_vector(uint16_t *address, const uint32_t *words) {
#ifdef __CUDA_ARCH__
    asm volatile("st.global.v2.b32 [%0], {%1, %2};"
                 :
                 : "l"(__cvta_generic_to_global(address)), "r"(words[0]), "r"(words[1])
                 : "memory");
#else
    *reinterpret_cast<uint2 *>(address) = make_uint2(words[0], words[1]);
#endif
}

template <typename Object>
constexpr int object_vectors = static_cast<int>((sizeof(Object) + vector_bytes - 1) / vector_bytes);

// Loads an object from an aligned address, and what follows it up to a whole vector, through the
// cache for what no thread of the launch writes. The bits of its members are moved as floats;
// moving a float changes none.
template <typename Object>
__device__ __forceinline__ Object load_constant(const void *address) {
    float4 vectors[object_vectors<Object>];
#pragma unroll
    for (int i = 0; i < object_vectors<Object>; ++i) {
        vectors[i] = __ldg(static_cast<const float4 *>(address) + i);
    }
    Object object;
    memcpy(&object, vectors, sizeof object);
    return object;
}

// Stores an object to an aligned address, and zeros behind it up to a whole vector.
template <typename Object>
__device__ __forceinline__ void store_object(void *address, const Object &object) {
    float words[object_vectors<Object> * vector_elements] = {};
    memcpy(words, &object, sizeof object);
#pragma unroll
    for (int i = 0; i < object_vectors<Object> * vector_elements; i += vector_elements) {
        store_vector(static_cast<float *>(address) + i, words + i);
    }
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
