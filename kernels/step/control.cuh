// Everything between the passes over elements, without the host: joining sums, accepting or
// refusing the step, counts, the loss scale, the clip coefficient and the scalars of every tensor.
// It is the work of one thread block; only the scalars of very many tensors have a grid of their
// own. Every image of rules has it whole, so that a plan of one image has one launch for all of it;
// where a plan has several, the first decides, and each prepares the tensors of its own rules.
//
// Traffic: small tables only; some 200 bytes a tensor and 8 bytes a chunk. What takes time is
// waiting for one load after another, so that threads ask for many values at once.
//
// Not confirmed by a device yet, for an H100, with clipping: 10 us for GPT-2 small (148 tensors,
// 7686 chunks), 12 us for 2000 tensors of one chunk, 0.1 ms for 10,000; 30 us for one tensor of
// 91,553 chunks.
#pragma once

#include "rules/rule.cuh"
#include "step/plan.cuh"
#include "step/prepare.cuh"
#include "step/transaction.cuh"
#include "step/vector.cuh"
#include "step/warp.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

constexpr int control_threads = 512;
constexpr int control_warps = control_threads / warp_threads;
// A thread joins the chunks of a tensor that has no more than these, a warp those of one that has
// no more than values_of_warp, and all threads together those of a larger one.
constexpr int64_t chunks_of_thread = 32;
constexpr int batch_levels_of_thread = 3;
static_assert(chunks_of_thread <= batch_values * ((1 << batch_levels_of_thread) - 1));

constexpr int prepare_threads = 128;

__device__ double *totals_of(const panoptim_plan &plan, int64_t column) {
    return plan.totals + column * plan.tensor_count;
}

__device__ const double *partials_of(const panoptim_plan &plan, int64_t column, int64_t tensor) {
    return plan.partials + column * plan.chunk_count + plan.tensors[tensor].first_chunk;
}

// Every tensor has an entry of its own, in its place.
__device__ bool active(const panoptim_plan &plan, int64_t tensor) {
    return plan.prepared[tensor].active != 0;
}

// What the threads of the block share.
struct Shared {
    double sums[control_threads];
    unsigned large[control_warps];
};

// Joins what the chunks of every tensor that takes part left in a column of the partials into a
// column of the totals; 0 for the others.
template <typename TakesPart>
__device__ void join_tensors(const panoptim_plan &plan, int64_t from, int64_t to, Shared &shared,
                             TakesPart takes_part) {
    double *totals = totals_of(plan, to);
    const int warp = static_cast<int>(threadIdx.x) / warp_threads;
    const int lane = static_cast<int>(threadIdx.x) % warp_threads;
    // Tensors that come one after another are often alike, so they go to different warps.
    const auto offset_of = [](int warp_index, int lane_index) {
        return int64_t{lane_index} * control_warps + warp_index;
    };
    for (int64_t first = 0; first < plan.tensor_count; first += control_threads) {
        const int64_t tensor = first + offset_of(warp, lane);
        const bool present = tensor < plan.tensor_count;
        int64_t chunks = 0;
        if (present && takes_part(tensor)) {
            chunks = plan.tensors[tensor].chunks;
        }
        if (present && chunks <= chunks_of_thread) {
            totals[tensor] =
                join_in_thread<batch_levels_of_thread>(partials_of(plan, from, tensor), chunks);
        }
        const bool of_warp = chunks > chunks_of_thread && chunks <= values_of_warp;
        for (unsigned left = __ballot_sync(whole_warp, of_warp ? 1 : 0); left != 0;
             left &= left - 1) {
            const int64_t joined = first + offset_of(warp, __ffs(static_cast<int>(left)) - 1);
            const double total =
                join_in_warp(partials_of(plan, from, joined), plan.tensors[joined].chunks);
            if (lane == 0) {
                totals[joined] = total;
            }
        }
        const unsigned large = __ballot_sync(whole_warp, chunks > values_of_warp ? 1 : 0);
        if (lane == 0) {
            shared.large[warp] = large;
        }
        if (__syncthreads_or(large != 0 ? 1 : 0) != 0) {
            for (int warp_index = 0; warp_index < control_warps; ++warp_index) {
                for (unsigned left = shared.large[warp_index]; left != 0; left &= left - 1) {
                    const int64_t joined =
                        first + offset_of(warp_index, __ffs(static_cast<int>(left)) - 1);
                    const double total = join_in_block(partials_of(plan, from, joined),
                                                       plan.tensors[joined].chunks, shared.sums);
                    if (threadIdx.x == 0) {
                        totals[joined] = total;
                    }
                }
            }
        }
        __syncthreads();
    }
}

// Joins a column of the totals over all tensors; every thread gets it.
__device__ double join_all(const panoptim_plan &plan, int64_t column, Shared &shared) {
    return join_in_block(totals_of(plan, column), plan.tensor_count, shared.sums);
}

__device__ void gather(const panoptim_plan &plan, Shared &shared) {
    panoptim_control &control = *plan.control;
    if (control.measure == 0) {
        if (threadIdx.x == 0) {
            control.square_sum = __builtin_nan("");
            control.finite = 1;
        }
        __syncthreads();
        return;
    }
    int any_curvature = 0;
    for (int64_t tensor = threadIdx.x; tensor < plan.tensor_count; tensor += blockDim.x) {
        any_curvature |= plan.curvatures[tensor] != 0 ? 1 : 0;
    }
    const int columns = __syncthreads_or(any_curvature) != 0 ? 2 : 1;
    double gradients = 0;
    double curvatures = 0;
    for (int column = 0; column < columns; ++column) {
        const int64_t *addresses = column == 0 ? plan.gradients : plan.curvatures;
        join_tensors(plan, column, column, shared, [&plan, addresses](int64_t tensor) {
            return live(plan, tensor) && addresses[tensor] != 0;
        });
        const double sum = join_all(plan, column, shared);
        if (column == 0) {
            gradients = sum;
        } else {
            curvatures = sum;
        }
    }
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
}

template <typename Rule, int Phase>
__device__ void prepare_phase(int phase, const double *hyper, const Preparation &preparation,
                              const panoptim_control &control, panoptim_prepared &entry) {
    if constexpr (Phase < Rule::phases) {
        if (phase == Phase) {
            PreparedEntry<Rule> filled;
            if constexpr (Phase > 0) {
                memcpy(&filled, &entry, sizeof filled);
            }
            prepare_entry<Rule, Phase>(hyper, preparation, control, filled);
            store_object(&entry, filled);
        } else {
            prepare_phase<Rule, Phase + 1>(phase, hyper, preparation, control, entry);
        }
    }
}

// A rule of an image, and its index in the registry.
template <int32_t Index, typename RuleType>
struct IndexedRule {
    using Rule = RuleType;
    static constexpr int32_t index = Index;
};

// The rules of an image.
template <typename... Entries>
struct RuleList {
    static constexpr int32_t size = sizeof...(Entries);
    static_assert(size <= PANOPTIM_IMAGE_MOST_RULES);

    // Calls a visitor with each rule.
    template <typename Visitor>
    __device__ __forceinline__ static void each(const Visitor &visit) {
        (visit(Entries{}), ...);
    }

    // Calls a visitor with the rule of an index, if it is one of these.
    template <typename Visitor>
    __device__ __forceinline__ static void find(int32_t index, const Visitor &visit) {
        (void)((index == Entries::index && (visit(Entries{}), true)) || ...);
    }
};

// Says in a preparation whose it is.
__device__ void describe(const panoptim_plan &plan, int64_t tensor, Preparation &preparation) {
    preparation.count = plan.counts[tensor];
    preparation.tensor_memory = plan.tensors[tensor].states;
    preparation.rule_memory = group_of(plan, tensor).states;
}

__device__ Preparation preparation_of(const panoptim_plan &plan) {
    const panoptim_schedule_entry &entry = scheduled(plan, plan.control->step);
    Preparation preparation{};
    preparation.rate_factor = entry.rate_factor;
    preparation.momentum = entry.momentum;
    preparation.step = plan.control->step;
    return preparation;
}

// Advances the counts of the tensors of an image's rules that take part, and fills their entries
// for the first phase: from a tensor on, every stride-th.
template <typename Rules>
__device__ void prepare_first_phase(const panoptim_plan &plan, int64_t first, int64_t stride) {
    const bool accepted = plan.control->accepted != 0;
    Preparation preparation = preparation_of(plan);
#pragma unroll 1
    for (int64_t tensor = first; tensor < plan.tensor_count; tensor += stride) {
        Rules::find(plan.tensors[tensor].rule, [&](auto entry) {
            if (!accepted || !live(plan, tensor)) {
                plan.prepared[tensor].active = 0;
                return;
            }
            plan.counts[tensor] += 1;
            describe(plan, tensor, preparation);
            prepare_phase<typename decltype(entry)::Rule, 0>(
                0, group_of(plan, tensor).hyper, preparation, *plan.control, plan.prepared[tensor]);
        });
    }
}

// Advances the states of the groups of a rule for a phase.
template <typename Rule, int Phase>
__device__ void settle_rule(const panoptim_plan &plan, int32_t rule, int32_t phase,
                            const Preparation &preparation) {
    if constexpr (rule_states < Rule >> 0 && Phase < Rule::phases) {
        if (phase != Phase) {
            settle_rule<Rule, Phase + 1>(plan, rule, phase, preparation);
            return;
        }
        for (int64_t i = threadIdx.x; i < plan.group_count; i += blockDim.x) {
            const panoptim_group &group = plan.groups[i];
            if (group.rule == rule && group.frozen == 0) {
                settle_states<Rule, Phase>(group.hyper, preparation, group.states);
            }
        }
        __syncthreads();
    }
}

// Advances the states of all groups of an image's rules for the first phase, if the step is
// accepted.
template <typename Rules>
__device__ void settle_first_phase(const panoptim_plan &plan) {
    if (plan.control->accepted == 0) {
        return;
    }
    const Preparation preparation = preparation_of(plan);
    Rules::each([&](auto entry) {
        settle_rule<typename decltype(entry)::Rule, 0>(plan, entry.index, 0, preparation);
    });
}

// Joins a rule's reductions of earlier phases, and prepares its tensors with them.
template <typename Rule>
__device__ void prepare_rule(const panoptim_plan &plan, int32_t rule, int32_t phase,
                             Shared &shared) {
    if constexpr (Rule::phases > 1) {
        if (phase >= Rule::phases) {
            return;
        }
        const auto takes_part = [&plan, rule](int64_t tensor) {
            return active(plan, tensor) && plan.tensors[tensor].rule == rule;
        };
        double found[PANOPTIM_MAX_REDUCTIONS] = {};
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (Rule::reduction_phase(reduction) < phase) {
                join_tensors(plan, 2 + reduction, 1 + reduction, shared, takes_part);
                if (Rule::scope(reduction) == Scope::all) {
                    found[reduction] = join_all(plan, 1 + reduction, shared);
                }
            }
        }
        Preparation preparation = preparation_of(plan);
        preparation.reductions = found;
        settle_rule<Rule, 1>(plan, rule, phase, preparation);
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
            const panoptim_group &group = group_of(plan, tensor);
            describe(plan, tensor, preparation);
            prepare_phase<Rule, 1>(phase, group.hyper, preparation, *plan.control,
                                   plan.prepared[tensor]);
        }
        __syncthreads();
    }
}

template <typename Rules>
__device__ void prepare_later_phase(const panoptim_plan &plan, int32_t phase, Shared &shared) {
    if (plan.control->accepted == 0) {
        return;
    }
    Rules::each([&](auto entry) {
        prepare_rule<typename decltype(entry)::Rule>(plan, entry.index, phase, shared);
    });
}

__device__ void finish(const panoptim_plan &plan, Shared &shared) {
    panoptim_control &control = *plan.control;
    if (control.statistics == 0) {
        return;
    }
    const bool accepted = control.accepted != 0;
    const auto takes_part = [&plan, accepted](int64_t tensor) {
        return accepted && active(plan, tensor);
    };
    join_tensors(plan, 0, 0, shared, takes_part);
    const double squares = join_all(plan, 0, shared);
    if (threadIdx.x == 0) {
        control.update_norm = square_root(squares);
    }
}

// The stages of a launch, by a thread block.
template <typename Rules>
__device__ __forceinline__ void control_step(const panoptim_launch &launch, Shared &shared) {
    const panoptim_plan &plan = launch.plan;
    if ((launch.stages & PANOPTIM_STAGE_GATHER) != 0) {
        gather(plan, shared);
    }
    if ((launch.stages & PANOPTIM_STAGE_DECIDE) != 0) {
        decide_step(launch);
    }
    if ((launch.stages & PANOPTIM_STAGE_CLIP) != 0) {
        if (threadIdx.x == 0) {
            clip(*plan.control);
        }
        __syncthreads();
    }
    if ((launch.stages & PANOPTIM_STAGE_SETTLE) != 0) {
        settle_first_phase<Rules>(plan);
    }
    if ((launch.stages & PANOPTIM_STAGE_PREPARE) != 0) {
        if (launch.phase == 0) {
            prepare_first_phase<Rules>(plan, threadIdx.x, control_threads);
        } else {
            prepare_later_phase<Rules>(plan, launch.phase, shared);
        }
    }
    if ((launch.stages & PANOPTIM_STAGE_FINISH) != 0) {
        finish(plan, shared);
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim
