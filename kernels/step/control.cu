// Everything between the passes over elements, in one thread block and without the host: joining
// sums, accepting or refusing the step, counts, the loss scale, the clip coefficient and the
// scalars of every tensor.
//
// Traffic: small tables only; some 200 bytes a tensor and 8 bytes a chunk.
#include "rules/rules.cuh"
#include "step/plan.cuh"
#include "step/prepare.cuh"
#include "step/transaction.cuh"
#include "step/warp.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

constexpr int control_threads = 512;
// Tensors of more chunks are joined by all threads together.
constexpr int levels_of_one_thread = 5;
constexpr int64_t chunks_of_one_thread = (1 << levels_of_one_thread) - 1;

__device__ double *totals_of(const panoptim_plan &plan, int64_t column) {
    return plan.totals + column * plan.tensor_count;
}

__device__ const double *partials_of(const panoptim_plan &plan, int64_t column, int64_t tensor) {
    return plan.partials + column * plan.chunk_count + plan.tensors[tensor].first_chunk;
}

// Joins what the chunks of every tensor that takes part left in a column of the partials into a
// column of the totals; 0 for the others.
template <typename TakesPart>
__device__ void join_tensors(const panoptim_plan &plan, int64_t from, int64_t to, double *shared,
                             TakesPart takes_part) {
    double *totals = totals_of(plan, to);
    for (int64_t tensor = threadIdx.x; tensor < plan.tensor_count; tensor += blockDim.x) {
        const int64_t chunks = plan.tensors[tensor].chunks;
        if (!takes_part(tensor)) {
            totals[tensor] = 0;
        } else if (chunks <= chunks_of_one_thread) {
            const double *found = partials_of(plan, from, tensor);
            PairwiseLevels<levels_of_one_thread> sum;
            for (int64_t chunk = 0; chunk < chunks; ++chunk) {
                sum.add(found[chunk]);
            }
            totals[tensor] = sum.total();
        }
    }
    for (int64_t tensor = 0; tensor < plan.tensor_count; ++tensor) {
        const int64_t chunks = plan.tensors[tensor].chunks;
        if (chunks > chunks_of_one_thread && takes_part(tensor)) {
            const double *found = partials_of(plan, from, tensor);
            const double total =
                join_in_block(chunks, shared, [found](int64_t chunk) { return found[chunk]; });
            if (threadIdx.x == 0) {
                totals[tensor] = total;
            }
        }
    }
    __syncthreads();
}

// Joins a column of the totals over all tensors; every thread gets it.
template <typename TakesPart>
__device__ double join_all(const panoptim_plan &plan, int64_t column, double *shared,
                           TakesPart takes_part) {
    const double *totals = totals_of(plan, column);
    return join_in_block(plan.tensor_count, shared, [totals, &takes_part](int64_t tensor) {
        return takes_part(tensor) ? totals[tensor] : 0.0;
    });
}

__device__ void gather(const panoptim_plan &plan, double *shared) {
    panoptim_control &control = *plan.control;
    if (control.measure == 0) {
        if (threadIdx.x == 0) {
            control.square_sum = __builtin_nan("");
            control.finite = 1;
        }
        __syncthreads();
        return;
    }
    const auto measured = [&plan](int64_t tensor) { return live(plan, tensor); };
    const auto all = [](int64_t) { return true; };
    join_tensors(plan, 0, 0, shared, measured);
    join_tensors(plan, 1, 1, shared, measured);
    const double gradients = join_all(plan, 0, shared, all);
    const double curvatures = join_all(plan, 1, shared, all);
    if (threadIdx.x == 0) {
        control.square_sum = gradients;
        control.finite = finite(gradients) && finite(curvatures) ? 1 : 0;
    }
    __syncthreads();
}

__device__ const panoptim_schedule_entry &scheduled(const panoptim_plan &plan, int64_t step) {
    return plan.schedule[step % plan.schedule_entries];
}

// Refuses the step because the host has not said what the schedule wants of it. Nothing but the
// host's knowledge of it changes.
__device__ void refuse_unscheduled(const panoptim_plan &plan, panoptim_progress &progress) {
    panoptim_control &control = *plan.control;
    control.gradient_scale = 1.0 / control.loss_scale;
    control.accepted = 0;
    control.skipped += 1;
    progress.out_of_entries += 1;
}

__device__ void decide_step(const panoptim_launch &launch) {
    const panoptim_plan &plan = launch.plan;
    panoptim_control &control = *plan.control;
    if (threadIdx.x == 0) {
        panoptim_progress &progress = *launch.progress;
        const int64_t next = control.step + 1;
        if (scheduled(plan, next).step != next) {
            refuse_unscheduled(plan, progress);
        } else {
            control.rate_factor = scheduled(plan, next).rate_factor;
            decide(control);
            if (control.accepted == 0) {
                progress.non_finite += 1;
            }
        }
        progress.skipped = control.skipped;
        progress.step = control.step;
    }
    __syncthreads();
    if (control.accepted != 0) {
        for (int64_t tensor = threadIdx.x; tensor < plan.tensor_count; tensor += blockDim.x) {
            if (live(plan, tensor)) {
                plan.counts[tensor] += 1;
            }
        }
    }
    __syncthreads();
}

template <typename Rule, int Phase>
__device__ void prepare_phase(int phase, const void *hyper, const Preparation &preparation,
                              const panoptim_control &control, panoptim_prepared &entry) {
    if constexpr (Phase < Rule::phases) {
        if (phase == Phase) {
            prepare_entry<Rule, Phase>(hyper, preparation, control, entry);
        } else {
            prepare_phase<Rule, Phase + 1>(phase, hyper, preparation, control, entry);
        }
    }
}

enum RuleIndex : int32_t {
#define PANOPTIM_RULE(name, ...) rule_##name,
#include "rules/rules.def"
#undef PANOPTIM_RULE
    rule_count
};

// Fills the entry of a tensor that takes part, for a phase of its rule.
__device__ void prepare_tensor(const panoptim_plan &plan, int64_t tensor, int32_t phase,
                               Preparation &preparation) {
    const panoptim_group &group = group_of(plan, tensor);
    panoptim_prepared &entry = plan.prepared[tensor];
    preparation.count = plan.counts[tensor];
    switch (group.rule) {
#define PANOPTIM_RULE(name, ...)                                                                   \
    case rule_##name:                                                                              \
        prepare_phase<__VA_ARGS__, 0>(phase, group.hyper, preparation, *plan.control, entry);      \
        break;
#include "rules/rules.def"
#undef PANOPTIM_RULE
    default:
        break;
    }
}

__device__ Preparation preparation_of(const panoptim_plan &plan) {
    const panoptim_schedule_entry &entry = scheduled(plan, plan.control->step);
    Preparation preparation{};
    preparation.rate_factor = entry.rate_factor;
    preparation.momentum = entry.momentum;
    preparation.step = plan.control->step;
    return preparation;
}

// Every tensor has an entry of its own, in its place.
__device__ void prepare_first_phase(const panoptim_plan &plan) {
    panoptim_control &control = *plan.control;
    if (threadIdx.x == 0) {
        clip(control);
    }
    __syncthreads();
    Preparation preparation = preparation_of(plan);
    for (int64_t tensor = threadIdx.x; tensor < plan.tensor_count; tensor += blockDim.x) {
        plan.prepared_index[tensor] = static_cast<int32_t>(tensor);
        if (control.accepted != 0 && live(plan, tensor)) {
            prepare_tensor(plan, tensor, 0, preparation);
        } else {
            plan.prepared[tensor].active = 0;
        }
    }
    __syncthreads();
}

// Joins a rule's reductions of earlier phases, and prepares its tensors with them.
template <typename Rule>
__device__ void prepare_rule(const panoptim_plan &plan, int32_t rule, int32_t phase,
                             double *shared) {
    if constexpr (Rule::phases > 1) {
        if (phase >= Rule::phases) {
            return;
        }
        const auto takes_part = [&plan, rule](int64_t tensor) {
            return active(plan, tensor) && group_of(plan, tensor).rule == rule;
        };
        double found[PANOPTIM_MAX_REDUCTIONS] = {};
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (Rule::reduction_phase(reduction) < phase) {
                join_tensors(plan, 2 + reduction, 1 + reduction, shared, takes_part);
                if (Rule::scope(reduction) == Scope::all) {
                    found[reduction] = join_all(plan, 1 + reduction, shared, takes_part);
                }
            }
        }
        Preparation preparation = preparation_of(plan);
        preparation.reductions = found;
        for (int64_t tensor = threadIdx.x; tensor < plan.tensor_count; tensor += blockDim.x) {
            if (!takes_part(tensor)) {
                continue;
            }
            for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
                if (Rule::scope(reduction) == Scope::tensor &&
                    Rule::reduction_phase(reduction) < phase) {
                    found[reduction] = totals_of(plan, 1 + reduction)[tensor];
                }
            }
            prepare_tensor(plan, tensor, phase, preparation);
        }
        __syncthreads();
    }
}

__device__ void prepare_later_phase(const panoptim_plan &plan, int32_t phase, double *shared) {
#define PANOPTIM_RULE(name, ...) prepare_rule<__VA_ARGS__>(plan, rule_##name, phase, shared);
#include "rules/rules.def"
#undef PANOPTIM_RULE
}

__device__ void finish(const panoptim_plan &plan, double *shared) {
    panoptim_control &control = *plan.control;
    if (control.statistics == 0) {
        return;
    }
    const bool accepted = control.accepted != 0;
    const auto takes_part = [&plan, accepted](int64_t tensor) {
        return accepted && active(plan, tensor);
    };
    join_tensors(plan, 0, 0, shared, takes_part);
    const double squares = join_all(plan, 0, shared, takes_part);
    if (threadIdx.x == 0) {
        control.update_norm = square_root(squares);
    }
}

template <typename Rule>
constexpr panoptim_kernel_rule described(const char *name) {
    panoptim_kernel_rule rule{};
    rule.info.slots = Rule::slots;
    rule.info.phases = Rule::phases;
    rule.info.reductions = Rule::reductions;
    rule.info.curvature = Rule::curvature ? 1 : 0;
    rule.info.hyper_bytes = static_cast<int32_t>(sizeof(typename Rule::Hyper));
    rule.info.scalar_bytes = static_cast<int32_t>(sizeof(typename Rule::Scalars));
    for (int i = 0; i < PANOPTIM_KERNEL_NAME - 1 && name[i] != 0; ++i) {
        rule.name[i] = static_cast<uint8_t>(name[i]);
    }
    return rule;
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim

// What the module's rules are, in the order that panoptim_group.rule counts.
extern "C" __device__ const panoptim_kernels_info panoptim_kernels = {PANOPTIM_ABI,
                                                                      panoptim::rule_count,
                                                                      {
#define PANOPTIM_RULE(name, ...) panoptim::described<panoptim::__VA_ARGS__>(#name),
#include "rules/rules.def"
#undef PANOPTIM_RULE
                                                                      }};

extern "C" __global__ void __launch_bounds__(panoptim::control_threads)
    panoptim_control_step(const panoptim_launch launch) {
    using namespace panoptim;
    __shared__ double shared[control_threads];
    const panoptim_plan &plan = launch.plan;
    if ((launch.stages & PANOPTIM_STAGE_GATHER) != 0) {
        gather(plan, shared);
    }
    if ((launch.stages & PANOPTIM_STAGE_DECIDE) != 0) {
        decide_step(launch);
    }
    if ((launch.stages & PANOPTIM_STAGE_PREPARE) != 0) {
        if (launch.phase == 0) {
            prepare_first_phase(plan);
        } else {
            prepare_later_phase(plan, launch.phase, shared);
        }
    }
    if ((launch.stages & PANOPTIM_STAGE_FINISH) != 0) {
        finish(plan, shared);
    }
}
