#include "naive.h"

#include "rules/rules.cuh"
#include "step/buffers.cuh"
#include "step/panels.cuh"

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

// What a phase does to one element, whose raw gradient, change and terms are returned.
struct Changed {
    float gradient;
    float change;
    panoptim::Element element;
};

template <typename Rule, int Phase>
Changed update_element(const panoptim::UpdateRun &run, const typename Rule::Scalars &scalars,
                       int64_t index, int64_t i) {
    const panoptim_plan &plan = *run.plan;
    const panoptim_tensor &tensor = plan.tensors[index];
    auto *gradient = reinterpret_cast<float *>(plan.gradients[index]);
    const auto *curvature = reinterpret_cast<const float *>(plan.curvatures[index]);
    panoptim::Element element{};
    element.parameter = tensor.value[i];
    element.average = tensor.value[i];
    float raw = 0;
    if constexpr (panoptim::needs_gradient<Rule, Phase>) {
        raw = gradient[i];
        const float limit = run.prepared->gradient_limit;
        const float scaled = gradient[i] * run.prepared->gradient_scale;
        element.gradient = scaled > limit ? limit : scaled < -limit ? -limit : scaled;
        element.held = scaled > limit || scaled < -limit;
    }
    element.curved = Rule::curvature && panoptim::of_step<Rule, Phase> && run.curved;
    if (element.curved) {
        element.curvature = curvature[i] * run.prepared->curvature_scale;
    }
    for (int slot = 0; slot < Rule::slots; ++slot) {
        element.slot[slot] = tensor.slots[slot][i];
    }
    panoptim::LineStates::of<Rule>(tensor, panoptim::MatrixPlace::of(tensor, i))
        .template load<Rule>(0, element);
    update_one<Rule, Phase>(scalars, element);
    const float change = element.parameter - tensor.value[i];
    tensor.value[i] = element.parameter;
    if constexpr (Rule::writes_gradient(Phase)) {
        gradient[i] = element.gradient * static_cast<float>(plan.control->loss_scale);
    }
    for (int slot = 0; slot < Rule::slots; ++slot) {
        const float state = element.slot[slot];
        const bool flushes = Phase < Rule::phases && plan.control->flush_states != 0 &&
                             std::fpclassify(state) == FP_SUBNORMAL;
        tensor.slots[slot][i] = flushes ? 0.0F : state;
    }
    if (Phase + 1 == Rule::phases && run.zero_gradients) {
        gradient[i] = 0;
    }
    return {raw, change, element};
}

template <typename Rule, int Phase>
void update_chunk(const panoptim::UpdateRun &run, int64_t chunk_index) {
    constexpr bool last_phase = Phase + 1 == Rule::phases;
    const panoptim_plan &plan = *run.plan;
    const panoptim_chunk &chunk = plan.chunks[chunk_index];
    const panoptim_tensor &tensor = plan.tensors[chunk.tensor];
    typename Rule::Scalars scalars;
    std::memcpy(&scalars, run.prepared->scalars, sizeof scalars);
    const bool counts = last_phase && run.statistics;
    std::vector<Terms> statistics(PANOPTIM_STATISTICS);
    std::vector<Terms> sums(Rule::reductions);
    const int64_t first = chunk.index * plan.chunk_elements;
    for (int64_t i = first; i < std::min(tensor.elements, first + plan.chunk_elements); ++i) {
        const Changed changed = update_element<Rule, Phase>(run, scalars, chunk.tensor, i);
        if (counts) {
            statistics[PANOPTIM_STATISTIC_UPDATE].left.push_back(changed.change);
            statistics[PANOPTIM_STATISTIC_VALUE].left.push_back(changed.element.parameter);
            statistics[PANOPTIM_STATISTIC_GRADIENT].left.push_back(changed.gradient);
            statistics[PANOPTIM_STATISTIC_LIMITED].left.push_back(changed.element.held ? 1 : 0);
        }
        for (std::size_t reduction = 0; reduction < sums.size(); ++reduction) {
            sums[reduction].left.push_back(changed.element.left[reduction]);
            sums[reduction].right.push_back(changed.element.right[reduction]);
        }
    }
    for (int64_t statistic = 0; counts && statistic < PANOPTIM_STATISTICS; ++statistic) {
        const std::vector<float> &terms = statistics[static_cast<std::size_t>(statistic)].left;
        plan.partials[statistic * plan.chunk_count + chunk_index] = naive_tree(terms, terms);
    }
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        if (Rule::reduction_phase(reduction) == Phase) {
            const Terms &terms = sums[static_cast<std::size_t>(reduction)];
            plan.partials[(PANOPTIM_STATISTICS + reduction) * plan.chunk_count + chunk_index] =
                naive_tree(terms.left, terms.right);
        }
    }
}

// A panel's part of a phase that sums over rows or columns.
template <typename Rule, int Phase>
void update_panel(const panoptim::UpdateRun &run, int64_t panel_index) {
    const panoptim_panel &entry = run.plan->panels[panel_index];
    const panoptim_tensor &tensor = run.plan->tensors[entry.tensor];
    const panoptim::PanelGrid grid = panoptim::PanelGrid::of(tensor);
    const panoptim::Panel panel = grid.panel(entry.index);
    typename Rule::Scalars scalars;
    std::memcpy(&scalars, run.prepared->scalars, sizeof scalars);
    const auto columns = static_cast<std::size_t>(panel.columns);
    std::vector<std::vector<double>> of_columns(Rule::reductions,
                                                std::vector<double>(columns, 0.0));
    for (int64_t row = 0; row < panel.rows; ++row) {
        std::vector<Terms> sums(Rule::reductions);
        for (std::size_t column = 0; column < columns; ++column) {
            const int64_t i =
                grid.element_of(panel) + row * grid.columns + static_cast<int64_t>(column);
            const Changed changed = update_element<Rule, Phase>(run, scalars, entry.tensor, i);
            for (std::size_t reduction = 0; reduction < sums.size(); ++reduction) {
                const float left = changed.element.left[reduction];
                const float right = changed.element.right[reduction];
                sums[reduction].left.push_back(left);
                sums[reduction].right.push_back(right);
                of_columns[reduction][column] +=
                    static_cast<double>(left) * static_cast<double>(right);
            }
        }
        for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
            if (panoptim::finds(Rule{}, Phase, panoptim::Scope::row, reduction)) {
                const Terms &terms = sums[static_cast<std::size_t>(reduction)];
                panoptim::row_sums(Rule{}, tensor, grid, reduction, panel.matrix,
                                   panel.across)[panel.first_row + row] =
                    naive_row(terms.left, terms.right);
            }
        }
    }
    for (int reduction = 0; reduction < Rule::reductions; ++reduction) {
        if (panoptim::finds(Rule{}, Phase, panoptim::Scope::column, reduction)) {
            const auto &sums = of_columns[static_cast<std::size_t>(reduction)];
            std::copy(
                sums.begin(), sums.end(),
                panoptim::column_sums(Rule{}, tensor, grid, reduction, panel.matrix, panel.down) +
                    panel.first_column);
        }
    }
}

template <typename Rule, int Phase>
void update_run(const panoptim::UpdateRun &run) {
    if constexpr (Phase < Rule::phases + Rule::pass_phases) {
        constexpr bool of_panels = panoptim::walks_over_panels<Rule>(Phase);
        const panoptim_plan &plan = *run.plan;
        const int64_t tensor =
            of_panels ? plan.panels[run.first].tensor : plan.chunks[run.first].tensor;
        if (panoptim::needs_gradient<Rule, Phase> && plan.gradients[tensor] == 0) {
            return;
        }
        for (int64_t i = run.first; i < run.last; ++i) {
            if constexpr (of_panels) {
                update_panel<Rule, Phase>(run, i);
            } else {
                update_chunk<Rule, Phase>(run, i);
            }
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

const panoptim::Tier naive_tier = {measure, overflows, nullptr, updates_by_rule,
                                   nullptr, nullptr,   nullptr};
