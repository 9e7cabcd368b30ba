// The sums that a phase of a rule takes on its way. For a tier's files alone.
#pragma once

#include "lanes.h"
#include "panoptim.h"
#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// Elements that a loop handles at a time: two cache lines of floats.
constexpr int64_t piece_elements = 32;

// The sums of a phase: the squares of the parameters' changes if statistics are requested, and the
// rule's reductions. The terms of a piece, each a product, are left in the first-level cache, and
// added to the lanes when the piece is done.
template <typename Rule, int Phase, bool Statistics>
class Sums {
  public:
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
    [[gnu::always_inline]] void note(int64_t i, float before, const Element &element) {
        if constexpr (Statistics) {
            change_[i] = element.parameter - before;
        }
        note_reductions<Rule::reductions - 1>(i, element);
    }

    // Adds the terms of a piece whose first element belongs to a lane.
    [[gnu::always_inline]] void add_piece(int64_t lane, int64_t elements) {
        if constexpr (Statistics) {
            lanes_[0].add(lane, change_, change_, elements);
        }
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (taken(reduction)) {
                lanes_[1 + reduction].add(lane, left_[reduction], right_[reduction], elements);
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
        if constexpr (Statistics) {
            plan.partials[chunk] = blocks_[0].total();
        }
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (taken(reduction)) {
                plan.partials[(2 + reduction) * plan.chunk_count + chunk] =
                    blocks_[1 + reduction].total();
            }
        }
        for (PairwiseSum &sum : blocks_) {
            sum.clear();
        }
    }

  private:
    static constexpr int count = 1 + Rule::reductions;

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

    alignas(64) float change_[piece_elements];
    alignas(64) float left_[count][piece_elements];
    alignas(64) float right_[count][piece_elements];
    Lanes lanes_[count];
    PairwiseSum blocks_[count];
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
