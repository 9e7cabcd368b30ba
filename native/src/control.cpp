// Everything between the passes over chunks (step/control_stages.cuh), by one thread.
#include "step/control_stages.cuh"

#include <cstddef>

#include "plan.h"
#include "stages.h"
#include "step/join.cuh"
#include "step/line_stages.cuh"

namespace panoptim {
namespace {

struct OneThread {
    static int64_t rank() { return 0; }
    static int64_t size() { return 1; }
    static void barrier() {}
    static bool any(bool said) { return said; }

    // Joins values by adjacent pairs.
    static double join(const double *values, int64_t count) {
        if (count == 1) {
            return values[0];
        }
        // Eight at a time, a subtree of the whole, of which fewer additions wait for each other.
        PairwiseSum subtrees;
        for (; count >= 8; values += 8, count -= 8) {
            subtrees.add(((values[0] + values[1]) + (values[2] + values[3])) +
                         ((values[4] + values[5]) + (values[6] + values[7])));
        }
        if (count > 0) {
            PairwiseSum rest;
            for (int64_t i = 0; i < count; ++i) {
                rest.add(values[i]);
            }
            subtrees.add(rest.total());
        }
        return subtrees.total();
    }

    // Joins arrays of some width, as far apart as a stride, by adjacent pairs into the first one:
    // level by level, so that memory is gone through in its order.
    static void join_arrays(double *values, int64_t count, int64_t stride, int64_t width) {
        while (count > 1) {
            const int64_t pairs = count / 2;
            for (int64_t pair = 0; pair < pairs; ++pair) {
                const double *const left = values + 2 * pair * stride;
                for (int64_t i = 0; i < width; ++i) {
                    values[pair * stride + i] = left[i] + left[stride + i];
                }
            }
            if (count % 2 != 0) {
                __builtin_memcpy(values + pairs * stride, values + (count - 1) * stride,
                                 static_cast<std::size_t>(width) * sizeof *values);
            }
            count = pairs + count % 2;
        }
    }

    template <typename TakesPart>
    static void join_tensors(const panoptim_plan &plan, int64_t from, int64_t to,
                             TakesPart takes_part) {
        double *totals = totals_of(plan, to);
        for (int64_t tensor = 0; tensor < plan.tensor_count; ++tensor) {
            totals[tensor] = takes_part(tensor) ? join(partials_of(plan, from, tensor),
                                                       plan.tensors[tensor].chunks)
                                                : 0.0;
        }
    }
};

// All rules.
struct Registry {
    static constexpr bool has_passes = true;

    template <typename Visitor>
    static void each(const Visitor &visit) {
        for (int32_t rule = 0; rule < rule_count; ++rule) {
            visit(rules[rule]);
        }
    }

    template <typename Visitor>
    static void find(int32_t index, const Visitor &visit) {
        visit(rules[index]);
    }
};

// Tensors of one group, rule and count share an entry, also when groups take turns; inactive ones
// share one as well. The entries given out last are known, one for each group modulo their number.
class SharedEntries {
  public:
    SharedEntries() {
        for (Recent &recent : recent_) {
            recent.group = -1;
        }
    }

    static panoptim_prepared &of(const panoptim_plan &plan, int64_t tensor) {
        return plan.prepared[plan.prepared_index[tensor]];
    }

    // Gives an active tensor an entry, and says whether it must be filled.
    bool give(const panoptim_plan &plan, int64_t tensor, const RegisteredRule &rule) {
        const int32_t group = plan.tensors[tensor].group;
        const int64_t count = plan.counts[tensor];
        int32_t &entry = plan.prepared_index[tensor];
        Recent &recent = recent_[group % size];
        // Bounded for each tensor, gradients have scales of their own.
        const bool apart = plan.control->clip_scope == PANOPTIM_CLIP_TENSOR;
        if (!apart && recent.group == group && recent.rule == rule.index && recent.count == count) {
            entry = recent.entry;
            return false;
        }
        entry = entries_++;
        // Else they differ from tensor to tensor: in their states, or in sums between phases.
        if (!rule.keeps_tensor_states && rule.phases == 1) {
            recent = {group, rule.index, entry, count};
        }
        return true;
    }

    void give_inactive(const panoptim_plan &plan, int64_t tensor) {
        if (inactive_ < 0) {
            inactive_ = entries_++;
            plan.prepared[inactive_] = {};
        }
        plan.prepared_index[tensor] = inactive_;
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
    int32_t entries_ = 0;
    int32_t inactive_ = -1;
};

// In a pass every tensor has an entry, in its place, so that rules can take turns.
struct OwnEntries {
    static panoptim_prepared &of(const panoptim_plan &plan, int64_t tensor) {
        return plan.prepared[tensor];
    }

    static bool give(const panoptim_plan &plan, int64_t tensor, const RegisteredRule & /*rule*/) {
        plan.prepared_index[tensor] = static_cast<int32_t>(tensor);
        return true;
    }

    static void give_inactive(const panoptim_plan &plan, int64_t tensor) {
        plan.prepared_index[tensor] = static_cast<int32_t>(tensor);
        of(plan, tensor).active = 0;
    }
};

} // namespace

int32_t control_stages(const panoptim_plan &plan, int32_t stages, int32_t phase) {
    int32_t status = check_plan(plan);
    // Before anything can be changed.
    if (status == PANOPTIM_OK && (stages & (PANOPTIM_STAGE_DECIDE | PANOPTIM_STAGE_PASS)) != 0) {
        status = check_types(plan);
    }
    if (status != PANOPTIM_OK) {
        return status;
    }
    if (phase < 0 || phase >= PANOPTIM_MAX_PHASES) {
        return PANOPTIM_ERROR_RANGE;
    }
    OneThread team;
    const auto decide_step = [&plan] { decide_scheduled(plan); };
    if (plan.pass == PANOPTIM_STEP) {
        SharedEntries entries;
        control_step<Registry>(plan, stages, phase, team, entries, decide_step);
    } else {
        OwnEntries entries;
        control_step<Registry>(plan, stages, phase, team, entries, decide_step);
    }
    return PANOPTIM_OK;
}

int32_t advance_lines(const panoptim_plan &plan, int32_t stage, int32_t phase, int64_t first,
                      int64_t last) {
    const int32_t status = check_plan(plan);
    if (status != PANOPTIM_OK) {
        return status;
    }
    if (phase < 0 || phase >= PANOPTIM_MAX_PHASES ||
        (stage != PANOPTIM_STAGE_LINES && stage != PANOPTIM_STAGE_TOTALS)) {
        return PANOPTIM_ERROR_RANGE;
    }
    OneThread team;
    line_stage<Registry, SharedEntries>(plan, stage, phase, {nullptr, first, last, 1}, team);
    return PANOPTIM_OK;
}

} // namespace panoptim
