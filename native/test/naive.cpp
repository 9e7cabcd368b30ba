#include "naive.h"

#include "rules/rules.cuh"

namespace {

// Not inlined, so that it is not vectorized either.
template <typename Rule>
[[gnu::noinline]] void update_one(const typename Rule::Scalars &scalars,
                                  panoptim::Element &element) {
    Rule::template update<0>(scalars, element);
}

template <typename Rule>
double update_all(const Problem &problem, std::size_t index, bool zero_gradients) {
    const Tensor &tensor = problem.tensors[index];
    const panoptim_prepared &prepared =
        problem.prepared[static_cast<std::size_t>(problem.prepared_index[index])];
    typename Rule::Scalars scalars;
    std::memcpy(&scalars, prepared.scalars, sizeof scalars);
    std::vector<float> changes;
    for (int64_t i = 0; i < tensor.value.size(); ++i) {
        panoptim::Element element{};
        element.parameter = tensor.value[i];
        element.gradient = tensor.gradient[i] * prepared.gradient_scale;
        element.curved = Rule::curvature && tensor.has_curvature;
        element.curvature = tensor.curvature[i] * prepared.curvature_scale;
        for (int slot = 0; slot < Rule::slots; ++slot) {
            element.slot[slot] = tensor.slots[slot][i];
        }
        update_one<Rule>(scalars, element);
        changes.push_back(element.parameter - tensor.value[i]);
        tensor.value[i] = element.parameter;
        for (int slot = 0; slot < Rule::slots; ++slot) {
            tensor.slots[slot][i] = element.slot[slot];
        }
        if (zero_gradients) {
            tensor.gradient[i] = 0;
        }
    }
    return naive_tree(changes, changes);
}

} // namespace

double naive_update(const Problem &problem, std::size_t tensor, bool zero_gradients) {
    const auto group = static_cast<std::size_t>(problem.tensors[tensor].group);
    const std::string rule = panoptim_rule_name(problem.groups[group].rule);
#define PANOPTIM_RULE(name, ...)                                                                   \
    if (rule == #name) {                                                                           \
        return update_all<panoptim::__VA_ARGS__>(problem, tensor, zero_gradients);                 \
    }
#include "rules/rules.def"
#undef PANOPTIM_RULE
    std::abort();
}
