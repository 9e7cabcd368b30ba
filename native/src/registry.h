// The rules by index, as far as the stages between the loops need them.
#pragma once

#include "panoptim.h"
#include "rules/rule.cuh"

namespace panoptim {

using PrepareFunction = void (*)(const double *hyper, const Preparation &, const panoptim_control &,
                                 panoptim_prepared &);
using SettleFunction = void (*)(const double *hyper, const Preparation &, double *states);

struct RegisteredRule {
    panoptim_rule description;
    bool keeps_tensor_states;
    bool keeps_rule_states;
    // By phase; null beyond the rule's phases, and settle also for a rule without states.
    PrepareFunction prepare[PANOPTIM_MAX_PHASES];
    SettleFunction settle[PANOPTIM_MAX_PHASES];
    Scope scope[PANOPTIM_MAX_REDUCTIONS];
    int32_t reduction_phase[PANOPTIM_MAX_REDUCTIONS];
};

extern const RegisteredRule rules[];
extern const int32_t rule_count;

} // namespace panoptim
