// The kernels of an image of rules: those of one header of rules/. The build writes a file for each
// header, which includes it, says
//   PANOPTIM_IMAGE              the header's name
//   PANOPTIM_IMAGE_LIST         the header's rules, as a RuleList
//   PANOPTIM_IMAGE_RULES(RULE)  RULE(index in the registry, name, type) for each of them
//   PANOPTIM_IMAGE_STEPS(RULE)  the same for those that step, and do not have passes alone
// and includes this one. Every name ends with the image's or a rule's, so that several images can
// also be one file.
#include "step/control.cuh"
#include "step/describe.cuh"
#include "step/update.cuh"

#define PANOPTIM_JOIN(prefix, image) prefix##image
#define PANOPTIM_NAME(prefix, image) PANOPTIM_JOIN(prefix, image)

// What the image's rules are.
#define PANOPTIM_RULE(index, name, ...) panoptim::described<panoptim::__VA_ARGS__>(index, #name),
extern "C" __device__ const panoptim_image PANOPTIM_NAME(panoptim_image_, PANOPTIM_IMAGE) = {
    PANOPTIM_ABI, PANOPTIM_IMAGE_LIST::size, {PANOPTIM_IMAGE_RULES(PANOPTIM_RULE)}};
#undef PANOPTIM_RULE

extern "C" __global__ void __launch_bounds__(panoptim::control_threads)
    PANOPTIM_NAME(panoptim_control_, PANOPTIM_IMAGE)(const panoptim_launch launch) {
    using namespace panoptim;
    __shared__ BlockTeam::Shared shared;
    BlockTeam team(shared);
    if (advance_lines<PANOPTIM_IMAGE_LIST>(launch, team)) {
        return;
    }
    OwnEntries entries;
    control_step<PANOPTIM_IMAGE_LIST>(launch.plan, launch.stages, launch.phase, team, entries,
                                      [&launch] { decide_step(launch); });
}

// The first phase's scalars, a thread a tensor, for tensors so many that one thread block would
// take longer than another launch.
extern "C" __global__ void __launch_bounds__(panoptim::prepare_threads)
    PANOPTIM_NAME(panoptim_prepare_, PANOPTIM_IMAGE)(const panoptim_launch launch) {
    using namespace panoptim;
    const int64_t thread = int64_t{blockIdx.x} * prepare_threads + threadIdx.x;
    OwnEntries entries;
    prepare_first_phase<PANOPTIM_IMAGE_LIST>(launch.plan, thread,
                                             int64_t{gridDim.x} * prepare_threads, entries);
}

// Taking sums needs registers, so that fewer thread blocks are resident; statistics have kernels of
// their own.
#define PANOPTIM_KERNEL(name, statistics, ...)                                                     \
    extern "C" __global__ void __launch_bounds__(                                                  \
        panoptim::chunk_threads, (statistics) || panoptim::__VA_ARGS__::reductions > 0             \
                                     ? panoptim::chunk_residents_with_sums                         \
                                     : panoptim::chunk_residents)                                  \
        name(const panoptim_launch launch) {                                                       \
        using namespace panoptim;                                                                  \
        __shared__ UpdateShared<__VA_ARGS__> shared;                                               \
        update_phase<__VA_ARGS__, statistics>(launch, shared);                                     \
    }
#define PANOPTIM_RULE(index, name, ...) PANOPTIM_KERNEL(panoptim_update_##name, false, __VA_ARGS__)
PANOPTIM_IMAGE_RULES(PANOPTIM_RULE)
#undef PANOPTIM_RULE
#define PANOPTIM_RULE(index, name, ...)                                                            \
    PANOPTIM_KERNEL(panoptim_update_##name##_statistics, true, __VA_ARGS__)
PANOPTIM_IMAGE_STEPS(PANOPTIM_RULE)
#undef PANOPTIM_RULE
#undef PANOPTIM_KERNEL

#undef PANOPTIM_NAME
#undef PANOPTIM_JOIN
#undef PANOPTIM_IMAGE
#undef PANOPTIM_IMAGE_LIST
#undef PANOPTIM_IMAGE_RULES
#undef PANOPTIM_IMAGE_STEPS
