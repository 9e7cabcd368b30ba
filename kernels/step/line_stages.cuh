// The stages between a phase that sums over rows or columns and the next, once that is prepared:
// the states of every row and column are advanced from their sums, and where the rule takes totals,
// those of the rows once more with the total of their matrix. As control_stages.cuh, compiled for
// the CPU's library, where a team is one thread, and for the kernels, where it is a thread block
// and several share the panels.
//
// Traffic: 8 bytes for each row and panel across, and for each column and panel down, and the
// states: some hundredths of what the phase before has read.
//
// Besides what control_stages.cuh asks of it, a team
//   join_arrays   joins arrays of values by adjacent pairs, each value with those at its place,
//   into
//                 the first array; the thread that joins a place is the one of that rank, modulo
//                 the team's size
#pragma once

#include "step/control_stages.cuh"
#include "step/panels.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// The panels that a team goes over: every stride-th, of a list or of the plan's own.
struct PanelRange {
    const int32_t *list; // null: all
    int64_t first;
    int64_t end;
    int64_t stride;
};

// A rule's states of one kind of line: which of the tensor's arrays they are.
struct LineArrays {
    float *const *arrays;
    int count;

    PANOPTIM_TEAM void load(int64_t index, Line &line) const {
        for (int state = 0; state < count; ++state) {
            line.states[state] = arrays[state][index];
        }
    }

    PANOPTIM_TEAM void store(int64_t index, const Line &line) const {
        for (int state = 0; state < count; ++state) {
            arrays[state][index] = line.states[state];
        }
    }
};

template <typename Rule>
PANOPTIM_TEAM LineArrays row_arrays(const Rule &rule, const panoptim_tensor &tensor) {
    return {tensor.slots + rule.element_states, rule.row_states};
}

template <typename Rule>
PANOPTIM_TEAM LineArrays column_arrays(const Rule &rule, const panoptim_tensor &tensor) {
    return {tensor.slots + rule.element_states + rule.row_states, rule.column_states};
}

// Whether the lines of a rule are advanced before a phase of the step, or of the pass that the plan
// names.
template <typename Rule>
PANOPTIM_TEAM bool advances_lines(const panoptim_plan &plan, const Rule &rule, int32_t phase) {
    const bool planned = plan.pass == PANOPTIM_STEP
                             ? phase < rule.phases
                             : rule.index == plan.pass_rule && phase > plan.pass_phase;
    return planned && finds_lines(rule, phase - 1);
}

// Where rows leave what they add to the total of their matrix: in place of their first sum.
template <typename Rule>
PANOPTIM_TEAM double *row_terms(const Rule &rule, const panoptim_tensor &tensor,
                                const PanelGrid &grid, int32_t phase, int64_t matrix) {
    int reduction = 0;
    while (!finds(rule, phase - 1, Scope::row, reduction)) {
        ++reduction;
    }
    return row_sums(rule, tensor, grid, reduction, matrix, 0);
}

// Advances the rows that begin in a panel.
template <typename Rule, typename Team>
PANOPTIM_TEAM void advance_rows(const Rule &rule, const panoptim_tensor &tensor,
                                const PanelGrid &grid, const Panel &panel, int32_t phase,
                                const double *hyper, const Preparation &preparation, Team &team) {
    const auto sums_of = [&](int reduction) {
        return row_sums(rule, tensor, grid, reduction, panel.matrix, 0) + panel.first_row;
    };
    for (int reduction = 0; reduction < rule.reductions; ++reduction) {
        if (finds(rule, phase - 1, Scope::row, reduction)) {
            team.join_arrays(sums_of(reduction), grid.across, grid.rows, panel.rows);
        }
    }
    const LineArrays states = row_arrays(rule, tensor);
    for (int64_t row = team.rank(); row < panel.rows; row += team.size()) {
        Line line{};
        line.elements = grid.columns;
        line.lines = grid.rows;
        for (int reduction = 0; reduction < rule.reductions; ++reduction) {
            if (finds(rule, phase - 1, Scope::row, reduction)) {
                line.sums[reduction] = sums_of(reduction)[row];
            }
        }
        const int64_t index = grid.row_of(panel) + row;
        states.load(index, line);
        const double term = rule.advance_row(phase, hyper, preparation, line);
        states.store(index, line);
        if (rule.totals) {
            row_terms(rule, tensor, grid, phase, panel.matrix)[panel.first_row + row] = term;
        }
    }
}

// Advances the columns that begin in a panel.
template <typename Rule, typename Team>
PANOPTIM_TEAM void advance_columns(const Rule &rule, const panoptim_tensor &tensor,
                                   const PanelGrid &grid, const Panel &panel, int32_t phase,
                                   const double *hyper, const Preparation &preparation,
                                   Team &team) {
    const auto sums_of = [&](int reduction) {
        return column_sums(rule, tensor, grid, reduction, panel.matrix, 0) + panel.first_column;
    };
    for (int reduction = 0; reduction < rule.reductions; ++reduction) {
        if (finds(rule, phase - 1, Scope::column, reduction)) {
            team.join_arrays(sums_of(reduction), grid.down, grid.columns, panel.columns);
        }
    }
    const LineArrays states = column_arrays(rule, tensor);
    for (int64_t column = team.rank(); column < panel.columns; column += team.size()) {
        Line line{};
        line.elements = grid.rows;
        line.lines = grid.columns;
        for (int reduction = 0; reduction < rule.reductions; ++reduction) {
            if (finds(rule, phase - 1, Scope::column, reduction)) {
                line.sums[reduction] = sums_of(reduction)[column];
            }
        }
        const int64_t index = panel.matrix * grid.columns + panel.first_column + column;
        states.load(index, line);
        rule.advance_column(phase, hyper, preparation, line);
        states.store(index, line);
    }
}

// Looks at the rows of a matrix again, with what they add up to.
template <typename Rule, typename Team>
PANOPTIM_TEAM void finish_rows(const Rule &rule, const panoptim_tensor &tensor,
                               const PanelGrid &grid, int64_t matrix, int32_t phase,
                               const double *hyper, const Preparation &preparation, Team &team) {
    const double total = team.join(row_terms(rule, tensor, grid, phase, matrix), grid.rows);
    const LineArrays states = row_arrays(rule, tensor);
    for (int64_t row = team.rank(); row < grid.rows; row += team.size()) {
        Line line{};
        line.elements = grid.columns;
        line.lines = grid.rows;
        const int64_t index = matrix * grid.rows + row;
        states.load(index, line);
        rule.finish_row(phase, hyper, preparation, line, total);
        states.store(index, line);
    }
}

// Goes through one of the stages, PANOPTIM_STAGE_LINES or PANOPTIM_STAGE_TOTALS, before a phase.
template <typename Rules, typename Entries, typename Team>
PANOPTIM_TEAM void line_stage(const panoptim_plan &plan, int32_t stage, int32_t phase,
                              const PanelRange &range, Team &team) {
    const Preparation common =
        plan.pass == PANOPTIM_STEP ? preparation_of(plan) : preparation_of_pass(plan);
    Preparation preparation = common;
    for (int64_t i = range.first; i < range.end; i += range.stride) {
        const panoptim_panel entry = plan.panels[range.list == nullptr ? i : range.list[i]];
        const panoptim_tensor &tensor = plan.tensors[entry.tensor];
        if (!active<Entries>(plan, entry.tensor)) {
            continue;
        }
        Rules::find(tensor.rule, [&](const auto &rule) {
            if (!advances_lines(plan, rule, phase)) {
                return;
            }
            const PanelGrid grid = PanelGrid::of(tensor);
            const Panel panel = grid.panel(entry.index);
            const double *hyper = group_of(plan, entry.tensor).hyper;
            describe(plan, entry.tensor, common, preparation);
            if (stage == PANOPTIM_STAGE_LINES) {
                if (panel.across == 0) {
                    advance_rows(rule, tensor, grid, panel, phase, hyper, preparation, team);
                }
                if (panel.down == 0) {
                    advance_columns(rule, tensor, grid, panel, phase, hyper, preparation, team);
                }
            } else if (rule.totals && panel.across == 0 && panel.down == 0) {
                finish_rows(rule, tensor, grid, panel.matrix, phase, hyper, preparation, team);
            }
        });
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim
