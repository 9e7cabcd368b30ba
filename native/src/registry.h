// The rules by index, as the stages between the loops need them.
#pragma once

#include "panoptim.h"
#include "rules/rule.cuh"

namespace panoptim {

// What a phase of a rule does with the arrays of a tensor.
struct PhaseUse {
    bool reads_value;
    bool writes_value;
    bool needs_gradient;
    bool copies;
    bool averages;
    // A bit for each state of elements, without curvature and with it.
    uint32_t read_slots[2];
    uint32_t written_slots[2];
    // A bit for each that the phase takes.
    uint32_t reductions;
};

// What IndexedRule (step/rule_list.cuh) says of a rule, where the compiler does not know which.
struct RegisteredRule : panoptim_rule {
    int32_t slots; // states of elements
    PhaseUse uses[PANOPTIM_MAX_PHASES];
    bool keeps_tensor_states;
    bool keeps_rule_states;
    Scope (*scope)(int reduction);
    int (*reduction_phase)(int reduction);
    void (*prepare)(int32_t phase, const double *hyper, const Preparation &,
                    const panoptim_control &, panoptim_prepared &);
    void (*begin_pass)(const double *hyper, const panoptim_control &, panoptim_prepared &);
    void (*settle)(int32_t phase, const double *hyper, const Preparation &, double *states);
};

extern const RegisteredRule rules[];
extern const int32_t rule_count;

} // namespace panoptim
