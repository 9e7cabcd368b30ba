#include "typed.h"

#include "plan.h"
#include "prefetch.h"
#include "step/arrays.cuh"
#include "step/join.cuh"

namespace panoptim {
namespace {

// A span of elements that are decoded at a time: a block of the reduction tree where sums are
// taken, and otherwise few enough for the first-level cache.
constexpr int64_t most_elements = PANOPTIM_BLOCK;
constexpr int64_t usual_elements = 1024;

// One tensor in a phase.
class TypedUpdate {
  public:
    TypedUpdate(const Tier &tier, const UpdateRun &run, const RegisteredRule &rule, int32_t phase)
        : tier_(tier), plan_(*run.plan), index_(plan_.chunks[run.first].tensor),
          tensor_(plan_.tensors[index_]), arrays_(*tensor_.arrays), rule_(rule),
          use_(rule.uses[phase]), update_(tier.update[rule.index][phase]),
          curved_(run.curved && rule.curvature != 0 && phase < rule.phases),
          zeroing_(run.zero_gradients && use_.averages),
          statistics_(run.statistics && use_.averages), part_(run) {
        part_plan_ = plan_;
        part_plan_.tensors = &row_;
        part_plan_.chunks = &chunk_;
        part_plan_.gradients = &gradient_address_;
        part_plan_.curvatures = &curvature_address_;
        part_plan_.partials = partials_;
        part_plan_.chunk_count = 1;
        part_.plan = &part_plan_;
        part_.first = 0;
        part_.last = 1;
        part_.zero_gradients = false;
        part_.statistics = statistics_;
        row_ = tensor_;
        row_.arrays = nullptr;
    }

    void run(int64_t place) {
        const int64_t first = plan_.chunks[place].index * plan_.chunk_elements;
        const int64_t elements = chunk_length(plan_, tensor_, first);
        const bool summing = statistics_ || use_.reductions != 0;
        const int64_t most = summing ? most_elements : usual_elements;
        PairwiseSum sums[PANOPTIM_PARTIALS];
        for (int64_t i = 0; i < elements; i += most) {
            update(first + i, elements - i < most ? elements - i : most);
            for (int64_t sum = 0; summing && sum < PANOPTIM_PARTIALS; ++sum) {
                sums[sum].add(partials_[sum]);
            }
        }
        if (statistics_) {
            plan_.partials[place] = sums[0].total();
        }
        for (int64_t sum = 2; sum < PANOPTIM_PARTIALS; ++sum) {
            if ((use_.reductions >> (sum - 2) & 1U) != 0) {
                plan_.partials[sum * plan_.chunk_count + place] = sums[sum].total();
            }
        }
    }

  private:
    using Floats = float[most_elements];

    void update(int64_t first, int64_t count) {
        first_ = first;
        count_ = count;
        open();
        update_(part_);
        close();
    }

    // Lets the part have these elements as floats.
    void open() {
        const bool reads_value = use_.reads_value || statistics_ || !use_.writes_value;
        row_.value = floats(arrays_.value, reads_value, value_);
        row_.elements = count_;
        row_.first = tensor_.first + first_;
        gradient_address_ =
            use_.needs_gradient ? input(plan_.gradients[index_], gradient_memory_) : 0;
        curvature_address_ = curved_ ? input(plan_.curvatures[index_], curvature_memory_) : 0;
        const uint32_t read = use_.read_slots[curved_ ? 1 : 0];
        for (int slot = 0; slot < rule_.slots; ++slot) {
            row_.slots[slot] = floats(arrays_.slots[slot], (read >> slot & 1U) != 0, slots_[slot]);
        }
    }

    // Stores what the phase has changed, and the outputs.
    void close() {
        if (use_.writes_value) {
            store(arrays_.value, row_.value);
        }
        const uint32_t written = use_.written_slots[curved_ ? 1 : 0];
        for (int slot = 0; slot < rule_.slots; ++slot) {
            if ((written >> slot & 1U) != 0) {
                store(arrays_.slots[slot], row_.slots[slot]);
            }
        }
        if (use_.copies && arrays_.copy.data != nullptr) {
            tier_.encode(row_.value, arrays_.copy.type, count_, elements_of(arrays_.copy));
        }
        if (use_.averages && arrays_.average.data != nullptr) {
            float *const averages = floats(arrays_.average, true, average_);
            tier_.move_averages(averages, row_.value, count_, average_weight(*plan_.control));
            store(arrays_.average, averages);
        }
        if (zeroing_) {
            // Zeros are zeros in every type.
            const int32_t type = arrays_.gradient.type;
            __builtin_memset(element_address(address(plan_.gradients[index_]), type, first_), 0,
                             static_cast<unsigned long>(count_ * element_bytes(type)));
        }
    }

    // The elements of an array from the first of this span on; those of the next ones are asked
    // for.
    void *elements_of(const panoptim_array &array) const {
        void *const elements = element_address(array.data, array.type, first_);
        const int64_t bytes = count_ * element_bytes(array.type);
        prefetch(static_cast<const char *>(elements) + bytes, bytes);
        return elements;
    }

    // The elements where they are floats already, and otherwise in memory, decoded if they are
    // read.
    float *floats(const panoptim_array &array, bool read, Floats &memory) const {
        if (array.type == PANOPTIM_F32) {
            return static_cast<float *>(element_address(array.data, array.type, first_));
        }
        if (read) {
            tier_.decode(elements_of(array), array.type, count_, memory);
        }
        return memory;
    }

    // The same of a gradient or curvature.
    int64_t input(int64_t gradient, Floats &memory) const {
        panoptim_array array = arrays_.gradient;
        array.data = address(gradient);
        return reinterpret_cast<int64_t>(floats(array, true, memory));
    }

    // Floats are where they belong.
    void store(const panoptim_array &array, const float *values) const {
        if (array.type != PANOPTIM_F32) {
            tier_.encode(values, array.type, count_,
                         element_address(array.data, array.type, first_));
        }
    }

    const Tier &tier_;
    const panoptim_plan &plan_;
    int64_t index_;
    const panoptim_tensor &tensor_;
    const panoptim_arrays &arrays_;
    const RegisteredRule &rule_;
    const PhaseUse &use_;
    UpdateFunction update_;
    bool curved_;
    bool zeroing_;
    bool statistics_;

    // The span at hand.
    int64_t first_ = 0;
    int64_t count_ = 0;

    // A plan of nothing but the span.
    UpdateRun part_;
    panoptim_plan part_plan_;
    panoptim_tensor row_;
    panoptim_chunk chunk_{};
    int64_t gradient_address_ = 0;
    int64_t curvature_address_ = 0;
    double partials_[PANOPTIM_PARTIALS] = {};

    alignas(64) Floats value_;
    alignas(64) Floats gradient_memory_;
    alignas(64) Floats curvature_memory_;
    alignas(64) Floats average_;
    alignas(64) Floats slots_[PANOPTIM_MAX_SLOTS];
};

} // namespace

void update_typed(const Tier &tier, const UpdateRun &run, const RegisteredRule &rule,
                  int32_t phase) {
    TypedUpdate update(tier, run, rule, phase);
    for (int64_t place = run.first; place < run.last; ++place) {
        update.run(place);
    }
}

} // namespace panoptim
