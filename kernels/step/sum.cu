// Adds up rows of floats, of the members of a team or of a member's leaves, by adjacent pairs: the
// sum of a row and the next, then of two such sums, and so on, so that it does not matter who has
// added what. Then it is multiplied by a factor and stored.
//
// Traffic: every row is read and one is written, 4 bytes an element if these are floats, and zeros
// are written where they are asked for. Not measured on a device yet.
#include "panoptim_team.h"
#include "step/chunk.cuh"
#include "step/quad.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// Sums that wait for one of as many rows: of 1, 2, 4 and so on.
constexpr int sum_levels = 10;
static_assert(1 << sum_levels == PANOPTIM_TEAM_MOST_ROWS);

// Takes up row by row; when all have come, the sum of all is in the values. Levels are known when
// it is compiled, so that what waits is in registers.
struct RowTree {
    float waiting[sum_levels][quad_elements];

    template <int Level = 0>
    __device__ __forceinline__ void add(int row, float *values) {
        if constexpr (Level < sum_levels) {
            if ((row >> Level & 1) == 0) {
#pragma unroll
                for (int i = 0; i < quad_elements; ++i) {
                    waiting[Level][i] = values[i];
                }
            } else {
#pragma unroll
                for (int i = 0; i < quad_elements; ++i) {
                    values[i] = waiting[Level][i] + values[i];
                }
                add<Level + 1>(row, values);
            }
        }
    }
};

__device__ __forceinline__ TypedArray row_of(const panoptim_team_sums &launch,
                                             const panoptim_team_sum &sum, int row) {
    if (row == launch.own) {
        return {sum.own, static_cast<int32_t>(sum.own_type)};
    }
    const char *const rows = static_cast<const char *>(sum.rows);
    return {const_cast<char *>(rows + row * sum.stride), static_cast<int32_t>(sum.rows_type)};
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

extern "C" __global__ void __launch_bounds__(panoptim::chunk_threads,
                                             panoptim::chunk_residents_with_sums)
    panoptim_sum_rows(const panoptim_team_sums launch) {
    using namespace panoptim;
    const float zeros[quad_elements] = {};
    const auto factor = static_cast<float>(launch.factor);
    const auto rows = static_cast<int>(launch.rows);
    for (int64_t piece = blockIdx.x; piece < launch.count; piece += gridDim.x) {
        const panoptim_team_sum sum = launch.sums[piece];
        const TypedArray own = row_of(launch, sum, static_cast<int>(launch.own));
        const TypedArray to{sum.to, static_cast<int32_t>(sum.to_type)};
        const auto elements = static_cast<int>(sum.elements);
#pragma unroll 1
        for (int i = static_cast<int>(threadIdx.x) * quad_elements; i < elements;
             i += chunk_threads * quad_elements) {
            const int left = elements - i < quad_elements ? elements - i : quad_elements;
            RowTree tree;
            float values[quad_elements];
#pragma unroll 1
            for (int row = 0; row < rows; ++row) {
                load_quad(row_of(launch, sum, row), i, left, values);
                tree.add(row, values);
            }
#pragma unroll
            for (int k = 0; k < quad_elements; ++k) {
                values[k] = values[k] * factor;
            }
            store_quad(to, i, left, values);
            if (launch.zero_own != 0) {
                store_quad(own, i, left, zeros);
            }
        }
    }
}
