// How tensors are cut into panels, and where the sums over their rows and columns lie.
#pragma once

#include "panoptim_plan.h"
#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// A panel of a matrix.
struct Panel {
    int64_t matrix;
    int64_t down;      // panels above it
    int64_t across;    // panels to its left
    int64_t first_row; // in the matrix
    int64_t first_column;
    int64_t rows; // its own
    int64_t columns;
};

// The matrices of a tensor with elements, and the panels of each of them.
struct PanelGrid {
    int64_t matrices;
    int64_t rows; // of a matrix
    int64_t columns;
    int64_t down; // panels of a matrix
    int64_t across;

    PANOPTIM_DEVICE static PanelGrid of(const panoptim_tensor &tensor) {
        const auto parts = [](int64_t whole, int64_t part) { return (whole + part - 1) / part; };
        return {tensor.elements / (tensor.rows * tensor.columns), tensor.rows, tensor.columns,
                parts(tensor.rows, PANOPTIM_PANEL_ROWS),
                parts(tensor.columns, PANOPTIM_PANEL_COLUMNS)};
    }

    PANOPTIM_DEVICE Panel panel(int64_t index) const {
        Panel panel{};
        const int64_t strip = index / across;
        panel.across = index % across;
        panel.matrix = strip / down;
        panel.down = strip % down;
        panel.first_row = panel.down * PANOPTIM_PANEL_ROWS;
        panel.first_column = panel.across * PANOPTIM_PANEL_COLUMNS;
        panel.rows = least(PANOPTIM_PANEL_ROWS, rows - panel.first_row);
        panel.columns = least(PANOPTIM_PANEL_COLUMNS, columns - panel.first_column);
        return panel;
    }

    // The row of a panel, counted through all matrices.
    PANOPTIM_DEVICE int64_t row_of(const Panel &panel) const {
        return panel.matrix * rows + panel.first_row;
    }

    // The first element of a panel in its tensor.
    PANOPTIM_DEVICE int64_t element_of(const Panel &panel) const {
        return row_of(panel) * columns + panel.first_column;
    }

  private:
    PANOPTIM_DEVICE static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
};

// How many of a rule's reductions before one are of a scope. Here and below a rule is what says
// scope and reduction_phase: of rules/, of a RuleList, or of the registry.
template <typename Rule>
PANOPTIM_DEVICE constexpr int count_of_scope(const Rule &rule, Scope scope, int end) {
    int count = 0;
    for (int reduction = 0; reduction < end; ++reduction) {
        count += rule.scope(reduction) == scope ? 1 : 0;
    }
    return count;
}

// Whether a phase finds the terms of a sum of some scope.
template <typename Rule>
PANOPTIM_DEVICE constexpr bool finds(const Rule &rule, int phase, Scope scope, int reduction) {
    return rule.scope(reduction) == scope && rule.reduction_phase(reduction) == phase;
}

// Whether a phase walks over panels.
template <typename Rule>
PANOPTIM_DEVICE constexpr bool finds_lines(const Rule &rule, int phase) {
    for (int reduction = 0; reduction < rule.reductions; ++reduction) {
        if (of_lines(rule.scope(reduction)) && rule.reduction_phase(reduction) == phase) {
            return true;
        }
    }
    return false;
}

// What the panels at a place from the left found of a matrix's rows: a sum for each.
template <typename Rule>
PANOPTIM_DEVICE double *row_sums(const Rule &rule, const panoptim_tensor &tensor,
                                 const PanelGrid &grid, int reduction, int64_t matrix,
                                 int64_t across) {
    const int64_t sum = count_of_scope(rule, Scope::row, reduction);
    return tensor.line_sums + ((sum * grid.matrices + matrix) * grid.across + across) * grid.rows;
}

// What the panels at a place from above found of a matrix's columns.
template <typename Rule>
PANOPTIM_DEVICE double *column_sums(const Rule &rule, const panoptim_tensor &tensor,
                                    const PanelGrid &grid, int reduction, int64_t matrix,
                                    int64_t down) {
    const int64_t rows = count_of_scope(rule, Scope::row, rule.reductions);
    const int64_t sum = count_of_scope(rule, Scope::column, reduction);
    return tensor.line_sums + rows * grid.matrices * grid.across * grid.rows +
           ((sum * grid.matrices + matrix) * grid.down + down) * grid.columns;
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
