// Arrays of other types than float, and outputs: a step leaves in them what a step over floats
// leaves, rounded.
#include <doctest/doctest.h>

#include <initializer_list>

#include "naive.h"
#include "step/arrays.cuh"

namespace {

struct Setting {
    int64_t elements;
    Types types{};
    Edge edge = Edge::end;
    int64_t shift = 0;
    bool special = false;
    bool zero_gradients = false;
    bool statistics = false;
    bool measure = false;
    double decay = 0.875;
};

// Of a rule, with tensors of zeros, the first with curvature.
Problem problem_of(const Described &rule, const Setting &setting) {
    Settings hyper;
    for (const std::string &name : rule.hyper) {
        hyper[name] = name == "learning_rate" || name == "epsilon" ? 1e-2
                      : name == "maximize" || name == "nesterov"   ? 1
                      : name == "batch_size"                       ? 16
                                                                   : 0.5;
    }
    Problem problem;
    problem.add_group(rule.name, hyper);
    problem.add_tensor(0, setting.elements).has_curvature = true;
    problem.add_tensor(0, 77);
    problem.add_matrices(0, 2, 3, 130);
    problem.control.zero_gradients = setting.zero_gradients;
    problem.control.statistics = setting.statistics;
    problem.control.measure = setting.measure;
    problem.control.clip_norm = setting.measure ? 0.25 : problem.control.clip_norm;
    problem.control.average_decay = setting.decay;
    return problem;
}

void round_all(const Guarded<float> &values, int32_t type) {
    std::transform(values.begin(), values.end(), values.begin(),
                   [type](float value) { return rounded(value, type); });
}

// What arrays of types would have kept of a tensor over floats.
void round_all(const Problem &problem, const Tensor &tensor, const Types &types) {
    round_all(tensor.value, types.value);
    round_all(tensor.gradient, types.gradient);
    round_all(tensor.curvature, types.gradient);
    for (int64_t slot = 0; slot < problem.slots_of(tensor); ++slot) {
        round_all(tensor.slots[slot], types.of_slot(slot));
    }
}

// The same with values that are drawn, and that the types have.
Problem drawn(const Described &rule, const Setting &setting) {
    Problem problem = problem_of(rule, setting);
    Random random(static_cast<uint64_t>(setting.elements) + 3);
    problem.fill(random, [&](Random &source) {
        return setting.special ? source.special() : source.ordinary();
    });
    for (const Tensor &tensor : problem.tensors) {
        round_all(problem, tensor, setting.types);
    }
    return problem;
}

// The same with the values of another, in arrays of the types.
Problem typed_like(const Problem &start, const Described &rule, const Setting &setting) {
    Problem problem = problem_of(rule, setting);
    problem.fill(start);
    for (Tensor &tensor : problem.tensors) {
        problem.give_types(tensor, setting.types, setting.edge, setting.shift);
    }
    return problem;
}

// A step over floats, its outputs, and what arrays of types have of it.
class Expected {
  public:
    Expected(Problem &problem, const Setting &setting) : problem_(problem), setting_(setting) {
        for (const Tensor &tensor : problem.tensors) {
            std::vector<float> &average = averages_.emplace_back();
            for (const float value : tensor.value) {
                average.push_back(rounded(value, setting.types.average));
            }
        }
    }

    // Every tensor's arrays after a step, as TypedArrays::contents has them.
    std::vector<float> step() {
        const panoptim::FloatingPointSettings standard;
        const panoptim_plan &plan = problem_.build();
        int32_t phases = 0;
        for (const panoptim_group &group : problem_.groups) {
            phases = std::max(phases, described(group.rule).rule.phases);
        }
        if (problem_.control.measure != 0) {
            REQUIRE(panoptim::measure_chunks(naive_tier, plan, 0, plan.chunk_count) == PANOPTIM_OK);
        }
        REQUIRE(panoptim::control_stages(plan, PANOPTIM_STAGE_GATHER | PANOPTIM_STAGE_DECIDE) ==
                PANOPTIM_OK);
        for (int32_t phase = 0; phase < phases; ++phase) {
            REQUIRE(panoptim::control_stages(plan, panoptim::preparing_stages(phase), phase) ==
                    PANOPTIM_OK);
            REQUIRE(panoptim::whole_phase_of_panels(naive_tier, plan, phase) == PANOPTIM_OK);
            REQUIRE(panoptim::update_chunks(naive_tier, plan, phase, 0, plan.chunk_count) ==
                    PANOPTIM_OK);
            if (phase + 1 == phases) {
                note_outputs();
            }
            // The next phase finds what was stored.
            for (const Tensor &tensor : problem_.tensors) {
                round_all(problem_, tensor, setting_.types);
            }
        }
        REQUIRE(panoptim::control_stages(plan, PANOPTIM_STAGE_FINISH) == PANOPTIM_OK);
        std::vector<float> all;
        for (std::size_t t = 0; t < problem_.tensors.size(); ++t) {
            const Tensor &tensor = problem_.tensors[t];
            for (const auto *array : {&tensor.value, &tensor.gradient, &tensor.curvature}) {
                all.insert(all.end(), array->begin(), array->end());
            }
            for (int64_t slot = 0; slot < problem_.slots_of(tensor); ++slot) {
                all.insert(all.end(), tensor.slots[slot].begin(), tensor.slots[slot].end());
            }
            all.insert(all.end(), outputs_[t].begin(), outputs_[t].end());
        }
        return all;
    }

  private:
    // The outputs, of the values before they are rounded.
    void note_outputs() {
        const Types &types = setting_.types;
        const auto weight = static_cast<float>(1.0 - setting_.decay);
        outputs_.clear();
        for (std::size_t t = 0; t < problem_.tensors.size(); ++t) {
            const Guarded<float> &values = problem_.tensors[t].value;
            std::vector<float> &outputs = outputs_.emplace_back();
            for (const float value : values) {
                if (types.copy != 0) {
                    outputs.push_back(rounded(value, types.copy));
                }
            }
            for (int64_t i = 0; types.average != 0 && i < values.size(); ++i) {
                float &average = averages_[t][static_cast<std::size_t>(i)];
                const float distance = values[i] - average;
                // One that does not move is left alone.
                if (weight != 0) {
                    average = rounded(weight < 0.5F ? average + weight * distance
                                                    : values[i] - distance * (1.0F - weight),
                                      types.average);
                }
                outputs.push_back(average);
            }
        }
    }

    Problem &problem_;
    Setting setting_;
    std::vector<std::vector<float>> averages_;
    std::vector<std::vector<float>> outputs_;
};

// What steps leave beside their arrays.
std::vector<float> states(const Problem &problem) {
    std::vector<float> all;
    for (const Tensor &tensor : problem.tensors) {
        for (const double state : tensor.states) {
            append_bits(all, state);
        }
    }
    for (const std::vector<double> &rule_states : problem.rule_states()) {
        for (const double state : rule_states) {
            append_bits(all, state);
        }
    }
    append_bits(all, problem.control.update_norm);
    append_bits(all, problem.control.gradient_norm);
    return all;
}

std::vector<float> typed_contents(const Problem &problem) {
    std::vector<float> all;
    for (const Tensor &tensor : problem.tensors) {
        const std::vector<float> each = tensor.typed->contents();
        all.insert(all.end(), each.begin(), each.end());
    }
    return all;
}

constexpr std::size_t steps = 3;

// So many steps of every rule on every tier, in two ranges of chunks.
void check(const Setting &setting) {
    CAPTURE(setting.elements);
    CAPTURE(setting.shift);
    CAPTURE(setting.types.value);
    CAPTURE(setting.types.gradient);
    CAPTURE(setting.types.even_slots);
    CAPTURE(setting.types.odd_slots);
    CAPTURE(setting.types.copy);
    CAPTURE(setting.types.average);
    CAPTURE(setting.zero_gradients);
    CAPTURE(setting.statistics);
    for (int32_t index = 0; index < panoptim_rule_count(); ++index) {
        const Described &rule = described(index);
        if (rule.rule.phases == 0) {
            continue;
        }
        CAPTURE(rule.name);
        const Problem start = drawn(rule, setting);
        Problem floats = problem_of(rule, setting);
        floats.fill(start);
        Expected expected(floats, setting);
        std::vector<std::vector<float>> wanted;
        std::vector<std::vector<float>> wanted_states;
        for (std::size_t i = 0; i < steps; ++i) {
            wanted.push_back(expected.step());
            wanted_states.push_back(states(floats));
        }
        for (const int32_t tier : usable_tiers()) {
            CAPTURE(tier);
            Problem actual = typed_like(start, rule, setting);
            for (std::size_t i = 0; i < steps; ++i) {
                REQUIRE(actual.step(tier, 2) == PANOPTIM_OK);
                CHECK(first_difference(typed_contents(actual), wanted[i]) == -1);
                CHECK(first_difference(states(actual), wanted_states[i]) == -1);
            }
        }
    }
}

constexpr Types all_narrow{PANOPTIM_BF16, PANOPTIM_BF16, PANOPTIM_BF16,
                           PANOPTIM_BF16, PANOPTIM_BF16, PANOPTIM_BF16};

} // namespace

TEST_CASE("a bf16 is the nearest one, and of two as near the even one") {
    using panoptim::from_bf16;
    using panoptim::to_bf16;
    const auto check_one = [](uint32_t bits) {
        const auto value = std::bit_cast<float>(bits);
        const float stored = from_bf16(to_bf16(value));
        if (!same(stored, nearest_bf16(value))) {
            CAPTURE(bits);
            CHECK(stored == nearest_bf16(value));
        }
    };
    for (uint32_t high = 0; high < 0x10000U; ++high) {
        for (const uint32_t low : {0U, 1U, 0x7fffU, 0x8000U, 0x8001U, 0xffffU}) {
            check_one(high << 16 | low);
        }
    }
    CHECK(to_bf16(1.0F) == 0x3f80U);
    CHECK(to_bf16(0x1.01p0F) == 0x3f80U); // a tie
    CHECK(to_bf16(0x1.03p0F) == 0x3f82U);
    CHECK(to_bf16(-0x1.010002p0F) == 0xbf81U);
    CHECK(to_bf16(std::numeric_limits<float>::max()) == 0x7f80U);
    CHECK(to_bf16(std::bit_cast<float>(0x7f800001U)) == 0x7fc0U);
}

TEST_CASE("a step over any types leaves what one over floats leaves, rounded") {
    constexpr int32_t f32 = PANOPTIM_F32;
    constexpr int32_t bf16 = PANOPTIM_BF16;
    for (const int64_t elements : {0, 1, 5, 127, 128, 129, 300, 4095, 4097, 9000}) {
        for (const Types &types :
             {Types{}, all_narrow, Types{bf16, bf16, f32, f32, 0, 0},
              Types{f32, bf16, bf16, f32, 0, f32}, Types{bf16, f32, f32, bf16, f32, 0},
              Types{f32, f32, f32, f32, bf16, f32}}) {
            Setting setting{elements, types};
            check(setting);
            setting.zero_gradients = true;
            setting.statistics = true;
            check(setting);
        }
    }
}

TEST_CASE("a step over types does not care where arrays begin and end") {
    for (const int64_t shift : {0, 1, 3}) {
        for (const Edge edge : {Edge::begin, Edge::end}) {
            check({.elements = 1000, .types = all_narrow, .edge = edge, .shift = shift});
        }
    }
}

TEST_CASE("a step over types measures what is in them, and knows special numbers") {
    for (const int64_t elements : {7, 300, 9000}) {
        check({.elements = elements, .types = all_narrow, .measure = true});
        check({.elements = elements, .types = all_narrow, .special = true, .statistics = true});
    }
}

TEST_CASE("an average moves from its nearer end") {
    for (const double decay : {0.0, 0.25, 0.5, 0.999, 1.0}) {
        check({.elements = 300, .types = {.average = PANOPTIM_F32}, .decay = decay});
    }
    CHECK(panoptim::moved_average(3, 7, 1) == 7);
    CHECK(panoptim::moved_average(3, 7, 0) == 3);
    CHECK(panoptim::moved_average(3, 7, 0.25F) == 4);
}

// A problem of narrow arrays with outputs that has made a step.
Problem stepped(int32_t tier, int64_t elements) {
    const Setting setting{elements, all_narrow};
    const Described &rule = described(rule_named("adamw"));
    Problem problem = typed_like(drawn(rule, setting), rule, setting);
    REQUIRE(problem.step(tier) == PANOPTIM_OK);
    return problem;
}

TEST_CASE("a refused step leaves outputs alone") {
    for (const int32_t tier : usable_tiers()) {
        Problem problem = stepped(tier, 300);
        const std::vector<float> before = typed_contents(problem);
        problem.control.measure = 1;
        problem.control.policy = PANOPTIM_SKIP;
        auto *const gradient =
            reinterpret_cast<uint16_t *>(problem.tensors[0].typed->gradient_address());
        gradient[299] = 0x7f80; // infinity
        std::vector<float> wanted = before;
        wanted[2 * 300 - 1] = std::numeric_limits<float>::infinity();
        REQUIRE(problem.step(tier) == PANOPTIM_OK);
        CHECK(first_difference(typed_contents(problem), wanted) == -1);
    }
}

TEST_CASE("without an update the average follows the value, and the copy stays") {
    for (const int32_t tier : usable_tiers()) {
        const auto follows = [tier](int64_t elements, auto change) {
            Problem problem = stepped(tier, elements);
            const TypedArrays &typed = *problem.tensors[0].typed;
            const auto count = static_cast<std::size_t>(elements);
            const std::vector<float> values = typed.contents();
            std::vector<float> wanted = typed.outputs();
            for (std::size_t i = 0; i < count; ++i) {
                float &average = wanted[count + i];
                average = rounded(average + 0.125F * (values[i] - average), PANOPTIM_BF16);
            }
            REQUIRE(first_difference(typed.outputs(), wanted) != -1);
            change(problem);
            REQUIRE(problem.step(tier, 2) == PANOPTIM_OK);
            CHECK(first_difference(typed.outputs(), wanted) == -1);
        };
        for (const int64_t elements : {1, 300, 4100, 9000}) {
            follows(elements, [](Problem &problem) { problem.groups[0].frozen = 1; });
            follows(elements, [](Problem &problem) { problem.tensors[0].has_gradient = false; });
        }
    }
}

TEST_CASE("a step that is refused zeroes narrow gradients, if asked for") {
    const Described &rule = described(rule_named("adamw"));
    for (const int32_t tier : usable_tiers()) {
        const Setting setting{4200, all_narrow};
        Problem problem = typed_like(drawn(rule, setting), rule, setting);
        problem.groups[0].frozen = 1;
        problem.control.zero_gradients = 1;
        REQUIRE(problem.step(tier) == PANOPTIM_OK);
        const auto *const gradient =
            reinterpret_cast<const uint16_t *>(problem.tensors[0].typed->gradient_address());
        CHECK(std::all_of(gradient, gradient + 4200, [](uint16_t half) { return half == 0; }));
    }
}

TEST_CASE("an unknown type is refused before anything changes") {
    const int32_t tier = usable_tiers().front();
    const Described &rule = described(rule_named("adamw"));
    const auto refused = [&](auto change) {
        Problem problem = drawn(rule, {.elements = 300, .measure = true});
        Tensor &tensor = problem.tensors[1];
        problem.give_types(tensor, {});
        panoptim_arrays row = *tensor.typed->row();
        change(row);
        problem.build();
        std::vector<panoptim_tensor> rows(problem.plan.tensors,
                                          problem.plan.tensors + problem.plan.tensor_count);
        rows[1].arrays = &row;
        problem.plan.tensors = rows.data();
        CHECK(panoptim_decide(&problem.plan) == PANOPTIM_ERROR_TYPE);
        CHECK(problem.control.step == 0);
        return panoptim_measure(tier, &problem.plan, 0, problem.plan.chunk_count);
    };
    for (const int32_t unknown : {0, 3, 99, -1}) {
        CHECK(refused([&](panoptim_arrays &row) { row.value.type = unknown; }) == PANOPTIM_OK);
        CHECK(refused([&](panoptim_arrays &row) { row.slots[1].type = unknown; }) == PANOPTIM_OK);
        CHECK(refused([&](panoptim_arrays &row) { row.gradient.type = unknown; }) ==
              PANOPTIM_ERROR_TYPE);
        CHECK(refused([&](panoptim_arrays &row) {
                  row.copy = row.value;
                  row.copy.type = unknown;
              }) == PANOPTIM_OK);
    }
}

TEST_CASE("a part of a tensor has the rows and columns of the whole") {
    constexpr int64_t columns = 100;
    constexpr int64_t first = PANOPTIM_BLOCK;
    constexpr int64_t rows = 60;
    const Settings hyper{{"learning_rate", 0.125}};
    for (const int32_t tier : usable_tiers()) {
        Problem whole;
        whole.add_tensor(whole.add_group("test_states", hyper), rows * columns);
        Problem part;
        part.add_tensor(part.add_group("test_states", hyper), rows * columns - first);
        Tensor &all = whole.tensors[0];
        Tensor &some = part.tensors[0];
        for (Tensor *tensor : {&all, &some}) {
            tensor->rows = rows;
            tensor->columns = columns;
        }
        const int64_t slots = whole.slots_of(all);
        all.slots[slots] = Guarded<float>(rows, Edge::end);
        all.slots[slots + 1] = Guarded<float>(columns, Edge::end);
        Random random(7);
        whole.fill(random, [](Random &source) { return source.ordinary(); });
        // So that the part has the rule's sum of the whole.
        std::fill_n(all.gradient.begin(), first, 0.0F);
        some.first = first;
        const auto copy = [](const Guarded<float> &from, int64_t skipped, Guarded<float> &to) {
            to = Guarded<float>(from.size() - skipped, Edge::begin);
            std::copy(from.begin() + skipped, from.end(), to.begin());
        };
        copy(all.value, first, some.value);
        copy(all.gradient, first, some.gradient);
        for (int64_t slot = 0; slot < slots; ++slot) {
            copy(all.slots[slot], first, some.slots[slot]);
        }
        copy(all.slots[slots], 0, some.slots[slots]);
        copy(all.slots[slots + 1], 0, some.slots[slots + 1]);
        REQUIRE(whole.step(tier) == PANOPTIM_OK);
        REQUIRE(part.step(tier) == PANOPTIM_OK);
        const std::vector<float> wanted(all.value.begin() + first, all.value.end());
        CHECK(first_difference({some.value.begin(), some.value.end()}, wanted) == -1);
    }
}
