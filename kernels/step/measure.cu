// Squares and sums the raw gradients, and what curvature there is, chunk by chunk.
//
// Traffic: a gradient is read, 4 bytes an element if these are floats. One thread block takes one
// chunk at a time, one warp one block of the reduction tree, and a thread has 64 bytes under way.
//
// Not confirmed by a device yet: at the speed of memory on compute capabilities 8.0, 9.0 and 10.0;
// on 8.6 and 8.9 with one fused multiply-add of doubles an element, 2 a clock and
// multiprocessor: 1.1 TB/s on an RTX 3090, whose memory has 0.94.
#include "step/arrays.cuh"
#include "step/chunk.cuh"
#include "step/quad.cuh"
#include "step/transaction.cuh"
#include "step/widen.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// Vectors that a thread asks for at once.
constexpr int vectors_at_once = 4;
// The same of a gradient of any type; for more there are no registers.
constexpr int quads_at_once = 2;
static_assert(thread_lanes == vector_elements);

// Adds the squares of a whole block, so many rows of lanes at once; load(row, values) loads a
// thread's elements of a row.
template <int AtOnce, typename Load>
__device__ __forceinline__ void add_block(const Load &load, WarpLanes &lanes) {
    constexpr int rows = PANOPTIM_BLOCK / PANOPTIM_LANES;
    static_assert(rows % AtOnce == 0);
#pragma unroll 1
    for (int row = 0; row < rows; row += AtOnce) {
        float vectors[AtOnce][vector_elements];
#pragma unroll
        for (int i = 0; i < AtOnce; ++i) {
            load(row + i, vectors[i]);
        }
#pragma unroll
        for (int i = 0; i < AtOnce; ++i) {
            double widened[vector_elements];
            widen(vectors[i], widened);
#pragma unroll
            for (int lane = 0; lane < thread_lanes; ++lane) {
                lanes.add(lane, widened[lane], widened[lane]);
            }
        }
    }
}

// The square sum of at most one block of the tree, in the warp's first thread.
__device__ __forceinline__ double square_sum_of_block(const TypedArray &array, int first,
                                                      int elements) {
    WarpLanes lanes;
    lanes.clear();
    const int own = first + lane_of_thread() * thread_lanes;
    const float *floats = static_cast<const float *>(array.data) + own;
    const bool whole = elements == PANOPTIM_BLOCK;
    if (whole && array.type == PANOPTIM_F32 && aligned_to_vectors(floats)) {
        add_block<vectors_at_once>(
            [floats](int row, float *values) {
                load_vector(floats + row * PANOPTIM_LANES, values);
            },
            lanes);
    } else if (whole) {
        add_block<quads_at_once>(
            [&array, own](int row, float *values) {
                load_quad(array, own + row * PANOPTIM_LANES, quad_elements, values);
            },
            lanes);
    } else {
        const int end = first + elements;
#pragma unroll 1
        for (int i = own; i < end; i += PANOPTIM_LANES) {
            const int left = end - i;
            float values[quad_elements];
            load_quad(array, i, left < quad_elements ? left : quad_elements, values);
#pragma unroll
            for (int lane = 0; lane < thread_lanes; ++lane) {
                if (lane < left) {
                    lanes.add(lane, values[lane], values[lane]);
                }
            }
        }
    }
    return lanes.join();
}

// Whether one of these elements is not finite once multiplied by a factor; every thread of the warp
// must call it, and all know it.
__device__ __forceinline__ bool overflows(const TypedArray &array, int first, int elements,
                                          float factor) {
    bool any = false;
#pragma unroll 1
    for (int i = lane_of_thread(); i < elements; i += warp_threads) {
        const float product = load_element(array, first + i) * factor;
        any = any || product - product != 0;
    }
    return __any_sync(whole_warp, any ? 1 : 0) != 0;
}

// Leaves the sum of every block of a chunk in shared memory; infinite if an element is not finite,
// or would not be once unscaled.
__device__ __forceinline__ void square_sums(const TypedArray &array, int elements, float factor,
                                            double *sums) {
    const int blocks = blocks_of(elements);
    for (int block = warp_of_thread(); block < blocks; block += chunk_warps) {
        const int first = block * PANOPTIM_BLOCK;
        const int left = elements - first;
        const int count = left < PANOPTIM_BLOCK ? left : PANOPTIM_BLOCK;
        double sum = square_sum_of_block(array, first, count);
        // With no larger factor no element becomes larger.
        if (factor > 1 && overflows(array, first, count, factor) && finite(sum)) {
            sum = __builtin_huge_val();
        }
        if (lane_of_thread() == 0) {
            sums[block] = sum;
        }
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

extern "C" __global__ void __launch_bounds__(panoptim::chunk_threads)
    panoptim_measure(const panoptim_launch launch) {
    using namespace panoptim;
    __shared__ double gradient_sums[max_chunk_blocks];
    __shared__ double curvature_sums[max_chunk_blocks];
    const panoptim_plan &plan = launch.plan;
    const float factor = unscale_factor(*plan.control);
    for (int64_t piece = blockIdx.x; piece < launch.chunk_list_count; piece += gridDim.x) {
        const int64_t i = launch.chunk_list != nullptr ? launch.chunk_list[piece] : piece;
        const panoptim_chunk chunk = plan.chunks[i];
        if (!live(plan, chunk.tensor)) {
            continue;
        }
        const panoptim_tensor &tensor = plan.tensors[chunk.tensor];
        const int64_t first = chunk.index * plan.chunk_elements;
        const auto elements = static_cast<int>(chunk_length(plan, tensor, first));
        const int32_t type = gradient_type(tensor);
        const auto from = [type, first](int64_t address) {
            return TypedArray{element_address(reinterpret_cast<void *>(address), type, first),
                              type};
        };
        const bool curved = plan.curvatures[chunk.tensor] != 0;
        square_sums(from(plan.gradients[chunk.tensor]), elements, factor, gradient_sums);
        if (curved) {
            square_sums(from(plan.curvatures[chunk.tensor]), elements, factor, curvature_sums);
        }
        __syncthreads();
        if (threadIdx.x == 0) {
            const int blocks = blocks_of(elements);
            plan.partials[i] = join_blocks(gradient_sums, blocks);
            if (curved) {
                plan.partials[plan.chunk_count + i] = join_blocks(curvature_sums, blocks);
            }
        }
        __syncthreads();
    }
}
