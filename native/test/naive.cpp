#include "naive.h"

#include "rules/rules.cuh"
#include "step/buffers.cuh"

namespace {

double measure(const void *gradient, int32_t /*type*/, int64_t elements) {
    const float *begin = static_cast<const float *>(gradient);
    const std::vector<float> terms(begin, begin + elements);
    return naive_tree(terms, terms);
}

bool overflows(const void *gradient, int32_t /*type*/, int64_t elements, float factor) {
    const float *begin = static_cast<const float *>(gradient);
    return std::any_of(begin, begin + elements,
                       [factor](float value) { return !std::isfinite(value * factor); });
}

// Not inlined, so that it is not vectorized either.
template <typename Rule, int Phase>
[[gnu::noinline]] void update_one(const typename Rule::Scalars &scalars,
                                  panoptim::Element &element) {
    Rule::template update<Phase>(scalars, element);
}

// The terms of one sum, by element.
struct Terms {
    std::vector<float> left;
    std::vector<float> right;
};

template <typename Rule, int Phase>
void update_chunk(const panoptim::UpdateRun &run, int64_t chunk_index) {
    constexpr bool last_phase = Phase + 1 == Rule::phases;
    const panoptim_plan &plan = *run.plan;
    const panoptim_chunk &chunk = plan.chunks[chunk_index];
    const panoptim_tensor &tensor = plan.tensors[chunk.tensor];
    float *const value = tensor.value;
    auto *gradient = reinterpret_cast<float *>(plan.gradients[chunk.tensor]);
    const auto *curvature = reinterpret_cast<const float *>(plan.curvatures[chunk.tensor]);
    typename Rule::Scalars scalars;
    std::memcpy(&scalars, run.prepared->scalars, sizeof scalars);
    Terms changes;
    std::vector<Terms> sums(PANOPTIM_MAX_REDUCTIONS);
    const int64_t first = chunk.index * plan.chunk_elements;
    for (int64_t i = first; i < std::min(tensor.elements, first + plan.chunk_elements); ++i) {
        panoptim::Element element{};
        element.parameter = value[i];
        element.average = value[i];
        if constexpr (panoptim::needs_gradient<Rule, Phase>) {
            const float limit = run.prepared->gradient_limit;
            const float scaled = gradient[i] * run.prepared->gradient_scale;
            element.gradient = scaled > limit ? limit : scaled < -limit ? -limit : scaled;
        }
        element.curved = Rule::curvature && panoptim::of_step<Rule, Phase> && run.curved;
        if (element.curved) {
            element.curvature = curvature[i] * run.prepared->curvature_scale;
        }
        for (int slot = 0; slot < Rule::slots; ++slot) {
            element.slot[slot] = tensor.slots[slot][i];
        }
        panoptim::MatrixStates{&tensor, 0}.load<Rule>(i, element);
        update_one<Rule, Phase>(scalars, element);
        changes.left.push_back(element.parameter - value[i]);
        for (std::size_t reduction = 0; reduction < sums.size(); ++reduction) {
            sums[reduction].left.push_back(element.left[reduction]);
            sums[reduction].right.push_back(element.right[reduction]);
        }
        value[i] = element.parameter;
        if constexpr (Rule::writes_gradient(Phase)) {
            const auto unit = static_cast<float>(plan.control->loss_scale);
            gradient[i] = element.gradient * unit;
        }
        for (int slot = 0; slot < Rule::slots; ++slot) {
            tensor.slots[slot][i] = element.slot[slot];
        }
        if (last_phase && run.zero_gradients) {
            gradient[i] = 0;
        }
    }
    if (last_phase && run.statistics) {
        plan.partials[chunk_index] = naive_tree(changes.left, changes.left);
    }
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        if (Rule::reduction_phase(reduction) == Phase) {
            const Terms &terms = sums[static_cast<std::size_t>(reduction)];
            plan.partials[(2 + reduction) * plan.chunk_count + chunk_index] =
                naive_tree(terms.left, terms.right);
        }
    }
}

template <typename Rule, int Phase>
void update_run(const panoptim::UpdateRun &run) {
    if constexpr (Phase < Rule::phases + Rule::pass_phases) {
        const panoptim_plan &plan = *run.plan;
        if (panoptim::needs_gradient<Rule, Phase> &&
            plan.gradients[plan.chunks[run.first].tensor] == 0) {
            return;
        }
        for (int64_t chunk_index = run.first; chunk_index < run.last; ++chunk_index) {
            update_chunk<Rule, Phase>(run, chunk_index);
        }
    }
}

template <typename Rule>
constexpr panoptim::UpdateFunction updates[PANOPTIM_MAX_PHASES] = {
    update_run<Rule, 0>, update_run<Rule, 1>, update_run<Rule, 2>, update_run<Rule, 3>,
    update_run<Rule, 4>, update_run<Rule, 5>, update_run<Rule, 6>, update_run<Rule, 7>};

constexpr const panoptim::UpdateFunction *updates_by_rule[] = {
#define PANOPTIM_RULE(name, ...) updates<panoptim::__VA_ARGS__>,
#include "rules/rules.def"
#undef PANOPTIM_RULE
};

} // namespace

const panoptim::Tier naive_tier = {measure, overflows, updates_by_rule, nullptr, nullptr, nullptr};
