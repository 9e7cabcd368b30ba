// The rules by index, as far as the stages between the loops need them.
#pragma once

#include "panoptim.h"
#include "rules/rule.cuh"

namespace panoptim {

using PrepareFunction = void (*)(const void *hyper, const Preparation &, const panoptim_control &,
                                 panoptim_prepared &);

struct RegisteredRule {
    const char *name;
    panoptim_rule_info info;
    PrepareFunction prepare[PANOPTIM_MAX_PHASES]; // null beyond the rule's phases
    Scope scope[PANOPTIM_MAX_REDUCTIONS];
    int32_t reduction_phase[PANOPTIM_MAX_REDUCTIONS];
};

extern const RegisteredRule rules[];
extern const int32_t rule_count;

} // namespace panoptim
