// The arrays of floats that an update works on, and how one element of them is read and written.
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// The states of a tensor's rows and columns, as an element of it finds them.
struct MatrixStates {
    const panoptim_tensor *tensor;
    int64_t first; // the element of the tensor that is element 0 here

    template <typename Rule>
    PANOPTIM_DEVICE void load(int64_t i, Element &element) const {
        if constexpr (row_states<Rule> + column_states < Rule >> 0) {
            const int64_t index = tensor->first + first + i;
            const int64_t row = index / tensor->columns;
            const int64_t column = row / tensor->rows * tensor->columns + index % tensor->columns;
            for (int state = 0; state < row_states<Rule>; ++state) {
                element.row[state] = tensor->slots[Rule::slots + state][row];
            }
            for (int state = 0; state < column_states<Rule>; ++state) {
                element.column[state] =
                    tensor->slots[Rule::slots + row_states<Rule> + state][column];
            }
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
    MatrixStates matrix;

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
        moved.matrix.first += first;
        return moved;
    }

    template <typename Rule, int Phase, bool Curved>
    PANOPTIM_DEVICE Element load(int64_t i, float gradient_scale, float gradient_limit,
                                 float curvature_scale) const {
        Element element;
        element.parameter = value[i];
        if constexpr (loads_gradient<Rule, Phase>) {
            element.gradient = limited(gradient[i] * gradient_scale, gradient_limit);
        }
        element.curved = Curved;
        if constexpr (Curved) {
            element.curvature = curvature[i] * curvature_scale;
        }
        if constexpr (Rule::reads_average(Phase)) {
            element.average = average[i];
        }
        load_slots<Rule::slots - 1>(i, element);
        matrix.load<Rule>(i, element);
        return element;
    }

    // Stores what the phase may have changed and nothing else; a gradient in its unit.
    template <typename Rule, int Phase, bool Curved>
    PANOPTIM_DEVICE void store(int64_t i, const Element &element, float gradient_unit) const {
        if constexpr (Rule::writes_parameter(Phase)) {
            value[i] = element.parameter;
        }
        if constexpr (Rule::writes_gradient(Phase)) {
            gradient[i] = element.gradient * gradient_unit;
        }
        store_slots<Rule::slots - 1, Rule::written_slots(Phase, Curved)>(i, element);
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

    template <int Slot, unsigned Written>
    PANOPTIM_DEVICE void store_slots(int64_t i, const Element &element) const {
        if constexpr (Slot >= 0) {
            store_slots<Slot - 1, Written>(i, element);
            if constexpr ((Written >> Slot & 1U) != 0) {
                slots[Slot][i] = element.slot[Slot];
            }
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
