// The loops over elements. Compiled once for each instruction-set tier, with that tier's compiler
// flags and with PANOPTIM_TIER naming it.
//
// Nothing here may have a symbol in common with another tier: no function of the standard library
// that is a template or inline, no type with member functions outside PANOPTIM_TIER's namespace.
#include "tier.h"

#include "rules/rules.cuh"
#include "step/buffers.cuh"
#include "step/join.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

constexpr int64_t block_elements = PANOPTIM_BLOCK;
constexpr int64_t lanes = PANOPTIM_LANES;

int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// The lanes of one block of the reduction tree.
class Lanes {
  public:
    void clear() { __builtin_memset(sums_, 0, sizeof sums_); }

    // Adds left * right of a row: consecutive elements from a multiple of 128 on, at most 128.
    void add_row(const float *left, const float *right, int64_t elements) {
#pragma GCC ivdep
        for (int64_t i = 0; i < elements; ++i) {
            sums_[i] += exact_product(left[i], right[i]);
        }
    }

    // Adds the squares of four full rows, so that each lane is loaded and stored once for four.
    void add_squares_of_four_rows(const float *row) {
#pragma GCC ivdep
        for (int64_t i = 0; i < lanes; ++i) {
            double sum = sums_[i];
            sum += exact_product(row[i], row[i]);
            sum += exact_product(row[i + lanes], row[i + lanes]);
            sum += exact_product(row[i + 2 * lanes], row[i + 2 * lanes]);
            sum += exact_product(row[i + 3 * lanes], row[i + 3 * lanes]);
            sums_[i] = sum;
        }
    }

    double join() {
        return join_lanes(sums_);
    }

  private:
    alignas(64) double sums_[lanes];
};

double square_sum_of_block(const float *values, int64_t elements) {
    Lanes sums;
    sums.clear();
    int64_t i = 0;
    for (; elements - i >= 4 * lanes; i += 4 * lanes) {
        sums.add_squares_of_four_rows(values + i);
    }
    for (; i < elements; i += lanes) {
        sums.add_row(values + i, values + i, smaller(lanes, elements - i));
    }
    return sums.join();
}

double measure(const void *gradient, int64_t first, int64_t elements) {
    const float *values = static_cast<const float *>(gradient) + first;
    PairwiseSum blocks;
    for (int64_t i = 0; i < elements; i += block_elements) {
        blocks.add(square_sum_of_block(values + i, smaller(block_elements, elements - i)));
    }
    return blocks.total();
}

using FloatBuffers = Buffers<PANOPTIM_F32, PANOPTIM_F32, PANOPTIM_F32>;

FloatBuffers buffers_of(const UpdateWork &work, int slot_count) {
    FloatBuffers buffers{};
    buffers.value = static_cast<float *>(work.tensor->value);
    buffers.gradient = static_cast<float *>(work.gradient);
    buffers.curvature = static_cast<const float *>(work.curvature);
    for (int slot = 0; slot < slot_count; ++slot) {
        buffers.slots[slot] = static_cast<float *>(work.tensor->slots[slot]);
    }
    return buffers.from(work.first, slot_count);
}

template <typename Rule>
typename Rule::Scalars scalars_of(const panoptim_prepared &prepared) {
    typename Rule::Scalars scalars;
    __builtin_memcpy(&scalars, prepared.scalars, sizeof scalars);
    return scalars;
}

// The plain loop: each array is read once, and written once if the phase changes it.
template <typename Rule, int Phase, bool Curved, bool Zeroing>
void update_elements(const UpdateWork &work) {
    const FloatBuffers buffers = buffers_of(work, Rule::slots);
    const typename Rule::Scalars scalars = scalars_of<Rule>(*work.prepared);
    const float gradient_scale = work.prepared->gradient_scale;
    const float curvature_scale = work.prepared->curvature_scale;
    const int64_t elements = work.elements;
#pragma GCC ivdep
    for (int64_t i = 0; i < elements; ++i) {
        Element element = buffers.template load<Rule, Curved>(i, gradient_scale, curvature_scale);
        Rule::template update<Phase>(scalars, element);
        buffers.template store<Rule, Phase, Curved>(i, element);
        if constexpr (Zeroing) {
            buffers.zero_gradient(i);
        }
    }
}

// The sums that a phase of a rule takes on its way, row by row of 128 elements. Each sum has a pair
// of rows whose products are its terms, and lanes.
template <typename Rule, int Phase, bool Statistics>
class Sums {
  public:
    static constexpr bool any() {
        bool found = Statistics;
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            found = found || Rule::reduction_phase(reduction) == Phase;
        }
        return found;
    }

    void note(int64_t i, float before, const Element &element) {
        if constexpr (Statistics) {
            change_[i] = element.parameter - before;
        }
        note_reductions<Rule::reductions - 1>(i, element);
    }

    void clear_block() {
        for (Lanes &sums : lanes_) {
            sums.clear();
        }
    }

    void add_row(int64_t elements) {
        if constexpr (Statistics) {
            lanes_[0].add_row(change_, change_, elements);
        }
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (Rule::reduction_phase(reduction) == Phase) {
                lanes_[1 + reduction].add_row(left_[reduction], right_[reduction], elements);
            }
        }
    }

    void join_block() {
        for (int sum = 0; sum < count; ++sum) {
            blocks_[sum].add(lanes_[sum].join());
        }
    }

    void store(const UpdateWork &work) const {
        if constexpr (Statistics) {
            work.partials[0] = blocks_[0].total();
        }
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (Rule::reduction_phase(reduction) == Phase) {
                work.partials[(2 + reduction) * work.partial_stride] =
                    blocks_[1 + reduction].total();
            }
        }
    }

  private:
    static constexpr int count = 1 + Rule::reductions;
    static constexpr int reduction_rows = Rule::reductions == 0 ? 1 : Rule::reductions;

    template <int Reduction>
    void note_reductions(int64_t i, const Element &element) {
        if constexpr (Reduction >= 0) {
            if constexpr (Rule::reduction_phase(Reduction) == Phase) {
                left_[Reduction][i] = element.left[Reduction];
                right_[Reduction][i] = element.right[Reduction];
            }
            note_reductions<Reduction - 1>(i, element);
        }
    }

    alignas(64) float change_[lanes];
    alignas(64) float left_[reduction_rows][lanes];
    alignas(64) float right_[reduction_rows][lanes];
    Lanes lanes_[count];
    PairwiseSum blocks_[count];
};

// The loop with sums: an element's terms are left in rows of 128 in the first-level cache, and
// added to the lanes once a row is full.
template <typename Rule, int Phase, bool Curved, bool Zeroing, bool Statistics>
void update_and_sum(const UpdateWork &work) {
    const FloatBuffers whole = buffers_of(work, Rule::slots);
    const typename Rule::Scalars scalars = scalars_of<Rule>(*work.prepared);
    const float gradient_scale = work.prepared->gradient_scale;
    const float curvature_scale = work.prepared->curvature_scale;
    Sums<Rule, Phase, Statistics> sums;
    for (int64_t block = 0; block < work.elements; block += block_elements) {
        const int64_t block_end = smaller(block + block_elements, work.elements);
        sums.clear_block();
        for (int64_t row = block; row < block_end; row += lanes) {
            const int64_t elements = smaller(lanes, block_end - row);
            const FloatBuffers buffers = whole.from(row, Rule::slots);
#pragma GCC ivdep
            for (int64_t i = 0; i < elements; ++i) {
                Element element =
                    buffers.template load<Rule, Curved>(i, gradient_scale, curvature_scale);
                const float before = element.parameter;
                Rule::template update<Phase>(scalars, element);
                buffers.template store<Rule, Phase, Curved>(i, element);
                sums.note(i, before, element);
                if constexpr (Zeroing) {
                    buffers.zero_gradient(i);
                }
            }
            sums.add_row(elements);
        }
        sums.join_block();
    }
    sums.store(work);
}

// Chooses the loop. A phase before the last neither zeroes nor takes statistics.
template <typename Rule, int Phase, bool Curved, bool Zeroing, bool Statistics>
void update_with(const UpdateWork &work) {
    if constexpr (Sums<Rule, Phase, Statistics>::any()) {
        update_and_sum<Rule, Phase, Curved, Zeroing, Statistics>(work);
    } else {
        update_elements<Rule, Phase, Curved, Zeroing>(work);
    }
}

template <typename Rule, int Phase, bool Curved>
void update_curved(const UpdateWork &work) {
    if constexpr (Phase + 1 < Rule::phases) {
        update_with<Rule, Phase, Curved, false, false>(work);
    } else if (work.zero_gradients) {
        if (work.statistics) {
            update_with<Rule, Phase, Curved, true, true>(work);
        } else {
            update_with<Rule, Phase, Curved, true, false>(work);
        }
    } else {
        if (work.statistics) {
            update_with<Rule, Phase, Curved, false, true>(work);
        } else {
            update_with<Rule, Phase, Curved, false, false>(work);
        }
    }
}

template <typename Rule, int Phase>
void update(const UpdateWork &work) {
    if constexpr (Rule::curvature) {
        if (work.curvature != nullptr) {
            update_curved<Rule, Phase, true>(work);
            return;
        }
    }
    update_curved<Rule, Phase, false>(work);
}

template <typename Rule, int Phase>
constexpr UpdateFunction update_function() {
    if constexpr (Phase < Rule::phases) {
        return update<Rule, Phase>;
    } else {
        return nullptr;
    }
}

constexpr UpdateFunction updates[][PANOPTIM_MAX_PHASES] = {
#define PANOPTIM_RULE(name, ...)                                                                   \
    {update_function<__VA_ARGS__, 0>(), update_function<__VA_ARGS__, 1>(),                         \
     update_function<__VA_ARGS__, 2>(), update_function<__VA_ARGS__, 3>()},
#include "rules/rules.def"
#undef PANOPTIM_RULE
};
static_assert(PANOPTIM_MAX_PHASES == 4);

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

#define PANOPTIM_JOIN(a, b) a##b
#define PANOPTIM_TIER_TABLE(tier) PANOPTIM_JOIN(tier, _tier)

constexpr panoptim::Tier panoptim::PANOPTIM_TIER_TABLE(PANOPTIM_TIER) = {measure, updates};
