// The arrays of floats that an update works on, and how one element of them is read and written.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// Whether a rule has states of rows or columns.
template <typename Rule>
constexpr bool has_line_states = row_states<Rule> + column_states<Rule> != 0;

// Where an element is in the matrices of its tensor.
struct MatrixPlace {
    int64_t row; // counted through all matrices
    int64_t column;
    int64_t row_of_matrix;
    int64_t columns_before; // those of the matrices before its own

    // The place of an element of the whole tensor.
    PANOPTIM_DEVICE static MatrixPlace of(const panoptim_tensor &tensor, int64_t index) {
        const int64_t row = index / tensor.columns;
        const int64_t matrix = row / tensor.rows;
        return {row, index - row * tensor.columns, row - matrix * tensor.rows,
                matrix * tensor.columns};
    }

    // Goes on by as many elements as the row has at most.
    PANOPTIM_DEVICE void advance(const panoptim_tensor &tensor, int64_t elements) {
        column += elements;
        if (column == tensor.columns) {
            column = 0;
            ++row;
            if (++row_of_matrix == tensor.rows) {
                row_of_matrix = 0;
                columns_before += tensor.columns;
            }
        }
    }
};

// The states of a row, and of its columns from one on.
struct LineStates {
    const float *rows[PANOPTIM_MAX_SLOTS];
    const float *columns[PANOPTIM_MAX_SLOTS];

    template <typename Rule>
    PANOPTIM_DEVICE static LineStates of(const panoptim_tensor &tensor, const MatrixPlace &place) {
        LineStates states;
        for (int state = 0; state < row_states<Rule>; ++state) {
            states.rows[state] = tensor.slots[Rule::slots + state] + place.row;
        }
        for (int state = 0; state < column_states<Rule>; ++state) {
            states.columns[state] = tensor.slots[Rule::slots + row_states<Rule> + state] +
                                    place.columns_before + place.column;
        }
        return states;
    }

    // As an element of the row finds them, so many columns further on.
    template <typename Rule>
    PANOPTIM_DEVICE void load(int64_t i, Element &element) const {
        for (int state = 0; state < row_states<Rule>; ++state) {
            element.row[state] = *rows[state];
        }
        for (int state = 0; state < column_states<Rule>; ++state) {
            element.column[state] = columns[state][i];
        }
    }
};

// Addresses of the first element of a piece of a tensor.
struct Buffers {
    float *value;
    float *gradient;
    const float *curvature;
    const float *average;
    float *slots[PANOPTIM_MAX_SLOTS];
    LineStates lines; // of the piece's row, if the rule has any

    // The same arrays from a later element on.
    template <typename Rule, int Phase, bool Curved>
    PANOPTIM_DEVICE Buffers from(int64_t first) const {
        Buffers moved = *this;
        moved.value += first;
        if constexpr (needs_gradient<Rule, Phase>) {
            moved.gradient += first;
        }
        if constexpr (Curved) {
            moved.curvature += first;
        }
        if constexpr (Rule::reads_average(Phase)) {
            moved.average += first;
        }
        for (int slot = 0; slot < Rule::slots; ++slot) {
            moved.slots[slot] += first;
        }
        return moved;
    }

    template <typename Rule, int Phase, bool Curved>
    PANOPTIM_DEVICE Element load(int64_t i, float gradient_scale, float gradient_limit,
                                 float curvature_scale) const {
        Element element;
        element.parameter = value[i];
        if constexpr (loads_gradient<Rule, Phase>) {
            const float scaled = gradient[i] * gradient_scale;
            element.gradient = limited(scaled, gradient_limit);
            element.held = beyond(scaled, gradient_limit);
        }
        element.curved = Curved;
        if constexpr (Curved) {
            element.curvature = curvature[i] * curvature_scale;
        }
        if constexpr (Rule::reads_average(Phase)) {
            element.average = average[i];
        }
        load_slots<Rule::slots - 1>(i, element);
        lines.load<Rule>(i, element);
        return element;
    }

    // Stores what the phase may have changed and nothing else; a gradient in its unit. What states
    // a pass leaves may be parameters, which are never flushed.
    template <typename Rule, int Phase, bool Curved>
    PANOPTIM_DEVICE void store(int64_t i, const Element &element, float gradient_unit,
                               float least_state) const {
        if constexpr (Rule::writes_parameter(Phase)) {
            value[i] = element.parameter;
        }
        if constexpr (Rule::writes_gradient(Phase)) {
            gradient[i] = element.gradient * gradient_unit;
        }
        store_slots<Rule::slots - 1, Rule::written_slots(Phase, Curved), of_step<Rule, Phase>>(
            i, element, least_state);
    }

    PANOPTIM_DEVICE void zero_gradient(int64_t i) const { gradient[i] = 0.0F; }

  private:
    // Slots are counted in templates, not loops, so that an element never leaves its registers.
    template <int Slot>
    PANOPTIM_DEVICE void load_slots(int64_t i, Element &element) const {
        if constexpr (Slot >= 0) {
            load_slots<Slot - 1>(i, element);
            element.slot[Slot] = slots[Slot][i];
        }
    }

    template <int Slot, unsigned Written, bool Flushes>
    PANOPTIM_DEVICE void store_slots(int64_t i, const Element &element, float least) const {
        if constexpr (Slot >= 0) {
            store_slots<Slot - 1, Written, Flushes>(i, element, least);
            if constexpr ((Written >> Slot & 1U) != 0) {
                slots[Slot][i] = Flushes ? flushed(element.slot[Slot], least) : element.slot[Slot];
            }
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
