// Deciding about the step, and the scalars of every tensor for a phase.
#include "plan.h"
#include "stages.h"
#include "step/join.cuh"
#include "step/transaction.cuh"

namespace panoptim {
namespace {

// The entries given out last, one for each group modulo their number: tensors of one group, rule
// and count share an entry, also when groups take turns.
class RecentEntries {
  public:
    RecentEntries() {
        for (Recent &recent : recent_) {
            recent = {-1, 0, 0, 0};
        }
    }

    // Points to the entry of such a tensor with this count; to a negative one if it has none yet.
    int32_t *find(const panoptim_tensor &tensor, int64_t count) {
        Recent &recent = recent_[tensor.group % size];
        if (recent.group != tensor.group || recent.rule != tensor.rule || recent.count != count) {
            recent = {tensor.group, tensor.rule, -1, count};
        }
        return &recent.entry;
    }

  private:
    static constexpr int32_t size = 16;
    struct Recent {
        int32_t group;
        int32_t rule;
        int32_t entry;
        int64_t count;
    };
    Recent recent_[size];
};

// What was last found for a tensor of a group that is not frozen: most tensors are like the one
// before.
struct SharedEntry {
    int32_t group = -1;
    int32_t rule = -1;
    int32_t entry = -1;
    int64_t count = 0;

    bool serves(const panoptim_plan &plan, int64_t tensor) const {
        return plan.tensors[tensor].group == group && plan.tensors[tensor].rule == rule &&
               plan.counts[tensor] == count && plan.gradients[tensor] != 0;
    }
};

Preparation preparation_of(const panoptim_plan &plan) {
    const panoptim_schedule_entry &scheduled =
        plan.schedule[plan.control->step % plan.schedule_entries];
    Preparation preparation{};
    preparation.rate_factor = scheduled.rate_factor;
    preparation.momentum = scheduled.momentum;
    preparation.step = plan.control->step;
    return preparation;
}

// Says in a preparation whose it is.
void describe(const panoptim_plan &plan, int64_t tensor, Preparation &preparation) {
    preparation.count = plan.counts[tensor];
    preparation.tensor_memory = plan.tensors[tensor].states;
    preparation.rule_memory = group_of(plan, tensor).states;
}

// Advances the states of the groups of a rule, of those that take part in an accepted step.
void settle_groups(const panoptim_plan &plan, int32_t phase, int32_t rule,
                   const Preparation &preparation) {
    if (!rules[rule].keeps_rule_states) {
        return;
    }
    for (int64_t i = 0; i < plan.group_count; ++i) {
        const panoptim_group &group = plan.groups[i];
        if (group.rule == rule && group.frozen == 0) {
            rules[rule].settle[phase](group.hyper, preparation, group.states);
        }
    }
}

void prepare_first_phase(const panoptim_plan &plan) {
    panoptim_control &control = *plan.control;
    clip(control);
    Preparation preparation = preparation_of(plan);
    if (control.accepted != 0) {
        for (int32_t rule = 0; rule < rule_count; ++rule) {
            settle_groups(plan, 0, rule, preparation);
        }
    }
    RecentEntries recent;
    SharedEntry last;
    int32_t entries = 0;
    int32_t inactive = -1;
    for (int64_t tensor = 0; tensor < plan.tensor_count; ++tensor) {
        int32_t &index = plan.prepared_index[tensor];
        if (last.serves(plan, tensor)) {
            index = last.entry;
            continue;
        }
        if (control.accepted == 0 || !live(plan, tensor)) {
            if (inactive < 0) {
                inactive = entries++;
                plan.prepared[inactive] = {};
            }
            index = inactive;
            continue;
        }
        const panoptim_group &group = group_of(plan, tensor);
        const RegisteredRule &rule = rule_of(plan, tensor);
        describe(plan, tensor, preparation);
        int32_t unshared = -1;
        int32_t *entry = &unshared;
        const bool shared = rule.description.reductions == 0 && !rule.keeps_tensor_states;
        if (shared) {
            entry = recent.find(plan.tensors[tensor], preparation.count);
        }
        if (*entry < 0) {
            *entry = entries++;
            rule.prepare[0](group.hyper, preparation, control, plan.prepared[*entry]);
        }
        index = *entry;
        if (shared) {
            last = {plan.tensors[tensor].group, plan.tensors[tensor].rule, *entry,
                    preparation.count};
        }
    }
}

double *total_of(const panoptim_plan &plan, int64_t reduction, int64_t tensor) {
    return plan.totals + (1 + reduction) * plan.tensor_count + tensor;
}

// Joins the reductions that earlier phases of every active tensor found: totals by tensor.
void join_tensors(const panoptim_plan &plan, int32_t phase) {
    for (int64_t tensor = 0; tensor < plan.tensor_count; ++tensor) {
        if (!active(plan, tensor)) {
            continue;
        }
        const RegisteredRule &rule = rule_of(plan, tensor);
        for (int32_t reduction = 0; reduction < rule.description.reductions; ++reduction) {
            if (rule.reduction_phase[reduction] < phase) {
                *total_of(plan, reduction, tensor) = join_chunks(plan, 2 + reduction, tensor);
            }
        }
    }
}

// Joins one reduction over all tensors of a rule.
double join_all(const panoptim_plan &plan, int32_t rule, int32_t reduction) {
    PairwiseSum sum;
    for (int64_t tensor = 0; tensor < plan.tensor_count; ++tensor) {
        const bool taking_part = active(plan, tensor) && plan.tensors[tensor].rule == rule;
        sum.add(taking_part ? *total_of(plan, reduction, tensor) : 0.0);
    }
    return sum.total();
}

void prepare_tensors(const panoptim_plan &plan, int32_t phase, int32_t rule_index) {
    const RegisteredRule &rule = rules[rule_index];
    double sums[PANOPTIM_MAX_REDUCTIONS] = {};
    for (int32_t reduction = 0; reduction < rule.description.reductions; ++reduction) {
        if (rule.scope[reduction] == Scope::all && rule.reduction_phase[reduction] < phase) {
            sums[reduction] = join_all(plan, rule_index, reduction);
        }
    }
    Preparation preparation = preparation_of(plan);
    preparation.reductions = sums;
    settle_groups(plan, phase, rule_index, preparation);
    // Entries were given out in the order of the tensors, so a shared one comes first with the
    // first tensor that has it, and is not prepared again for the others.
    int32_t last_entry = -1;
    for (int64_t tensor = 0; tensor < plan.tensor_count; ++tensor) {
        const int32_t entry = plan.prepared_index[tensor];
        if (plan.tensors[tensor].rule != rule_index || !active(plan, tensor) ||
            entry <= last_entry) {
            continue;
        }
        last_entry = entry;
        for (int32_t reduction = 0; reduction < rule.description.reductions; ++reduction) {
            if (rule.scope[reduction] == Scope::tensor && rule.reduction_phase[reduction] < phase) {
                sums[reduction] = *total_of(plan, reduction, tensor);
            }
        }
        describe(plan, tensor, preparation);
        rule.prepare[phase](group_of(plan, tensor).hyper, preparation, *plan.control,
                            plan.prepared[entry]);
    }
}

void prepare_later_phase(const panoptim_plan &plan, int32_t phase) {
    if (plan.control->accepted == 0) {
        return;
    }
    join_tensors(plan, phase);
    for (int32_t rule = 0; rule < rule_count; ++rule) {
        if (phase < rules[rule].description.phases) {
            prepare_tensors(plan, phase, rule);
        }
    }
}

} // namespace

int32_t decide_step(const panoptim_plan &plan) {
    const int32_t status = check_plan(plan);
    if (status != PANOPTIM_OK) {
        return status;
    }
    const int64_t attempted = plan.control->step + 1;
    plan.control->rate_factor = plan.schedule[attempted % plan.schedule_entries].rate_factor;
    decide(*plan.control);
    if (plan.control->accepted != 0) {
        for (int64_t tensor = 0; tensor < plan.tensor_count; ++tensor) {
            if (live(plan, tensor)) {
                plan.counts[tensor] += 1;
            }
        }
    }
    return PANOPTIM_OK;
}

int32_t prepare_phase(const panoptim_plan &plan, int32_t phase) {
    const int32_t status = check_plan(plan);
    if (status != PANOPTIM_OK) {
        return status;
    }
    if (phase < 0 || phase >= PANOPTIM_MAX_PHASES) {
        return PANOPTIM_ERROR_RANGE;
    }
    if (phase == 0) {
        prepare_first_phase(plan);
    } else {
        prepare_later_phase(plan, phase);
    }
    return PANOPTIM_OK;
}

} // namespace panoptim
