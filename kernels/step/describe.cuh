// A rule as the registry describes it.
#pragma once

#include "panoptim_plan.h"
#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// Writes text into a field that stays terminated. Too long a text does not compile: a description
// is a constant.
template <int Size>
struct TextField {
    uint8_t (&bytes)[Size];
    int length = 0;

    constexpr void add(char letter) {
        bytes[length < Size - 1 ? length : -1] = static_cast<uint8_t>(letter);
        ++length;
    }

    // The first names of a list, without the blanks between them.
    constexpr void add_names(const char *names, int count) {
        for (; count > 0 && *names != 0; ++names) {
            count -= *names == ',' ? 1 : 0;
            if (*names != ' ' && count > 0) {
                add(*names);
            }
        }
    }
};

template <int Size>
constexpr TextField<Size> text_field(uint8_t (&bytes)[Size]) {
    return TextField<Size>{bytes};
}

// A reduction's scope and phase: row0.
template <int Size>
constexpr void add_reduction(TextField<Size> &text, Scope scope, int phase) {
    constexpr const char *const names[] = {"tensor", "group", "all", "row", "column"};
    text.add_names(names[static_cast<int>(scope)], 1);
    text.add(static_cast<char>('0' + phase));
}

template <typename Rule>
constexpr panoptim_rule described(int32_t index, const char *name) {
    panoptim_rule rule{};
    rule.index = index;
    rule.phases = Rule::phases;
    rule.pass_phases = Rule::pass_phases;
    rule.reductions = Rule::reductions;
    rule.curvature = Rule::curvature ? 1 : 0;
    text_field(rule.name).add_names(name, 1);
    auto signature = text_field(rule.signature);
    signature.add_names(Rule::hyper_names, count_names(Rule::hyper_names));
    signature.add(';');
    signature.add_names(Rule::slot_names, Rule::slots);
    const char *const others[] = {Rule::row_names, Rule::column_names, Rule::tensor_state_names,
                                  Rule::rule_state_names};
    for (const char *names : others) {
        signature.add(';');
        signature.add_names(names, count_names(names));
    }
    signature.add(';');
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        if (reduction > 0) {
            signature.add(',');
        }
        add_reduction(signature, Rule::scope(reduction), Rule::reduction_phase(reduction));
    }
    if (Rule::totals) {
        signature.add(',');
        signature.add_names("totals", 1);
    }
    return rule;
}

} // namespace PANOPTIM_TIER
} // namespace panoptim
