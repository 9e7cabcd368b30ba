// A rule of two phases with reductions between them, against its formula.
#include <doctest/doctest.h>

#include <initializer_list>

#include "naive.h"
#include "test_normalized.cuh"

namespace {

constexpr panoptim::TestNormalized::Hyper hyper{0.5, 0.75};

Settings settings() {
    return {{"learning_rate", hyper.learning_rate}, {"beta", hyper.beta}};
}

std::vector<float> floats(const Guarded<float> &array) {
    return {array.begin(), array.end()};
}

// One step of the formula. Tensors that are not active are null.
void naive_step(const std::vector<Tensor *> &tensors) {
    const auto beta = static_cast<float>(hyper.beta);
    const auto keep = static_cast<float>(1 - hyper.beta);
    std::vector<double> squares;
    std::vector<double> magnitudes;
    for (Tensor *tensor : tensors) {
        if (tensor == nullptr) {
            squares.push_back(0);
            magnitudes.push_back(0);
            continue;
        }
        std::vector<float> means;
        std::vector<float> absolutes;
        for (int64_t i = 0; i < tensor->value.size(); ++i) {
            const float scaled = beta * tensor->slots[0][i];
            const float added = keep * tensor->gradient[i];
            tensor->slots[0][i] = scaled + added;
            means.push_back(tensor->slots[0][i]);
            absolutes.push_back(std::fabs(means.back()));
        }
        squares.push_back(naive_tree(means, means));
        magnitudes.push_back(naive_tree(absolutes, std::vector<float>(absolutes.size(), 1.0F)));
    }
    const double magnitude = naive_join(magnitudes);
    for (std::size_t t = 0; t < tensors.size(); ++t) {
        if (tensors[t] == nullptr) {
            continue;
        }
        const auto step = static_cast<float>(hyper.learning_rate / (std::sqrt(squares[t]) + 1e-8) /
                                             (1 + magnitude));
        for (int64_t i = 0; i < tensors[t]->value.size(); ++i) {
            const float moved = step * tensors[t]->slots[0][i];
            tensors[t]->value[i] = tensors[t]->value[i] - moved;
        }
    }
}

// Tensors of the rule among others; the third has no gradient, the fourth is of another rule.
void fill(Problem &problem) {
    const int32_t group = problem.add_group("test_normalized", settings());
    const int32_t other = problem.add_group("sgd", Settings{});
    const int32_t second = problem.add_group("test_normalized", settings());
    problem.add_tensor(group, 300);
    problem.add_tensor(second, 3 * PANOPTIM_BLOCK + 5);
    problem.add_tensor(group, 40).has_gradient = false;
    problem.add_tensor(other, 60);
    problem.add_tensor(group, 1);
    problem.add_tensor(group, 0);
    Random random(9);
    problem.fill(random, [](Random &source) { return source.ordinary(); });
}

std::vector<Tensor *> active(Problem &problem) {
    auto &all = problem.tensors;
    return {&all[0], &all[1], nullptr, nullptr, &all[4], nullptr};
}

} // namespace

TEST_CASE("a rule of two phases equals its formula, on every tier and for all chunks") {
    for (const int32_t tier : usable_tiers()) {
        for (int k = 0; k <= 2; ++k) {
            CAPTURE(tier);
            CAPTURE(k);
            Problem problem(PANOPTIM_BLOCK << k);
            Problem expected;
            fill(problem);
            fill(expected);
            for (int step = 0; step < 3; ++step) {
                REQUIRE(problem.step(tier, 1 + k) == PANOPTIM_OK);
                naive_step(active(expected));
                REQUIRE(first_difference(contents(problem), contents(expected)) == -1);
            }
            CHECK(problem.counts == std::vector<int64_t>{3, 3, 0, 3, 3, 0});
        }
    }
}

TEST_CASE("gradients are zeroed and changes summed in the last phase of a rule") {
    for (const int32_t tier : usable_tiers()) {
        Problem problem;
        fill(problem);
        problem.control.zero_gradients = 1;
        problem.control.statistics = 1;
        problem.build();
        std::vector<std::vector<float>> before;
        for (const Tensor &tensor : problem.tensors) {
            before.push_back(floats(tensor.value));
        }
        REQUIRE(problem.step(tier) == PANOPTIM_OK);
        std::vector<double> squares;
        for (std::size_t t = 0; t < before.size(); ++t) {
            const Tensor &tensor = problem.tensors[t];
            std::vector<float> changes;
            for (int64_t i = 0; i < tensor.value.size(); ++i) {
                changes.push_back(tensor.value[i] - before[t][static_cast<std::size_t>(i)]);
                CHECK((tensor.gradient[i] == 0) == tensor.has_gradient);
            }
            squares.push_back(naive_tree(changes, changes));
        }
        CHECK(same(problem.control.update_norm, std::sqrt(naive_join(squares))));
        CHECK(problem.control.update_norm > 0);
    }
}

TEST_CASE("a refused step of a rule of two phases changes nothing but zeroed gradients") {
    for (const int32_t tier : usable_tiers()) {
        Problem problem;
        Problem expected;
        fill(problem);
        fill(expected);
        problem.control.measure = 1;
        problem.control.policy = PANOPTIM_SKIP;
        problem.control.zero_gradients = 1;
        problem.tensors[3].gradient[59] = std::numeric_limits<float>::infinity();
        REQUIRE(problem.step(tier) == PANOPTIM_OK);
        for (Tensor &tensor : expected.tensors) {
            if (tensor.has_gradient) {
                std::fill(tensor.gradient.begin(), tensor.gradient.end(), 0.0F);
            }
        }
        CHECK(first_difference(contents(problem), contents(expected)) == -1);
    }
}

TEST_CASE("tensors of a rule with reductions share no scalars") {
    Problem problem;
    fill(problem);
    REQUIRE(problem.step(usable_tiers().front()) == PANOPTIM_OK);
    CHECK(problem.prepared_index[0] != problem.prepared_index[4]);
    CHECK(problem.prepared_index[2] == problem.prepared_index[5]);
}

TEST_CASE("a rule of two phases is described") {
    const Described &description = described(rule_named("test_normalized"));
    CHECK(description.hyper == std::vector<std::string>{"learning_rate", "beta"});
    CHECK(description.slots == std::vector<std::string>{"exp_avg"});
    CHECK(description.rule.phases == 2);
    CHECK(description.rule.reductions == 2);
    CHECK(description.rule.curvature == 0);
}
