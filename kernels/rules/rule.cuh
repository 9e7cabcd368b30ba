// What a rule is made of. A rule is a struct of static members:
//
//   PANOPTIM_RULE_HYPER(...)     its hyper-parameters, by the names that Java's record has for them
//   PANOPTIM_RULE_SCALARS(...)   what one step needs of them, for one tensor
//   PANOPTIM_RULE_SLOTS(...)     its states with a float for each element, which update advances
//   PANOPTIM_RULE_ROWS(...), PANOPTIM_RULE_COLUMNS(...)
//                                its states with a float for each row or column, which update
//                                reads, and advance_row and the like advance
//   PANOPTIM_TENSOR_STATES(...)  its states with a double for the tensor, which prepare advances
//   PANOPTIM_RULE_STATES(...)    its states with a double for the group, which settle advances
//   phases                       passes over the elements; between them reductions are joined
//   pass_phases                  the same of the rule's named passes beside the step, one after
//                                another, numbered behind the step's phases
//   reductions                   sums found by one phase for the later ones
//   scope(r), reduction_phase(r) over what reduction r sums, and which phase finds its terms; one
//                                that finds those of rows or columns finds no others
//   totals                       whether advance_row says a term, and finish_row follows
//   curvature                    whether the caller hands in curvature on some steps
//   reads_parameter(phase), reads_gradient(phase), read_slots(phase, curved)
//                                what a phase uses the values of
//   writes_parameter(phase), written_slots(phase, curved)
//                                what a phase stores; the rest of the element is left alone
//   writes_gradient(phase)       the same of the gradient; only in passes
//   completes_step(phase)        whether a phase of a pass leaves the value that a step comes to
//   reads_average(phase)         whether a phase of a pass reads the parameter's moving average
//   maximize(hyper)              whether gradients count with the opposite sign
//   settle<phase>(hyper, preparation, states)      in double, once per group, before prepare
//   rests<phase>(hyper, preparation)
//                                whether a pass leaves a tensor alone; asked in its first phase,
//                                before prepare
//   prepare<phase>(hyper, preparation, scalars)    in double, once per tensor
//   advance_row<phase>(hyper, preparation, line)   in double, once per row after a phase that sums
//   advance_column<phase>(...)                     over rows or columns, once the next is prepared
//   finish_row<phase>(hyper, preparation, line, total)
//   update<phase>(scalars, element)                in float, once per element
//
// Nothing else in the library knows a rule's formula.
#pragma once

#include "panoptim_plan.h"
#include "rules/numerics.cuh"

// Hyper-parameters are doubles; booleans are 0 or 1. The host fills them by their names.
#define PANOPTIM_RULE_HYPER(...)                                                                   \
    struct Hyper {                                                                                 \
        double __VA_ARGS__;                                                                        \
    };                                                                                             \
    static constexpr const char *hyper_names = #__VA_ARGS__

// Scalars are computed in double, and rounded to float once.
#define PANOPTIM_RULE_SCALARS(...)                                                                 \
    struct Scalars {                                                                               \
        float __VA_ARGS__;                                                                         \
    }

// The names are places in Element::slot: element.slot[exp_avg].
#define PANOPTIM_RULE_SLOTS(...)                                                                   \
    PANOPTIM_RULE_FIRST_SLOTS(panoptim::count_names(#__VA_ARGS__), __VA_ARGS__)

// The first so many of these, where a rule's variants have more or fewer.
#define PANOPTIM_RULE_FIRST_SLOTS(count, ...)                                                      \
    enum Slot : int { __VA_ARGS__ };                                                               \
    static constexpr const char *slot_names = #__VA_ARGS__;                                        \
    static constexpr int slots = (count)

// The names are places in Element::row and Element::column.
#define PANOPTIM_RULE_ROWS(...)                                                                    \
    enum Row : int { __VA_ARGS__ };                                                                \
    static constexpr const char *row_names = #__VA_ARGS__
#define PANOPTIM_RULE_COLUMNS(...)                                                                 \
    enum Column : int { __VA_ARGS__ };                                                             \
    static constexpr const char *column_names = #__VA_ARGS__

#define PANOPTIM_TENSOR_STATES(...)                                                                \
    struct TensorStates {                                                                          \
        double __VA_ARGS__;                                                                        \
    };                                                                                             \
    static constexpr const char *tensor_state_names = #__VA_ARGS__
#define PANOPTIM_RULE_STATES(...)                                                                  \
    struct RuleStates {                                                                            \
        double __VA_ARGS__;                                                                        \
    };                                                                                             \
    static constexpr const char *rule_state_names = #__VA_ARGS__

namespace panoptim {
inline namespace PANOPTIM_TIER {

// The names in a list with commas between them.
constexpr int count_names(const char *names) {
    int count = *names == 0 ? 0 : 1;
    for (; *names != 0; ++names) {
        count += *names == ',' ? 1 : 0;
    }
    return count;
}

// What a reduction sums over.
enum class Scope { tensor, group, all, row, column };

// Whether there is a sum for each row or each column.
PANOPTIM_DEVICE constexpr bool of_lines(Scope scope) {
    return scope == Scope::row || scope == Scope::column;
}

// What prepare and settle get to know about the step.
struct Preparation {
    double rate_factor;       // multiplies the learning rate
    double momentum;          // replaces the rule's own; NaN leaves it
    double clip_coefficient;  // what bounds the gradient's norm; for the first phase of a step
    int64_t step;             // steps taken by the optimizer, this one included
    int64_t count;            // steps taken by the tensor, this one included; not for settle
    int64_t elements;         // of the tensor; not for settle
    const double *reductions; // those of earlier phases, in the rule's order; for settle those over
                              // all tensors or the group's
    double *tensor_memory;    // the tensor's states; not for settle
    const double *rule_memory; // the group's states, settled for this phase

    PANOPTIM_DEVICE double momentum_or(double own) const {
        return momentum == momentum ? momentum : own;
    }

    // The tensor's states, to be read and set.
    template <typename Rule>
    PANOPTIM_DEVICE typename Rule::TensorStates &tensor_states() const {
        return *reinterpret_cast<typename Rule::TensorStates *>(tensor_memory);
    }

    template <typename Rule>
    PANOPTIM_DEVICE const typename Rule::RuleStates &rule_states() const {
        return *reinterpret_cast<const typename Rule::RuleStates *>(rule_memory);
    }
};

// A row or column of a matrix while its states are advanced.
struct Line {
    int64_t elements; // of it
    int64_t lines;    // of its kind, in the matrix
    // By reduction: those of its kind that the phase before has found.
    double sums[PANOPTIM_MAX_REDUCTIONS];
    float states[PANOPTIM_MAX_SLOTS]; // by the names that the rule gives to rows or columns
};

// One element while it is in registers.
struct Element {
    float parameter;
    float gradient;  // unscaled, clipped, negated when maximizing
    float curvature; // unscaled, negated when maximizing; meaningless unless curved
    float average;   // the parameter's moving average, or the parameter if it has none
    bool curved;     // the caller handed in curvature for this step
    bool held;       // set where a bound held the gradient, or the rule's update
    float slot[PANOPTIM_MAX_SLOTS];
    // States of the element's row and column, to be read.
    float row[PANOPTIM_MAX_SLOTS];
    float column[PANOPTIM_MAX_SLOTS];
    // The terms of the reductions: left * right, which is exact in double.
    float left[PANOPTIM_MAX_REDUCTIONS];
    float right[PANOPTIM_MAX_REDUCTIONS];
};

// The plain shape, which a rule inherits and overrides in part: one phase that writes everything,
// no reduction, no curvature, gradients descended, states of elements alone.
struct PlainRule {
    static constexpr int phases = 1;
    static constexpr int pass_phases = 0;
    static constexpr int reductions = 0;
    static constexpr bool curvature = false;
    static constexpr bool totals = false;
    static constexpr const char *row_names = "";
    static constexpr const char *column_names = "";
    static constexpr const char *tensor_state_names = "";
    static constexpr const char *rule_state_names = "";

    PANOPTIM_DEVICE static constexpr Scope scope(int) { return Scope::tensor; }
    PANOPTIM_DEVICE static constexpr int reduction_phase(int) { return 0; }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int) { return true; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int) { return true; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int) { return true; }
    PANOPTIM_DEVICE static constexpr bool writes_gradient(int) { return false; }
    PANOPTIM_DEVICE static constexpr bool completes_step(int) { return false; }
    PANOPTIM_DEVICE static constexpr bool reads_average(int) { return false; }
    // A bit for each slot.
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int, bool) { return ~0U; }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int, bool) { return ~0U; }

    template <typename Hyper>
    PANOPTIM_DEVICE static bool maximize(const Hyper &) {
        return false;
    }

    template <int Phase, typename Hyper>
    PANOPTIM_DEVICE static bool rests(const Hyper &, const Preparation &) {
        return false;
    }
    // The term is of no use without totals.
    template <int Phase, typename Hyper>
    PANOPTIM_DEVICE static double advance_row(const Hyper &, const Preparation &, Line &) {
        return 0;
    }
    template <int Phase, typename Hyper>
    PANOPTIM_DEVICE static void advance_column(const Hyper &, const Preparation &, Line &) {}
    template <int Phase, typename Hyper>
    PANOPTIM_DEVICE static void finish_row(const Hyper &, const Preparation &, Line &, double) {}
};

// Whether a phase is one of the step.
template <typename Rule, int Phase>
constexpr bool of_step = Phase < Rule::phases;

// Whether a phase passes a tensor by that has no gradient. One of a pass over every tensor must not
// read or write any.
template <typename Rule, int Phase>
constexpr bool needs_gradient = of_step<Rule, Phase> ||
                                Rule::reads_gradient(Phase) || Rule::writes_gradient(Phase);

// Whether a phase looks at a tensor's gradient, and does not only write it.
template <typename Rule, int Phase>
constexpr bool loads_gradient = of_step<Rule, Phase> || Rule::reads_gradient(Phase);

// Whether a phase looks at elements. One of a pass that only takes up sums does not, and no loop is
// made for it.
template <typename Rule, int Phase>
PANOPTIM_DEVICE constexpr bool touches_elements() {
    const unsigned slots = Rule::read_slots(Phase, false) | Rule::written_slots(Phase, false);
    bool touches = needs_gradient<Rule, Phase> || Rule::reads_parameter(Phase) ||
                   Rule::writes_parameter(Phase) || (slots & ((1U << Rule::slots) - 1)) != 0;
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        touches = touches || Rule::reduction_phase(reduction) == Phase;
    }
    return touches;
}

// Whether a phase sums over rows or columns, and so walks over panels of matrices.
template <typename Rule>
PANOPTIM_DEVICE constexpr bool walks_over_panels(int phase) {
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        if (of_lines(Rule::scope(reduction)) && Rule::reduction_phase(reduction) == phase) {
            return true;
        }
    }
    return false;
}

// Whether a phase of a rule does.
template <typename Rule>
PANOPTIM_DEVICE constexpr bool has_panels() {
    for (int phase = 0; phase < Rule::phases + Rule::pass_phases; ++phase) {
        if (walks_over_panels<Rule>(phase)) {
            return true;
        }
    }
    return false;
}

// Whether phases over panels are none that a step ends with and find no other sums, and whether
// each of them finds some of rows, if there are totals.
template <typename Rule>
PANOPTIM_DEVICE constexpr bool lines_hold() {
    for (int phase = 0; phase < Rule::phases + Rule::pass_phases; ++phase) {
        bool others = false;
        bool rows = false;
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            const bool found = Rule::reduction_phase(reduction) == phase;
            others = others || (found && !of_lines(Rule::scope(reduction)));
            rows = rows || (found && Rule::scope(reduction) == Scope::row);
        }
        if (walks_over_panels<Rule>(phase) &&
            (others || phase + 1 == Rule::phases || (Rule::totals && !rows))) {
            return false;
        }
    }
    return true;
}

// How many states a rule has of each extent beside its slots.
template <typename Rule>
constexpr int row_states = count_names(Rule::row_names);
template <typename Rule>
constexpr int column_states = count_names(Rule::column_names);
template <typename Rule>
constexpr int tensor_states = count_names(Rule::tensor_state_names);
template <typename Rule>
constexpr int rule_states = count_names(Rule::rule_state_names);

} // namespace PANOPTIM_TIER
} // namespace panoptim
