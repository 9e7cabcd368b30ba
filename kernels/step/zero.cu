#include "step/arrays.cuh"
#include "step/zero.cuh"

// Zeros into every gradient present.
extern "C" __global__ void __launch_bounds__(panoptim::chunk_threads)
    panoptim_zero(const panoptim_launch launch) {
    using namespace panoptim;
    const panoptim_plan &plan = launch.plan;
    for (int64_t i = blockIdx.x; i < plan.chunk_count; i += gridDim.x) {
        const panoptim_chunk chunk = plan.chunks[i];
        if (plan.gradients[chunk.tensor] != 0) {
            const panoptim_tensor &tensor = plan.tensors[chunk.tensor];
            const int64_t first = chunk.index * plan.chunk_elements;
            const int32_t type = gradient_type(tensor);
            void *const gradient = reinterpret_cast<void *>(plan.gradients[chunk.tensor]);
            zero_chunk({element_address(gradient, type, first), type},
                       static_cast<int>(chunk_length(plan, tensor, first)));
        }
    }
}
