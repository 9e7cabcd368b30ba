// One phase of one rule over all chunks, on the device: one block of threads for each chunk, one
// thread for each lane of the reduction tree.
//
// So far it is compiled, to prove that every rule is device code, and not launched: there is no
// CUDA backend yet. Statistics, zeroing and curvature are run-time choices here and not loops of
// their own as on the CPU, since the branches are the same for a whole launch.
#include "rules/rules.cuh"
#include "step/buffers.cuh"
#include "step/join.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// The kernel's one argument. Addresses are of device memory.
struct UpdateLaunch {
    const panoptim_tensor *tensors;
    const panoptim_chunk *chunks;
    const int64_t *gradients;
    const int64_t *curvatures;
    const panoptim_prepared *prepared;
    const int32_t *prepared_index;
    double *partials;
    int64_t chunk_count;
    int64_t chunk_elements;
    int32_t zero_gradients;
    int32_t statistics;
};

// Adds up one sum of a phase: this thread's lane of a block, then the blocks of the chunk.
class LaneSum {
  public:
    __device__ void clear() { lane_ = 0; }
    __device__ void add(float left, float right) { lane_ += exact_product(left, right); }

    // Joins the lanes of all threads. What the last call left in shared memory has been read.
    __device__ void join_block(double *shared) {
        shared[threadIdx.x] = lane_;
        for (unsigned width = PANOPTIM_LANES / 2; width > 0; width /= 2) {
            __syncthreads();
            if (threadIdx.x < width) {
                shared[threadIdx.x] += shared[threadIdx.x + width];
            }
        }
        if (threadIdx.x == 0) {
            blocks_.add(shared[0]);
        }
        __syncthreads();
    }

    __device__ double total() const { return blocks_.total(); }

  private:
    double lane_;
    PairwiseSum blocks_;
};

using FloatBuffers = Buffers<PANOPTIM_F32, PANOPTIM_F32, PANOPTIM_F32>;

template <typename Rule, int Phase, bool Curved>
__device__ Element update_element(const FloatBuffers &buffers, int64_t i,
                                  const panoptim_prepared &prepared,
                                  const typename Rule::Scalars &scalars, float &before) {
    Element element =
        buffers.template load<Rule, Curved>(i, prepared.gradient_scale, prepared.curvature_scale);
    before = element.parameter;
    Rule::template update<Phase>(scalars, element);
    buffers.template store<Rule, Phase, Curved>(i, element);
    return element;
}

// One phase of a rule over the chunk that this block of threads is for.
template <typename Rule, int Phase>
__device__ void update_chunk(const UpdateLaunch &launch, double *shared) {
    constexpr bool last_phase = Phase + 1 == Rule::phases;
    constexpr int reductions = Rule::reductions == 0 ? 1 : Rule::reductions;
    const int64_t place = blockIdx.x;
    const panoptim_chunk chunk = launch.chunks[place];
    const panoptim_tensor &tensor = launch.tensors[chunk.tensor];
    const panoptim_prepared &prepared = launch.prepared[launch.prepared_index[chunk.tensor]];
    if (prepared.active == 0) {
        return;
    }
    typename Rule::Scalars scalars;
    __builtin_memcpy(&scalars, prepared.scalars, sizeof scalars);

    FloatBuffers buffers{};
    buffers.value = static_cast<float *>(tensor.value);
    buffers.gradient = reinterpret_cast<float *>(launch.gradients[chunk.tensor]);
    buffers.curvature = reinterpret_cast<const float *>(launch.curvatures[chunk.tensor]);
    for (int slot = 0; slot < Rule::slots; ++slot) {
        buffers.slots[slot] = static_cast<float *>(tensor.slots[slot]);
    }
    const bool curved = Rule::curvature && buffers.curvature != nullptr;

    const int64_t first = chunk.index * launch.chunk_elements;
    const int64_t left = tensor.elements - first;
    const int64_t end = first + (left < launch.chunk_elements ? left : launch.chunk_elements);
    LaneSum change;
    LaneSum found[reductions];
    for (int64_t block = first; block < end; block += PANOPTIM_BLOCK) {
        const int64_t block_end = block + PANOPTIM_BLOCK < end ? block + PANOPTIM_BLOCK : end;
        change.clear();
        for (LaneSum &sum : found) {
            sum.clear();
        }
        for (int64_t i = block + threadIdx.x; i < block_end; i += PANOPTIM_LANES) {
            float before;
            const Element element =
                curved ? update_element<Rule, Phase, Rule::curvature>(buffers, i, prepared, scalars,
                                                                      before)
                       : update_element<Rule, Phase, false>(buffers, i, prepared, scalars, before);
            if (last_phase && launch.statistics != 0) {
                const float moved = element.parameter - before;
                change.add(moved, moved);
            }
            for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
                if (Rule::reduction_phase(reduction) == Phase) {
                    found[reduction].add(element.left[reduction], element.right[reduction]);
                }
            }
            if (last_phase && launch.zero_gradients != 0) {
                buffers.zero_gradient(i);
            }
        }
        if (last_phase && launch.statistics != 0) {
            change.join_block(shared);
        }
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (Rule::reduction_phase(reduction) == Phase) {
                found[reduction].join_block(shared);
            }
        }
    }
    if (threadIdx.x != 0) {
        return;
    }
    if (last_phase && launch.statistics != 0) {
        launch.partials[place] = change.total();
    }
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        if (Rule::reduction_phase(reduction) == Phase) {
            launch.partials[(2 + reduction) * launch.chunk_count + place] =
                found[reduction].total();
        }
    }
}

// Every phase that a rule has.
template <typename Rule, int Phase>
__device__ void update_phase(const UpdateLaunch &launch, int phase, double *shared) {
    if constexpr (Phase < Rule::phases) {
        if (phase == Phase) {
            update_chunk<Rule, Phase>(launch, shared);
        } else {
            update_phase<Rule, Phase + 1>(launch, phase, shared);
        }
    }
}

} // namespace PANOPTIM_TIER
} // namespace panoptim

#define PANOPTIM_RULE(name, ...)                                                                   \
    extern "C" __global__ void __launch_bounds__(PANOPTIM_LANES)                                   \
        panoptim_update_##name(const panoptim::UpdateLaunch launch, int phase) {                   \
        __shared__ double shared[PANOPTIM_LANES];                                                  \
        panoptim::update_phase<panoptim::__VA_ARGS__, 0>(launch, phase, shared);                   \
    }
#include "rules/rules.def"
#undef PANOPTIM_RULE
