// The sums that a phase of a rule takes on its way. For a tier's files alone.
#pragma once

#include "lanes.h"
#include "panoptim.h"
#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// Elements that a loop handles at a time: two cache lines of floats.
constexpr int64_t piece_elements = 32;

// An element before its update.
struct Before {
    float parameter;
    float gradient; // raw; 0 where no statistics are taken
};

// The sums of a phase: PANOPTIM_STATISTIC_... if they are requested, and the rule's reductions. The
// terms of a piece, each a product, are left in the first-level cache, and added to the lanes when
// the piece is done.
template <typename Rule, int Phase, bool Statistics>
class Sums {
  public:
    static constexpr bool of_statistics = Statistics;

    // Whether there is any; else only note and add_piece may be called, and do nothing.
    static constexpr bool any() {
        bool result = Statistics;
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            result = result || taken(reduction);
        }
        return result;
    }

    void start_block(int64_t elements) {
        for (Lanes &sums : lanes_) {
            sums.clear(elements);
        }
    }

    // The terms of element i of a piece.
    [[gnu::always_inline]] void note(int64_t i, Before before, const Element &element) {
        if constexpr (Statistics) {
            found_[PANOPTIM_STATISTIC_UPDATE][i] = element.parameter - before.parameter;
            found_[PANOPTIM_STATISTIC_VALUE][i] = element.parameter;
            found_[PANOPTIM_STATISTIC_GRADIENT][i] = before.gradient;
            found_[PANOPTIM_STATISTIC_LIMITED][i] = element.held ? 1.0F : 0.0F;
        }
        note_reductions<Rule::reductions - 1>(i, element);
    }

    // Adds the terms of a piece whose first element belongs to a lane.
    [[gnu::always_inline]] void add_piece(int64_t lane, int64_t elements) {
        for (int statistic = 0; statistic < statistics; ++statistic) {
            lanes_[statistic].add(lane, found_[statistic], found_[statistic], elements);
        }
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (taken(reduction)) {
                lanes_[statistics + reduction].add(lane, left_[reduction], right_[reduction],
                                                   elements);
            }
        }
    }

    void finish_block() {
        for (int sum = 0; sum < count; ++sum) {
            blocks_[sum].add(lanes_[sum].join());
        }
    }

    // Writes the partials of a chunk and starts anew.
    void finish_chunk(const panoptim_plan &plan, int64_t chunk) {
        for (int statistic = 0; statistic < statistics; ++statistic) {
            plan.partials[statistic * plan.chunk_count + chunk] = blocks_[statistic].total();
        }
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (taken(reduction)) {
                plan.partials[(PANOPTIM_STATISTICS + reduction) * plan.chunk_count + chunk] =
                    blocks_[statistics + reduction].total();
            }
        }
        for (PairwiseSum &sum : blocks_) {
            sum.clear();
        }
    }

  private:
    static constexpr int statistics = Statistics ? PANOPTIM_STATISTICS : 0;
    static constexpr int count = statistics + Rule::reductions;
    static constexpr int room = count > 0 ? count : 1; // arrays are never empty

    static constexpr bool taken(int reduction) { return Rule::reduction_phase(reduction) == Phase; }

    template <int Reduction>
    [[gnu::always_inline]] void note_reductions(int64_t i, const Element &element) {
        if constexpr (Reduction >= 0) {
            if constexpr (taken(Reduction)) {
                left_[Reduction][i] = element.left[Reduction];
                right_[Reduction][i] = element.right[Reduction];
            }
            note_reductions<Reduction - 1>(i, element);
        }
    }

    alignas(64) float found_[PANOPTIM_STATISTICS][piece_elements];
    alignas(64) float left_[room][piece_elements];
    alignas(64) float right_[room][piece_elements];
    Lanes lanes_[room];
    PairwiseSum blocks_[room];
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
