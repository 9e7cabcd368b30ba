// The stages of control: everything between the passes over elements. The CPU's library
// (native/src/control.cpp) and the kernels (control.cuh) compile these; each says
//   Team     the threads that go through them together, one or those of a thread block: rank, size,
//            barrier, any, join, join_tensors. All threads of a team call every function that
//            takes it.
//   Rules    how rules are found: has_passes, each, find; rule_list.cuh says what a rule is asked
//   Entries  how tensors get their prepared entries: of, give, give_inactive
#pragma once

#include "rules/rule.cuh"
#include "step/plan.cuh"
#include "step/prepare.cuh"
#include "step/transaction.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// Whether a tensor takes part in this step, once it is prepared.
template <typename Entries>
PANOPTIM_TEAM bool active(const panoptim_plan &plan, int64_t tensor) {
    return Entries::of(plan, tensor).active != 0;
}

// Joins a column of the totals over all tensors; every thread gets it.
template <typename Team>
PANOPTIM_TEAM double join_all(const panoptim_plan &plan, int64_t column, Team &team) {
    return team.join(totals_of(plan, column), plan.tensor_count);
}

// Where the totals of a statistic are.
PANOPTIM_TEAM inline double *statistic_of(const panoptim_plan &plan, int64_t statistic) {
    return totals_of(plan, PANOPTIM_FIRST_STATISTIC + statistic);
}

// Keeps the squares that were measured of each tensor, which a refused step has nothing else of.
template <typename Team>
PANOPTIM_TEAM void keep_measured(const panoptim_plan &plan, const Team &team) {
    for (int64_t tensor = team.rank(); tensor < plan.tensor_count; tensor += team.size()) {
        statistic_of(plan, PANOPTIM_STATISTIC_GRADIENT)[tensor] =
            live(plan, tensor) ? totals_of(plan, 0)[tensor] : -1.0;
    }
}

template <typename Team>
PANOPTIM_TEAM void gather(const panoptim_plan &plan, Team &team) {
    panoptim_control &control = *plan.control;
    if (control.measure == 0) {
        if (team.rank() == 0) {
            control.square_sum = __builtin_nan("");
            control.finite = 1;
        }
        team.barrier();
        return;
    }
    bool any_curvature = false;
    for (int64_t tensor = team.rank(); tensor < plan.tensor_count; tensor += team.size()) {
        any_curvature |= plan.curvatures[tensor] != 0;
    }
    const int columns = team.any(any_curvature) ? 2 : 1;
    double gradients = 0;
    double curvatures = 0;
    for (int column = 0; column < columns; ++column) {
        const int64_t *addresses = column == 0 ? plan.gradients : plan.curvatures;
        team.join_tensors(plan, column, column, [&plan, addresses](int64_t tensor) {
            return live(plan, tensor) && addresses[tensor] != 0;
        });
        const double sum = join_all(plan, column, team);
        if (column == 0 && control.statistics != 0) {
            keep_measured(plan, team);
        }
        if (column == 0) {
            gradients = sum;
        } else {
            curvatures = sum;
        }
    }
    if (team.rank() == 0) {
        control.square_sum = gradients;
        control.finite = finite(gradients) && finite(curvatures) ? 1 : 0;
    }
    team.barrier();
}

// Accepts or refuses the next step, which the schedule has an entry for; for one thread alone.
PANOPTIM_TEAM inline void decide_scheduled(const panoptim_plan &plan) {
    plan.control->rate_factor = scheduled(plan, plan.control->step + 1).rate_factor;
    decide(*plan.control);
}

// Whether tensors have clip coefficients of their own.
PANOPTIM_TEAM inline bool clips_apart(const panoptim_control &control) {
    return control.clip_scope != PANOPTIM_CLIP_GLOBAL && control.clip_norm != __builtin_huge_val();
}

// Leaves each tensor's clip coefficient in the first column of the totals, in the place of the
// squares of its gradient, where norms are bounded for each group or tensor.
template <typename Team>
PANOPTIM_TEAM void clip_apart(const panoptim_plan &plan, Team &team) {
    const panoptim_control &control = *plan.control;
    double *squares = totals_of(plan, 0);
    const auto coefficient = [&control](double sum) {
        return clip_to_norm(control, square_root(sum) * control.gradient_scale);
    };
    if (control.clip_scope == PANOPTIM_CLIP_TENSOR) {
        for (int64_t tensor = team.rank(); tensor < plan.tensor_count; tensor += team.size()) {
            squares[tensor] = coefficient(squares[tensor]);
        }
        team.barrier();
        return;
    }
    for (int64_t i = 0; i < plan.group_count; ++i) {
        const panoptim_group &group = plan.groups[i];
        double *own = squares + group.first_tensor;
        const double shared = coefficient(team.join(own, group.tensor_count));
        for (int64_t tensor = team.rank(); tensor < group.tensor_count; tensor += team.size()) {
            own[tensor] = shared;
        }
        team.barrier();
    }
}

// What a group's learning rate is multiplied by beside the schedule's factor.
PANOPTIM_TEAM inline double own_rate(const panoptim_group &group) {
    return group.rate != nullptr ? *group.rate : 1.0;
}

// Says in a preparation whose it is, from one that says what holds for all.
PANOPTIM_TEAM inline void describe(const panoptim_plan &plan, int64_t tensor,
                                   const Preparation &common, Preparation &preparation) {
    preparation.rate_factor = common.rate_factor * own_rate(group_of(plan, tensor));
    preparation.count = plan.counts[tensor];
    preparation.elements = plan.tensors[tensor].elements;
    preparation.tensor_memory = plan.tensors[tensor].states;
    preparation.rule_memory = group_of(plan, tensor).states;
}

PANOPTIM_TEAM inline Preparation preparation_of(const panoptim_plan &plan) {
    const panoptim_schedule_entry &entry = scheduled(plan, plan.control->step);
    Preparation preparation{};
    preparation.rate_factor = entry.rate_factor;
    preparation.momentum = entry.momentum;
    preparation.step = plan.control->step;
    return preparation;
}

// Advances the counts of the tensors that take part, and fills their entries for the first phase:
// from a tensor on, every stride-th whose rule is found.
template <typename Rules, typename Entries>
PANOPTIM_TEAM void prepare_first_phase(const panoptim_plan &plan, int64_t first, int64_t stride,
                                       Entries &entries) {
    const bool accepted = plan.control->accepted != 0;
    const Preparation common = preparation_of(plan);
    Preparation preparation = common;
    const bool apart = clips_apart(*plan.control);
    preparation.clip_coefficient = plan.control->clip_coefficient;
#ifdef __CUDACC__
#pragma unroll 1
#endif
    for (int64_t tensor = first; tensor < plan.tensor_count; tensor += stride) {
        Rules::find(plan.tensors[tensor].rule, [&](const auto &rule) {
            if (!accepted || !live(plan, tensor)) {
                entries.give_inactive(plan, tensor);
                return;
            }
            plan.counts[tensor] += 1;
            if (entries.give(plan, tensor, rule)) {
                describe(plan, tensor, common, preparation);
                if (apart) {
                    preparation.clip_coefficient = totals_of(plan, 0)[tensor];
                }
                rule.prepare(0, group_of(plan, tensor).hyper, preparation, *plan.control,
                             Entries::of(plan, tensor));
            }
        });
    }
}

// Whether a rule has sums over the tensors of a group.
template <typename Rule>
PANOPTIM_TEAM bool sums_over_groups(const Rule &rule) {
    for (int reduction = 0; reduction < rule.reductions; ++reduction) {
        if (rule.scope(reduction) == Scope::group) {
            return true;
        }
    }
    return false;
}

// Advances the states of a group for a phase.
template <typename Rule>
PANOPTIM_TEAM void settle_group(const panoptim_group &group, const Rule &rule, int32_t phase,
                                const Preparation &common) {
    Preparation preparation = common;
    preparation.rate_factor = common.rate_factor * own_rate(group);
    rule.settle(phase, group.hyper, preparation, group.states);
}

// Advances the states of the groups of a rule for a phase.
template <typename Rule, typename Team>
PANOPTIM_TEAM void settle_rule(const panoptim_plan &plan, const Rule &rule, int32_t phase,
                               const Preparation &preparation, Team &team) {
    if (rule.keeps_rule_states) {
        for (int64_t i = team.rank(); i < plan.group_count; i += team.size()) {
            const panoptim_group &group = plan.groups[i];
            if (group.rule == rule.index && group.frozen == 0) {
                settle_group(group, rule, phase, preparation);
            }
        }
        team.barrier();
    }
}

// The same of a rule that has sums over groups, of which those are joined that were found.
template <typename Rule, typename Team, typename FoundBefore>
PANOPTIM_TEAM void settle_with_sums(const panoptim_plan &plan, const Rule &rule, int32_t phase,
                                    const Preparation &common, Team &team,
                                    const FoundBefore &found_before) {
    double sums[PANOPTIM_MAX_REDUCTIONS] = {};
    for (int64_t i = 0; i < plan.group_count; ++i) {
        const panoptim_group &group = plan.groups[i];
        if (group.rule != rule.index || group.frozen != 0) {
            continue;
        }
        for (int reduction = 0; reduction < rule.reductions; ++reduction) {
            const bool grouped = rule.scope(reduction) == Scope::group && found_before(reduction);
            sums[reduction] = grouped
                                  ? team.join(totals_of(plan, 1 + reduction) + group.first_tensor,
                                              group.tensor_count)
                                  : common.reductions[reduction];
        }
        if (team.rank() == 0) {
            Preparation preparation = common;
            preparation.reductions = sums;
            settle_group(group, rule, phase, preparation);
        }
        team.barrier();
    }
}

// Advances the states of all groups of the rules for the first phase, if the step is accepted.
template <typename Rules, typename Team>
PANOPTIM_TEAM void settle_first_phase(const panoptim_plan &plan, Team &team) {
    if (plan.control->accepted == 0) {
        return;
    }
    const Preparation preparation = preparation_of(plan);
    Rules::each([&](const auto &rule) { settle_rule(plan, rule, 0, preparation, team); });
}

// Joins a rule's reductions of earlier phases of the step or pass, and prepares its tensors with
// them. A rule of several phases shares no entries, nor does a pass.
template <bool OfPass, typename Entries, typename Rule, typename Team>
PANOPTIM_TEAM void prepare_with_sums(const panoptim_plan &plan, const Rule &rule, int32_t phase,
                                     const Preparation &common, Team &team) {
    const auto found_before = [&](int reduction) {
        const int found_in = rule.reduction_phase(reduction);
        return found_in < phase && (!OfPass || found_in >= plan.pass_phase) &&
               !of_lines(rule.scope(reduction));
    };
    const auto takes_part = [&](int64_t tensor) {
        return plan.tensors[tensor].rule == rule.index && active<Entries>(plan, tensor);
    };
    double found[PANOPTIM_MAX_REDUCTIONS] = {};
    for (int reduction = 0; reduction < rule.reductions; ++reduction) {
        if (found_before(reduction)) {
            team.join_tensors(plan, PANOPTIM_STATISTICS + reduction, 1 + reduction, takes_part);
            if (rule.scope(reduction) == Scope::all) {
                found[reduction] = join_all(plan, 1 + reduction, team);
            }
        }
    }
    Preparation preparation = common;
    preparation.reductions = found;
    if (sums_over_groups(rule)) {
        settle_with_sums(plan, rule, phase, preparation, team, found_before);
    } else {
        settle_rule(plan, rule, phase, preparation, team);
    }
    for (int64_t tensor = team.rank(); tensor < plan.tensor_count; tensor += team.size()) {
        if (!takes_part(tensor)) {
            continue;
        }
        for (int reduction = 0; reduction < rule.reductions; ++reduction) {
            if (rule.scope(reduction) == Scope::tensor && found_before(reduction)) {
                found[reduction] = totals_of(plan, 1 + reduction)[tensor];
            }
        }
        describe(plan, tensor, common, preparation);
        rule.prepare(phase, group_of(plan, tensor).hyper, preparation, *plan.control,
                     Entries::of(plan, tensor));
    }
    team.barrier();
}

template <typename Entries, typename Rule, typename Team>
PANOPTIM_TEAM void prepare_rule(const panoptim_plan &plan, const Rule &rule, int32_t phase,
                                Team &team) {
    if (rule.phases > 1 && phase < rule.phases) {
        prepare_with_sums<false, Entries>(plan, rule, phase, preparation_of(plan), team);
    }
}

template <typename Rules, typename Entries, typename Team>
PANOPTIM_TEAM void prepare_later_phase(const panoptim_plan &plan, int32_t phase, Team &team) {
    if (plan.control->accepted == 0) {
        return;
    }
    Rules::each([&](const auto &rule) { prepare_rule<Entries>(plan, rule, phase, team); });
}

// A pass goes by what the optimizer has come to, and changes nothing of it. The schedule says
// nothing of passes but of one that completes a step.
PANOPTIM_TEAM inline Preparation preparation_of_pass(const panoptim_plan &plan) {
    Preparation preparation{};
    preparation.rate_factor =
        plan.pass == PANOPTIM_PASS_COMPLETING ? plan.control->rate_factor : 1.0;
    preparation.momentum = __builtin_nan("");
    preparation.step = plan.control->step;
    return preparation;
}

// Advances the states of a rule's groups for the first phase of its pass, and gives its tensors
// their entries. Those of other rules, which may be in the midst of the same pass, are left alone.
template <typename Rule, typename Entries, typename Team>
PANOPTIM_TEAM void begin_pass(const panoptim_plan &plan, const Rule &rule, Team &team,
                              Entries &entries) {
    const auto phase = static_cast<int32_t>(plan.pass_phase);
    const Preparation common = preparation_of_pass(plan);
    Preparation preparation = common;
    if (!waits(plan)) {
        settle_rule(plan, rule, phase, common, team);
    }
#ifdef __CUDACC__
#pragma unroll 1
#endif
    for (int64_t tensor = team.rank(); tensor < plan.tensor_count; tensor += team.size()) {
        if (plan.tensors[tensor].rule != rule.index) {
            continue;
        }
        const double *hyper = group_of(plan, tensor).hyper;
        describe(plan, tensor, common, preparation);
        if (!in_pass(plan, tensor) || rule.rests(phase, hyper, preparation)) {
            entries.give_inactive(plan, tensor);
            continue;
        }
        entries.give(plan, tensor, rule);
        panoptim_prepared &entry = Entries::of(plan, tensor);
        rule.begin_pass(hyper, *plan.control, entry);
        rule.prepare(phase, hyper, preparation, *plan.control, entry);
    }
    team.barrier();
}

// Prepares a phase of the pass that the plan names, if its rule is one of these.
template <typename Rules, typename Entries, typename Team>
PANOPTIM_TEAM void prepare_pass(const panoptim_plan &plan, int32_t phase, Team &team,
                                Entries &entries) {
    Rules::find(static_cast<int32_t>(plan.pass_rule), [&](const auto &rule) {
        if (phase == plan.pass_phase) {
            begin_pass(plan, rule, team, entries);
        } else if (!waits(plan)) {
            prepare_with_sums<true, Entries>(plan, rule, phase, preparation_of_pass(plan), team);
        }
    });
}

// Joins the statistics, of a refused step all but the gradients that were measured.
template <typename Entries, typename Team>
PANOPTIM_TEAM void finish(const panoptim_plan &plan, Team &team) {
    panoptim_control &control = *plan.control;
    if (control.takes_statistics == 0) {
        return;
    }
    const bool accepted = control.accepted != 0;
    const auto takes_part = [&plan, accepted](int64_t tensor) {
        return accepted && active<Entries>(plan, tensor);
    };
    const bool keeps_gradients = !accepted && control.measure != 0;
    const auto joins = [keeps_gradients](int64_t statistic) {
        return !keeps_gradients || statistic != PANOPTIM_STATISTIC_GRADIENT;
    };
    for (int64_t statistic = 0; statistic < PANOPTIM_STATISTICS; ++statistic) {
        if (joins(statistic)) {
            team.join_tensors(plan, statistic, PANOPTIM_FIRST_STATISTIC + statistic, takes_part);
        }
    }
    const double updates =
        join_all(plan, PANOPTIM_FIRST_STATISTIC + PANOPTIM_STATISTIC_UPDATE, team);
    const double gradients =
        join_all(plan, PANOPTIM_FIRST_STATISTIC + PANOPTIM_STATISTIC_GRADIENT, team);
    if (team.rank() == 0) {
        control.update_norm = square_root(updates);
        if (control.measure == 0) {
            control.gradient_norm =
                accepted ? square_root(gradients) * control.gradient_scale : __builtin_nan("");
        }
    }
    for (int64_t statistic = 0; statistic < PANOPTIM_STATISTICS; ++statistic) {
        if (joins(statistic)) {
            double *totals = statistic_of(plan, statistic);
            for (int64_t tensor = team.rank(); tensor < plan.tensor_count; tensor += team.size()) {
                if (!takes_part(tensor)) {
                    totals[tensor] = -1;
                }
            }
        }
    }
}

// Goes through stages, PANOPTIM_STAGE_... together; PREPARE and PASS are for a phase. All threads
// call decide_step, one of which decides.
template <typename Rules, typename Entries, typename Team, typename Decide>
PANOPTIM_TEAM void control_step(const panoptim_plan &plan, int32_t stages, int32_t phase,
                                Team &team, Entries &entries, const Decide &decide_step) {
    if ((stages & PANOPTIM_STAGE_GATHER) != 0) {
        gather(plan, team);
    }
    if ((stages & PANOPTIM_STAGE_TRY) != 0 && team.rank() == 0) {
        try_step(*plan.control);
    }
    if ((stages & PANOPTIM_STAGE_DECIDE) != 0) {
        decide_step();
    }
    if ((stages & PANOPTIM_STAGE_CLIP) != 0) {
        if (team.rank() == 0) {
            clip(*plan.control);
        }
        team.barrier();
        if (clips_apart(*plan.control)) {
            clip_apart(plan, team);
        }
    }
    if ((stages & PANOPTIM_STAGE_SETTLE) != 0) {
        settle_first_phase<Rules>(plan, team);
    }
    if ((stages & PANOPTIM_STAGE_PREPARE) != 0) {
        if (phase == 0) {
            prepare_first_phase<Rules>(plan, team.rank(), team.size(), entries);
        } else {
            prepare_later_phase<Rules, Entries>(plan, phase, team);
        }
    }
    if constexpr (Rules::has_passes) {
        if ((stages & PANOPTIM_STAGE_PASS) != 0) {
            prepare_pass<Rules>(plan, phase, team, entries);
        }
    }
    if ((stages & PANOPTIM_STAGE_FINISH) != 0) {
        finish<Entries>(plan, team);
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim
