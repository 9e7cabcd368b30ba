// A whole set of tables for libpanoptim over guarded memory, as a caller would own them.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <optional>

#include "floating_point.h"
#include "guarded.h"
#include "registry.h"
#include "stages.h"
#include "step/panels.cuh"
#include "support.h"
#include "typed.h"

// Hyper-parameters by name.
using Settings = std::map<std::string, double>;

struct Tensor {
    int32_t group = 0;
    Guarded<float> value;
    Guarded<float> gradient;
    Guarded<float> curvature;
    Guarded<float> slots[PANOPTIM_MAX_SLOTS];
    std::vector<double> states;
    int64_t rows = 1;
    int64_t columns = 0;
    int64_t first = 0;
    bool has_gradient = true;
    bool has_curvature = false;
    Guarded<double> line_sums;
    // Once there are any, steps use them instead of the arrays of floats.
    std::optional<TypedArrays> typed;
};

class Problem {
  public:
    explicit Problem(int64_t chunk_elements = PANOPTIM_BLOCK) {
        control.clip_norm = std::numeric_limits<double>::infinity();
        control.growth_factor = 2;
        control.backoff_factor = 0.5;
        control.loss_scale = 1;
        plan.chunk_elements = chunk_elements;
        schedule.push_back({1, std::numeric_limits<double>::quiet_NaN(), 0});
    }

    // Hyper-parameters that are not named are 0; aborts if the rule has none of a name.
    int32_t add_group(const std::string &rule, const Settings &settings) {
        const int32_t index = rule_named(rule);
        const Described &description = described(index);
        // One at least, so that it has an address.
        std::vector<double> &hyper =
            hypers_.emplace_back(std::max<std::size_t>(1, description.hyper.size()));
        for (const auto &[name, value] : settings) {
            const auto position = std::ranges::find(description.hyper, name);
            if (position == description.hyper.end()) {
                std::abort();
            }
            hyper[static_cast<std::size_t>(position - description.hyper.begin())] = value;
        }
        std::vector<double> &states = rule_states_.emplace_back(description.rule_states.size());
        groups.push_back({hyper.data(), states.data(), index, 0, nullptr, 0, 0});
        return static_cast<int32_t>(groups.size()) - 1;
    }

    // Its values, gradients and states are zeros.
    Tensor &add_tensor(int32_t group, int64_t elements, Edge edge = Edge::end, int64_t shift = 0) {
        const Described &rule = described(groups[static_cast<std::size_t>(group)].rule);
        Tensor &tensor = tensors.emplace_back();
        tensor.group = group;
        tensor.value = Guarded<float>(elements, edge, shift);
        tensor.gradient = Guarded<float>(elements, edge, shift);
        tensor.curvature = Guarded<float>(elements, edge, shift);
        tensor.rows = 1;
        tensor.columns = elements;
        std::size_t slot = 0;
        for (; slot < rule.slots.size(); ++slot) {
            tensor.slots[slot] = Guarded<float>(elements, edge, shift);
        }
        for (std::size_t row = 0; row < rule.rows.size(); ++row) {
            tensor.slots[slot++] = Guarded<float>(1, edge, shift);
        }
        for (std::size_t column = 0; column < rule.columns.size(); ++column) {
            tensor.slots[slot++] = Guarded<float>(elements, edge, shift);
        }
        tensor.states.resize(rule.tensor_states.size());
        return tensor;
    }

    // The same as a stack of matrices.
    Tensor &add_matrices(int32_t group, int64_t matrices, int64_t rows, int64_t columns,
                         Edge edge = Edge::end, int64_t shift = 0) {
        const Described &rule = described(groups[static_cast<std::size_t>(group)].rule);
        Tensor &tensor = add_tensor(group, matrices * rows * columns, edge, shift);
        tensor.rows = rows;
        tensor.columns = columns;
        std::size_t slot = rule.slots.size();
        for (std::size_t row = 0; row < rule.rows.size(); ++row) {
            tensor.slots[slot++] = Guarded<float>(matrices * rows, edge, shift);
        }
        for (std::size_t column = 0; column < rule.columns.size(); ++column) {
            tensor.slots[slot++] = Guarded<float>(matrices * columns, edge, shift);
        }
        return tensor;
    }

    // The states of a tensor that have a value for each element.
    int64_t slots_of(const Tensor &tensor) const {
        const int32_t rule = groups[static_cast<std::size_t>(tensor.group)].rule;
        return static_cast<int64_t>(described(rule).slots.size());
    }

    // Gives a tensor arrays of types, which its values, gradients and states become.
    void give_types(Tensor &tensor, const Types &types, Edge edge = Edge::end, int64_t shift = 0) {
        tensor.typed.emplace(types, tensor.value, tensor.gradient, tensor.curvature, tensor.slots,
                             slots_of(tensor), edge, shift);
    }

    // Fills the tables anew from the tensors; counts of known tensors stay.
    const panoptim_plan &build() {
        rows_.clear();
        chunks.clear();
        panels.clear();
        gradients_.clear();
        curvatures_.clear();
        for (std::size_t t = 0; t < tensors.size(); ++t) {
            const Tensor &tensor = tensors[t];
            const int64_t elements = tensor.value.size();
            panoptim_tensor row{};
            row.value = tensor.value.data();
            for (int slot = 0; slot < PANOPTIM_MAX_SLOTS; ++slot) {
                row.slots[slot] = tensor.slots[slot].data();
            }
            if (tensor.typed) {
                row.arrays = tensor.typed->row();
                row.value = nullptr;
                std::fill_n(row.slots, slots_of(tensor), nullptr);
            }
            row.states = tensors[t].states.data();
            row.elements = elements;
            row.rows = tensor.rows;
            row.columns = tensor.columns;
            row.first_chunk = static_cast<int32_t>(chunks.size());
            row.chunks =
                static_cast<int32_t>((elements + plan.chunk_elements - 1) / plan.chunk_elements);
            row.first = tensor.first;
            row.group = tensor.group;
            row.rule = groups[static_cast<std::size_t>(tensor.group)].rule;
            cut_into_panels(tensors[t], row, static_cast<int32_t>(t));
            rows_.push_back(row);
            for (int32_t chunk = 0; chunk < row.chunks; ++chunk) {
                chunks.push_back({static_cast<int32_t>(t), chunk});
            }
            const auto address_of = [&](bool present, const Guarded<float> &floats,
                                        int64_t typed) -> int64_t {
                return !present || elements == 0 ? 0
                       : tensor.typed            ? typed
                                                 : reinterpret_cast<int64_t>(floats.data());
            };
            gradients_.push_back(address_of(tensor.has_gradient, tensor.gradient,
                                            tensor.typed ? tensor.typed->gradient_address() : 0));
            curvatures_.push_back(address_of(tensor.has_curvature, tensor.curvature,
                                             tensor.typed ? tensor.typed->curvature_address() : 0));
        }
        counts.resize(tensors.size());
        prepared.resize(tensors.size());
        prepared_index.resize(tensors.size());
        partials.resize(chunks.size() * PANOPTIM_PARTIALS);
        totals.resize(tensors.size() * PANOPTIM_TOTALS);
        plan.groups = groups.data();
        plan.tensors = rows_.data();
        plan.chunks = chunks.data();
        plan.gradients = gradients_.data();
        plan.curvatures = curvatures_.data();
        plan.schedule = schedule.data();
        plan.counts = counts.data();
        plan.prepared = prepared.data();
        plan.prepared_index = prepared_index.data();
        plan.partials = partials.data();
        plan.totals = totals.data();
        plan.control = &control;
        plan.panels = panels.data();
        plan.panel_count = static_cast<int64_t>(panels.size());
        plan.group_count = static_cast<int64_t>(groups.size());
        plan.tensor_count = static_cast<int64_t>(tensors.size());
        plan.chunk_count = static_cast<int64_t>(chunks.size());
        plan.schedule_entries = static_cast<int64_t>(schedule.size());
        return plan;
    }

    // One step, all its stages; the chunks in so many ranges, the last one first. Returns the first
    // status that is not PANOPTIM_OK.
    int32_t step(int32_t tier, int64_t ranges = 1) {
        build();
        int32_t status = PANOPTIM_OK;
        const auto keep = [&](int32_t result) { status = status == PANOPTIM_OK ? result : status; };
        const auto over_ranges = [&](auto stage) {
            for (int64_t range = ranges - 1; range >= 0; --range) {
                keep(stage(plan.chunk_count * range / ranges,
                           plan.chunk_count * (range + 1) / ranges));
            }
        };
        if (control.measure != 0) {
            over_ranges([&](int64_t first, int64_t last) {
                return panoptim_measure(tier, &plan, first, last);
            });
        }
        keep(panoptim_gather(&plan));
        keep(panoptim_decide(&plan));
        for (int32_t phase = 0; phase < phases(); ++phase) {
            keep(panoptim_prepare(&plan, phase));
            keep(over_panels(tier, phase, ranges));
            over_ranges([&](int64_t first, int64_t last) {
                return panoptim_update(tier, &plan, phase, first, last);
            });
        }
        keep(panoptim_finish(&plan));
        return status;
    }

    // The same with other loops.
    int32_t step(const panoptim::Tier &loops) {
        build();
        const panoptim::FloatingPointSettings standard;
        return panoptim::whole_step(loops, plan, phases());
    }

    // All passes of the groups' rule as one, over the tensors that have a gradient or over all; the
    // chunks as in a step.
    int32_t pass(int32_t tier, int32_t kind, int64_t ranges = 1) {
        return pass(kind, [&](int32_t phase) {
            int32_t status = over_panels(tier, phase, ranges);
            for (int64_t range = ranges - 1; range >= 0 && status == PANOPTIM_OK; --range) {
                status = panoptim_update(tier, &plan, phase, plan.chunk_count * range / ranges,
                                         plan.chunk_count * (range + 1) / ranges);
            }
            return status;
        });
    }

    // The same with other loops.
    int32_t pass(const panoptim::Tier &loops, int32_t kind) {
        const panoptim::FloatingPointSettings standard;
        return pass(kind, [&](int32_t phase) {
            const int32_t status = panoptim::whole_phase_of_panels(loops, plan, phase);
            return status == PANOPTIM_OK
                       ? panoptim::update_chunks(loops, plan, phase, 0, plan.chunk_count)
                       : status;
        });
    }

    // Random values, gradients and curvatures, and states as a rule could have left them.
    template <typename Draw>
    void fill(Random &random, Draw draw) {
        for (Tensor &tensor : tensors) {
            for (const auto *array : {&tensor.value, &tensor.gradient, &tensor.curvature}) {
                std::generate(array->begin(), array->end(), [&] { return draw(random); });
            }
            for (Guarded<float> &slot : tensor.slots) {
                std::generate(slot.begin(), slot.end(), [&] { return draw(random); });
            }
            // Second moments and their like are not negative.
            for (float &square : tensor.slots[1]) {
                square = std::fabs(square);
            }
        }
    }

    // The values, gradients, curvatures and states of a problem of the same tensors.
    void fill(const Problem &other) {
        const auto copy = [](const Guarded<float> &from, const Guarded<float> &to) {
            std::copy(from.begin(), from.end(), to.begin());
        };
        for (std::size_t t = 0; t < tensors.size(); ++t) {
            const Tensor &from = other.tensors[t];
            const Tensor &to = tensors[t];
            copy(from.value, to.value);
            copy(from.gradient, to.gradient);
            copy(from.curvature, to.curvature);
            for (std::size_t slot = 0; slot < PANOPTIM_MAX_SLOTS; ++slot) {
                copy(from.slots[slot], to.slots[slot]);
            }
        }
    }

    // The states of the groups' rules.
    const std::deque<std::vector<double>> &rule_states() const { return rule_states_; }

    panoptim_plan plan{};
    panoptim_control control{};
    std::vector<panoptim_group> groups;
    std::deque<Tensor> tensors;
    std::vector<panoptim_chunk> chunks;
    std::vector<panoptim_panel> panels;
    std::vector<panoptim_schedule_entry> schedule;
    std::vector<int64_t> counts;
    std::vector<panoptim_prepared> prepared;
    std::vector<int32_t> prepared_index;
    std::vector<double> partials;
    std::vector<double> totals;

  private:
    // The panels of a tensor whose rule sums over rows or columns, and storage for its sums.
    void cut_into_panels(Tensor &tensor, panoptim_tensor &row, int32_t index) {
        const panoptim::RegisteredRule &rule = panoptim::rules[row.rule];
        const int rows = panoptim::count_of_scope(rule, panoptim::Scope::row, rule.reductions);
        const int columns =
            panoptim::count_of_scope(rule, panoptim::Scope::column, rule.reductions);
        if (rows + columns == 0 || row.elements == 0) {
            return;
        }
        const panoptim::PanelGrid grid = panoptim::PanelGrid::of(row);
        const int64_t sums =
            grid.matrices * (rows * grid.across * grid.rows + columns * grid.down * grid.columns);
        tensor.line_sums = Guarded<double>(sums, Edge::end);
        // What nothing has written shows.
        std::fill(tensor.line_sums.begin(), tensor.line_sums.end(),
                  std::numeric_limits<double>::quiet_NaN());
        row.line_sums = tensor.line_sums.data();
        const int64_t count = grid.matrices * grid.down * grid.across;
        for (int64_t panel = 0; panel < count; ++panel) {
            panels.push_back({index, static_cast<int32_t>(panel)});
        }
    }

    // What a prepared phase does with panels, these in so many ranges, the last one first.
    int32_t over_panels(int32_t tier, int32_t phase, int64_t ranges) {
        int32_t status = PANOPTIM_OK;
        const auto over_ranges = [&](auto stage) {
            for (int64_t range = ranges - 1; range >= 0 && status == PANOPTIM_OK; --range) {
                status = stage(plan.panel_count * range / ranges,
                               plan.panel_count * (range + 1) / ranges);
            }
        };
        for (const int32_t stage : {PANOPTIM_STAGE_LINES, PANOPTIM_STAGE_TOTALS}) {
            over_ranges([&](int64_t first, int64_t last) {
                return panoptim_advance_lines(&plan, stage, phase, first, last);
            });
        }
        over_ranges([&](int64_t first, int64_t last) {
            return panoptim_update_panels(tier, &plan, phase, first, last);
        });
        return status;
    }

    template <typename Update>
    int32_t pass(int32_t kind, Update update) {
        build();
        const panoptim_rule rule = described(groups.front().rule).rule;
        plan.pass = kind;
        plan.pass_rule = rule.index;
        plan.pass_phase = rule.phases;
        int32_t status = PANOPTIM_OK;
        for (int32_t phase = 0; phase < rule.pass_phases && status == PANOPTIM_OK; ++phase) {
            status = panoptim_prepare(&plan, rule.phases + phase);
            status = status == PANOPTIM_OK ? update(rule.phases + phase) : status;
        }
        plan.pass = PANOPTIM_STEP;
        return status;
    }

    int32_t phases() const {
        int32_t most = 0;
        for (const panoptim_group &group : groups) {
            most = std::max(most, described(group.rule).rule.phases);
        }
        return most;
    }

    std::deque<std::vector<double>> hypers_;
    std::deque<std::vector<double>> rule_states_;
    std::vector<panoptim_tensor> rows_;
    std::vector<int64_t> gradients_;
    std::vector<int64_t> curvatures_;
};

// A double as two floats of its bits.
inline void append_bits(std::vector<float> &all, double value) {
    const auto bits = std::bit_cast<uint64_t>(value);
    all.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
    all.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits >> 32)));
}

// Everything that a step may change, for comparison.
inline std::vector<float> contents(const Problem &problem) {
    std::vector<float> all;
    for (const Tensor &tensor : problem.tensors) {
        for (const auto *array : {&tensor.value, &tensor.gradient}) {
            all.insert(all.end(), array->begin(), array->end());
        }
        for (const Guarded<float> &slot : tensor.slots) {
            all.insert(all.end(), slot.begin(), slot.end());
        }
        for (const double state : tensor.states) {
            append_bits(all, state);
        }
    }
    for (const std::vector<double> &states : problem.rule_states()) {
        for (const double state : states) {
            append_bits(all, state);
        }
    }
    return all;
}

// The index of the first difference in bits, all NaNs counted alike; -1 if there is none.
inline int64_t first_difference(const std::vector<float> &a, const std::vector<float> &b) {
    if (a.size() != b.size()) {
        return 0;
    }
    // As a rule they are equal, which is seen at once.
    if (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0) {
        return -1;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (!same(a[i], b[i])) {
            return static_cast<int64_t>(i);
        }
    }
    return -1;
}
