#include "step/plan.cuh"
#include "step/zero.cuh"

// Zeros into every gradient present.
extern "C" __global__ void __launch_bounds__(panoptim::chunk_threads)
    panoptim_zero(const panoptim_launch launch) {
    using namespace panoptim;
    const panoptim_plan &plan = launch.plan;
    for (int64_t i = blockIdx.x; i < plan.chunk_count; i += gridDim.x) {
        const panoptim_chunk chunk = plan.chunks[i];
        if (plan.gradients[chunk.tensor] != 0) {
            const int64_t first = chunk.index * plan.chunk_elements;
            zero_chunk<PANOPTIM_F32>(
                reinterpret_cast<float *>(plan.gradients[chunk.tensor]) + first,
                static_cast<int>(chunk_length(plan, plan.tensors[chunk.tensor], first)));
        }
    }
}
