// The sums over rows and columns that a phase of a rule takes on its way through a panel. For a
// tier's files alone.
#pragma once

#include "lanes.h"
#include "panoptim.h"
#include "step/panels.cuh"
#include "sums.h"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// As Sums, piece by piece of a row. The sums of a panel's columns are kept until it is done; the
// terms of a piece are added to them and to the lanes of the row's segment.
template <typename Rule, int Phase>
class PanelSums {
  public:
    static constexpr bool of_statistics = false;

    void start_panel(const Panel &panel) {
        for (auto &sums : columns_) {
            __builtin_memset(sums, 0, static_cast<unsigned long>(panel.columns) * sizeof sums[0]);
        }
    }

    void start_segment(int64_t elements) {
        for (Lanes &lanes : lanes_) {
            lanes.clear(elements);
        }
    }

    // The terms of element i of a piece.
    [[gnu::always_inline]] void note(int64_t i, Before /*before*/, const Element &element) {
        note_reductions<Rule::reductions - 1>(i, element);
    }

    // Adds the terms of a piece that begins at a column of the panel.
    [[gnu::always_inline]] void add_piece(int64_t column, int64_t elements) {
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (taken(Scope::row, reduction)) {
                lanes_[rank(reduction)].add(column % lane_count, left_[reduction],
                                            right_[reduction], elements);
            } else if (taken(Scope::column, reduction)) {
                add_to_columns(columns_[rank(reduction)] + column, left_[reduction],
                               right_[reduction], elements);
            }
        }
    }

    void finish_segment() {
        for (int sum = 0; sum < row_count; ++sum) {
            segments_[sum].add(lanes_[sum].join());
        }
    }

    // Writes the sums of a row and starts anew.
    void finish_row(const panoptim_tensor &tensor, const PanelGrid &grid, const Panel &panel,
                    int64_t row) {
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (taken(Scope::row, reduction)) {
                PairwiseSum &segments = segments_[rank(reduction)];
                row_sums(Rule{}, tensor, grid, reduction, panel.matrix,
                         panel.across)[panel.first_row + row] = segments.total();
                segments.clear();
            }
        }
    }

    // Writes the sums of the columns.
    void finish_panel(const panoptim_tensor &tensor, const PanelGrid &grid, const Panel &panel) {
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (taken(Scope::column, reduction)) {
                double *const sums =
                    column_sums(Rule{}, tensor, grid, reduction, panel.matrix, panel.down) +
                    panel.first_column;
                __builtin_memcpy(sums, columns_[rank(reduction)],
                                 static_cast<unsigned long>(panel.columns) * sizeof sums[0]);
            }
        }
    }

  private:
    static constexpr bool taken(Scope scope, int reduction) {
        return finds(Rule{}, Phase, scope, reduction);
    }

    // Which of the sums of its scope a reduction is.
    static constexpr int rank(int reduction) {
        return count_of_scope(Rule{}, Rule::scope(reduction), reduction);
    }

    static void add_to_columns(double *sums, const float *left, const float *right,
                               int64_t elements) {
#pragma GCC ivdep
        for (int64_t i = 0; i < elements; ++i) {
            sums[i] += exact_product(left[i], right[i]);
        }
    }

    template <int Reduction>
    [[gnu::always_inline]] void note_reductions(int64_t i, const Element &element) {
        if constexpr (Reduction >= 0) {
            if constexpr (Rule::reduction_phase(Reduction) == Phase) {
                left_[Reduction][i] = element.left[Reduction];
                right_[Reduction][i] = element.right[Reduction];
            }
            note_reductions<Reduction - 1>(i, element);
        }
    }

    static constexpr int row_count = count_of_scope(Rule{}, Scope::row, Rule::reductions);
    static constexpr int column_count = count_of_scope(Rule{}, Scope::column, Rule::reductions);
    static constexpr int at_least_one(int count) {
        return count == 0 ? 1 : count;
    }

    alignas(64) float left_[Rule::reductions][piece_elements];
    alignas(64) float right_[Rule::reductions][piece_elements];
    alignas(64) double columns_[at_least_one(column_count)][PANOPTIM_PANEL_COLUMNS];
    Lanes lanes_[at_least_one(row_count)];
    PairwiseSum segments_[at_least_one(row_count)];
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
