// The lanes of the reduction tree. For tier.cpp alone, like everything in PANOPTIM_TIER's namespace
// that is compiled for instruction sets which not every processor has.
#pragma once

#include "prefetch.h"
#include "step/join.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

constexpr int64_t block_elements = PANOPTIM_BLOCK;
constexpr int64_t lane_count = PANOPTIM_LANES;

inline int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// The lanes of one block. Of a block with fewer elements than lanes only as many are touched as
// joining by halving needs: the others would add +0.
class Lanes {
  public:
    void clear(int64_t elements) {
        used_ = lane_count;
        while (used_ / 2 >= elements) {
            used_ /= 2;
        }
        __builtin_memset(sums_, 0, static_cast<unsigned long>(used_) * sizeof sums_[0]);
    }

    // Adds left * right of consecutive elements, the first of which belongs to a lane.
    [[gnu::always_inline]] void add(int64_t lane, const float *left, const float *right,
                                    int64_t elements) {
        double *sums = sums_ + lane;
#pragma GCC ivdep
        for (int64_t i = 0; i < elements; ++i) {
            sums[i] += exact_product(left[i], right[i]);
        }
    }

    double join() {
        return join_lanes(sums_, static_cast<int>(used_));
    }

  private:
    alignas(64) double sums_[lane_count];
    int64_t used_;
};

inline double square_sum_of_block(const float *values, int64_t elements) {
    constexpr int64_t ahead = 2048;
    Lanes sums;
    sums.clear(elements);
    int64_t i = 0;
    for (; elements - i >= lane_count; i += lane_count) {
        prefetch(values + i + ahead, lane_count);
        sums.add(0, values + i, values + i, lane_count);
    }
    sums.add(0, values + i, values + i, elements - i);
    return sums.join();
}

inline double square_sum(const float *values, int64_t elements) {
    PairwiseSum blocks;
    for (int64_t i = 0; i < elements; i += block_elements) {
        blocks.add(square_sum_of_block(values + i, smaller(block_elements, elements - i)));
    }
    return blocks.total();
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
