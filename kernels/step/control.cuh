// The stages of control (control_stages.cuh) on a device, without the host. They are the work of
// one thread block; only the scalars of very many tensors have a grid of their own. Every image of
// rules has all of it, so that a plan of one image has one launch for all of it; where a plan has
// several, the first decides, and each prepares the tensors of its own rules.
//
// Traffic: small tables only; some 200 bytes a tensor and 8 bytes a chunk. What takes time is
// waiting for one load after another, so that threads ask for many values at once.
//
// Not confirmed by a device yet, for an H100, with clipping: 10 us for GPT-2 small (148 tensors,
// 7686 chunks), 12 us for 2000 tensors of one chunk, 0.1 ms for 10,000; 30 us for one tensor of
// 91,553 chunks.
#pragma once

#include "step/control_stages.cuh"
#include "step/line_stages.cuh"
#include "step/rule_list.cuh"
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

// The threads of a block.
class BlockTeam {
  public:
    // What they share.
    struct Shared {
        double sums[control_threads];
        unsigned large[control_warps];
    };

    __device__ explicit BlockTeam(Shared &shared) : shared_(shared) {}

    __device__ static int rank() { return static_cast<int>(threadIdx.x); }
    // Not a constant: loops over tensors would be unrolled, which hardly go round twice.
    __device__ static int size() { return static_cast<int>(blockDim.x); }
    __device__ static void barrier() { __syncthreads(); }

    // Whether any thread says so.
    __device__ static bool any(bool said) { return __syncthreads_or(said ? 1 : 0) != 0; }

    // Joins values by adjacent pairs; every thread gets the result.
    __device__ double join(const double *values, int64_t count) {
        return join_in_block(values, count, shared_.sums);
    }

    // Joins arrays of some width, as far apart as a stride, by adjacent pairs into the first one.
    __device__ void join_arrays(double *values, int64_t count, int64_t stride,
                                int64_t width) const {
        if (count == 1) {
            return;
        }
        for (int64_t i = rank(); i < width; i += size()) {
            // Tables number panels in 31 bits.
            values[i] = join_in_thread<28>(values + i, count, stride);
        }
    }

    // Joins what the chunks of every tensor that takes part left in a column of the partials into
    // a column of the totals; 0 for the others.
    template <typename TakesPart>
    __device__ void join_tensors(const panoptim_plan &plan, int64_t from, int64_t to,
                                 TakesPart takes_part) {
        double *totals = totals_of(plan, to);
        const int warp = rank() / warp_threads;
        const int lane = rank() % warp_threads;
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
                shared_.large[warp] = large;
            }
            if (any(large != 0)) {
                for (int warp_index = 0; warp_index < control_warps; ++warp_index) {
                    for (unsigned left = shared_.large[warp_index]; left != 0; left &= left - 1) {
                        const int64_t joined =
                            first + offset_of(warp_index, __ffs(static_cast<int>(left)) - 1);
                        const double total =
                            join(partials_of(plan, from, joined), plan.tensors[joined].chunks);
                        if (rank() == 0) {
                            totals[joined] = total;
                        }
                    }
                }
            }
            barrier();
        }
    }

  private:
    Shared &shared_;
};

// Every tensor has an entry, in its place.
struct OwnEntries {
    __device__ static panoptim_prepared &of(const panoptim_plan &plan, int64_t tensor) {
        return plan.prepared[tensor];
    }

    template <typename Rule>
    __device__ static constexpr bool give(const panoptim_plan &, int64_t, const Rule &) {
        return true;
    }

    __device__ static void give_inactive(const panoptim_plan &plan, int64_t tensor) {
        of(plan, tensor).active = 0;
    }
};

// Whether a launch is one of the stages between sums over lines and the next phase, of an image
// that has any; then the panels are gone through.
template <typename Rules>
__device__ bool advance_lines(const panoptim_launch &launch, BlockTeam &team) {
    if constexpr (Rules::has_panels) {
        const int32_t stage = launch.stages & (PANOPTIM_STAGE_LINES | PANOPTIM_STAGE_TOTALS);
        if (stage != 0) {
            const PanelRange panels{launch.chunk_list, blockIdx.x, launch.chunk_list_count,
                                    gridDim.x};
            line_stage<Rules, OwnEntries>(launch.plan, stage, launch.phase, panels, team);
            return true;
        }
    }
    return false;
}

// Refuses the step because the host has not said what the schedule wants of it. Nothing but the
// host's knowledge of it changes.
__device__ void refuse_unscheduled(const panoptim_plan &plan, panoptim_progress &progress) {
    panoptim_control &control = *plan.control;
    begin_decision(control);
    control.gradient_scale = 1.0 / control.loss_scale;
    control.accepted = 0;
    control.skipped += 1;
    progress.out_of_entries += 1;
}

// Accepts or refuses the step for a host that runs ahead of it: one that fills the schedule's ring
// and looks up how far the device has come.
__device__ void decide_step(const panoptim_launch &launch) {
    const panoptim_plan &plan = launch.plan;
    panoptim_control &control = *plan.control;
    if (threadIdx.x == 0) {
        panoptim_progress &progress = *launch.progress;
        const int64_t next = control.step + 1;
        if (scheduled(plan, next).step != next) {
            refuse_unscheduled(plan, progress);
        } else {
            decide_scheduled(plan);
            if (control.accepted == 0) {
                progress.non_finite += 1;
            }
        }
        progress.skipped = control.skipped;
        progress.step = control.step;
    }
    __syncthreads();
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim
