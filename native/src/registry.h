// The rules by index, as the stages between the loops need them.
#pragma once

#include "panoptim.h"
#include "rules/rule.cuh"

namespace panoptim {

// What IndexedRule (step/rule_list.cuh) says of a rule, where the compiler does not know which.
struct RegisteredRule : panoptim_rule {
    bool keeps_tensor_states;
    bool keeps_rule_states;
    Scope (*scope)(int reduction);
    int (*reduction_phase)(int reduction);
    void (*prepare)(int32_t phase, const double *hyper, const Preparation &,
                    const panoptim_control &, panoptim_prepared &);
    bool (*rests)(int32_t phase, const double *hyper, const Preparation &);
    void (*begin_pass)(const double *hyper, const panoptim_control &, panoptim_prepared &);
    void (*settle)(int32_t phase, const double *hyper, const Preparation &, double *states);
    bool totals;
    int32_t element_states;
    int32_t row_states;
    int32_t column_states;
    double (*advance_row)(int32_t phase, const double *hyper, const Preparation &, Line &);
    void (*advance_column)(int32_t phase, const double *hyper, const Preparation &, Line &);
    void (*finish_row)(int32_t phase, const double *hyper, const Preparation &, Line &,
                       double total);
};

extern const RegisteredRule rules[];
extern const int32_t rule_count;

} // namespace panoptim
