// The reduction tree. Its shape depends on element indices alone, so that threads, launch shapes
// and devices cannot change a sum: blocks of 4096 elements; 128 lanes by index modulo 128, each
// summed in index order; lanes joined by halving; blocks, then chunks, then tensors joined by
// adjacent pairs.
#pragma once

#include "panoptim_plan.h"
#include "rules/portable.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// A product of floats is exact in double, so adding it with or without fma gives the same bits.
PANOPTIM_DEVICE double exact_product(float a, float b) {
    return static_cast<double>(a) * static_cast<double>(b);
}

// Joins values by adjacent pairs, level by level, an odd last one moving up unchanged. The values
// come one after another; only one sum for each level is kept.
class PairwiseSum {
  public:
    PANOPTIM_DEVICE void clear() {
        count_ = 0;
        height_ = 0;
    }

    PANOPTIM_DEVICE void add(double value) {
        // As in counting in binary: two subtrees of equal height become one of the next height.
        for (uint64_t carry = count_; (carry & 1) != 0; carry >>= 1) {
            value = subtrees_[--height_] + value;
        }
        subtrees_[height_++] = value;
        ++count_;
    }

    // +0 if nothing was added.
    PANOPTIM_DEVICE double total() const {
        if (height_ == 0) {
            return 0;
        }
        int i = height_ - 1;
        double sum = subtrees_[i];
        while (i > 0) {
            sum = subtrees_[--i] + sum;
        }
        return sum;
    }

  private:
    // Subtrees of falling height, the one of the first values at the bottom.
    double subtrees_[64];
    uint64_t count_ = 0;
    int height_ = 0;
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
