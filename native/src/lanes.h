// The lanes of the reduction tree. For a tier's files alone, like everything in PANOPTIM_TIER's
// namespace that is compiled for instruction sets which not every processor has.
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

// Joins lanes by halving. They are overwritten. Their number is known to the compiler, so that it
// keeps them in registers where they fit.
template <int64_t Count>
[[gnu::always_inline]] inline double join_lanes(double *sums) {
    if constexpr (Count > 1) {
        constexpr int64_t half = Count / 2;
#pragma GCC ivdep
        for (int64_t i = 0; i < half; ++i) {
            sums[i] += sums[i + half];
        }
        return join_lanes<half>(sums);
    } else {
        return sums[0];
    }
}

// The same of a number of lanes, a power of two, that is known only now.
template <int64_t Most>
[[gnu::always_inline]] inline double join_lanes(double *sums, int64_t count) {
    if constexpr (Most > 1) {
        if (count < Most) {
            return join_lanes<Most / 2>(sums, count);
        }
    }
    return join_lanes<Most>(sums);
}

// The lanes of one block. Of a block with fewer elements than lanes only as many are touched as
// joining by halving needs: the others would add +0.
class Lanes {
  public:
    void clear(int64_t elements) {
        use(elements);
        __builtin_memset(sums_, 0, static_cast<unsigned long>(used_) * sizeof sums_[0]);
    }

    // Clears for a block of so many elements and adds left * right of the first of them, one for
    // each lane. Writing zeros just to add to them takes as long as 64 elements.
    [[gnu::always_inline]] void start(const float *left, const float *right, int64_t elements) {
        use(elements);
        const int64_t given = smaller(elements, lane_count);
#pragma GCC ivdep
        for (int64_t i = 0; i < given; ++i) {
            sums_[i] = 0.0 + exact_product(left[i], right[i]);
        }
        for (int64_t i = given; i < used_; ++i) {
            sums_[i] = 0.0;
        }
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
        return join_lanes<lane_count>(sums_, used_);
    }

  private:
    void use(int64_t elements) {
        used_ = lane_count;
        while (used_ / 2 >= elements) {
            used_ /= 2;
        }
    }

    alignas(64) double sums_[lane_count];
    int64_t used_;
};

inline double square_sum_of_block(const float *values, int64_t elements) {
    constexpr int64_t ahead = 2048;
    Lanes sums;
    prefetch(values + ahead, lane_count);
    sums.start(values, values, elements);
    int64_t i = lane_count;
    for (; elements - i >= lane_count; i += lane_count) {
        prefetch(values + i + ahead, lane_count);
        sums.add(0, values + i, values + i, lane_count);
    }
    sums.add(0, values + i, values + i, elements - i);
    return sums.join();
}

// Memory is faster with several addresses at a time than with one: a stretch is read as four
// streams of blocks side by side, which the processor fetches ahead better than hints do.
constexpr int64_t stream_count = 4;
constexpr int64_t stream_blocks = 4;
constexpr int64_t stretch_blocks = stream_count * stream_blocks;
constexpr int64_t stretch_elements = stretch_blocks * block_elements;

// The sum of each block of a stretch.
inline void square_sums_of_stretch(const float *values, double *sums) {
    Lanes lanes[stream_count];
    for (int64_t block = 0; block < stream_blocks; ++block) {
        for (int64_t stream = 0; stream < stream_count; ++stream) {
            const float *address = values + (stream * stream_blocks + block) * block_elements;
            lanes[stream].start(address, address, block_elements);
        }
        for (int64_t i = lane_count; i < block_elements; i += lane_count) {
            for (int64_t stream = 0; stream < stream_count; ++stream) {
                const float *address =
                    values + (stream * stream_blocks + block) * block_elements + i;
                lanes[stream].add(0, address, address, lane_count);
            }
        }
        for (int64_t stream = 0; stream < stream_count; ++stream) {
            sums[stream * stream_blocks + block] = lanes[stream].join();
        }
    }
}

// Adds the square sum of each block.
inline void add_square_sums(const float *values, int64_t elements, PairwiseSum &blocks) {
    int64_t i = 0;
    for (; elements - i >= stretch_elements; i += stretch_elements) {
        double sums[stretch_blocks];
        square_sums_of_stretch(values + i, sums);
        for (const double sum : sums) {
            blocks.add(sum);
        }
    }
    for (; i < elements; i += block_elements) {
        blocks.add(square_sum_of_block(values + i, smaller(block_elements, elements - i)));
    }
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
