// Four consecutive elements of an array, as one access where the array is aligned to it. Device
// code alone.
#pragma once

#include "step/codec.cuh"
#include "step/vector.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

constexpr int quad_elements = 4;
static_assert(quad_elements == vector_elements);

// An array of any type, from the first element of a piece on.
struct TypedArray {
    void *data;
    int32_t type;
};

__device__ __forceinline__ void load_floats(const float *address, int elements, float *values) {
    if (elements == quad_elements && aligned_to_vectors(address)) {
        load_vector(address, values);
        return;
    }
#pragma unroll
    for (int i = 0; i < quad_elements; ++i) {
        values[i] = i < elements ? address[i] : 0.0F;
    }
}

__device__ __forceinline__ void store_floats(float *address, int elements, const float *values) {
    if (elements == quad_elements && aligned_to_vectors(address)) {
        store_vector(address, values);
        return;
    }
#pragma unroll
    for (int i = 0; i < quad_elements; ++i) {
        if (i < elements) {
            address[i] = values[i];
        }
    }
}

__device__ __forceinline__ void load_halves(const uint16_t *address, int elements, float *values) {
    if (elements == quad_elements && aligned_to_half_vectors(address)) {
        uint32_t words[quad_elements / 2];
        load_half_vector(address, words);
#pragma unroll
        for (int i = 0; i < quad_elements; ++i) {
            values[i] = from_bf16(i % 2 == 0 ? words[i / 2] & 0xffffU : words[i / 2] >> 16);
        }
        return;
    }
#pragma unroll
    for (int i = 0; i < quad_elements; ++i) {
        values[i] = i < elements ? from_bf16(address[i]) : 0.0F;
    }
}

__device__ __forceinline__ void store_halves(uint16_t *address, int elements, const float *values) {
    if (elements == quad_elements && aligned_to_half_vectors(address)) {
        uint32_t words[quad_elements / 2];
#pragma unroll
        for (int i = 0; i < quad_elements / 2; ++i) {
            words[i] = to_bf16(values[2 * i]) | to_bf16(values[2 * i + 1]) << 16;
        }
        store_half_vector(address, words);
        return;
    }
#pragma unroll
    for (int i = 0; i < quad_elements; ++i) {
        if (i < elements) {
            address[i] = static_cast<uint16_t>(to_bf16(values[i]));
        }
    }
}

__device__ __forceinline__ float load_element(const TypedArray &array, int i) {
    return array.type == PANOPTIM_BF16 ? from_bf16(static_cast<const uint16_t *>(array.data)[i])
                                       : static_cast<const float *>(array.data)[i];
}

// Loads at most four elements of an array from i on; the others become 0.
__device__ __forceinline__ void load_quad(const TypedArray &array, int i, int elements,
                                          float *values) {
    if (array.type == PANOPTIM_BF16) {
        load_halves(static_cast<const uint16_t *>(array.data) + i, elements, values);
    } else {
        load_floats(static_cast<const float *>(array.data) + i, elements, values);
    }
}

__device__ __forceinline__ void store_quad(const TypedArray &array, int i, int elements,
                                           const float *values) {
    if (array.type == PANOPTIM_BF16) {
        store_halves(static_cast<uint16_t *>(array.data) + i, elements, values);
    } else {
        store_floats(static_cast<float *>(array.data) + i, elements, values);
    }
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
