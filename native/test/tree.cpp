// The reduction tree.
#include <doctest/doctest.h>

#include <initializer_list>

#include "naive.h"
#include "step/join.cuh"

TEST_CASE("values are joined by adjacent pairs, an odd one moving up") {
    Random random(1);
    for (int size = 0; size <= 70; ++size) {
        CAPTURE(size);
        std::vector<double> values;
        panoptim::PairwiseSum sum;
        for (int i = 0; i < size; ++i) {
            values.push_back(static_cast<double>(random.ordinary()) * random.ordinary());
            sum.add(values.back());
        }
        CHECK(same(sum.total(), naive_join(values)));
    }
}

TEST_CASE("the join of nothing is +0, and a join that is cleared starts anew") {
    panoptim::PairwiseSum sum;
    CHECK(same(sum.total(), 0.0));
    sum.add(1);
    sum.add(2);
    sum.add(3);
    sum.clear();
    CHECK(same(sum.total(), 0.0));
    sum.add(5);
    CHECK(sum.total() == 5);
}

TEST_CASE("the pairs of a join are the ones specified") {
    // (1 + 2^53) + (1 - 2^53) = 2^53 - (2^53 - 1) = 1; summed in order it were 0, halved 2.
    panoptim::PairwiseSum sum;
    for (const double value : {1.0, 0x1p53, 1.0, -0x1p53, 0.25}) {
        sum.add(value);
    }
    CHECK(sum.total() == 1.25);
}

TEST_CASE("the norm of gradients is the tree's, whatever the chunks and ranges") {
    for (const int32_t tier : usable_tiers()) {
        for (const int64_t size :
             {0, 1, 3, 63, 64, 65, 127, 128, 129, 4095, 4096, 4097, 12289, 70001}) {
            for (int k = 0; k <= 3; ++k) {
                CAPTURE(tier);
                CAPTURE(size);
                CAPTURE(k);
                Random random(static_cast<uint64_t>(size));
                Problem problem(PANOPTIM_BLOCK << k);
                problem.control.measure = 1;
                const int32_t group = problem.add_group("sgd", Settings{});
                std::vector<double> sums;
                for (const int64_t elements : {size, int64_t{5}, size / 2}) {
                    const Tensor &tensor = problem.add_tensor(group, elements);
                    std::generate(tensor.gradient.begin(), tensor.gradient.end(),
                                  [&] { return random.ordinary(); });
                    sums.push_back(naive_square_sum(tensor.gradient));
                }
                REQUIRE(problem.step(tier, 1 + k) == PANOPTIM_OK);
                CHECK(same(problem.control.square_sum, naive_join(sums)));
                CHECK(problem.control.finite == 1);
            }
        }
    }
}

TEST_CASE("tensors are joined by adjacent pairs, however many") {
    Random random(2);
    Problem problem;
    problem.control.measure = 1;
    const int32_t group = problem.add_group("sgd", Settings{});
    for (int size = 0; size <= 70; ++size) {
        CAPTURE(size);
        const panoptim_plan &plan = problem.build();
        for (double &partial : problem.partials) {
            partial = random.ordinary() / 3.0; // with all of a double's bits
        }
        REQUIRE(panoptim_gather(&plan) == PANOPTIM_OK);
        const std::vector<double> sums(problem.partials.begin(), problem.partials.begin() + size);
        CHECK(same(problem.control.square_sum, naive_join(sums)));
        problem.add_tensor(group, 1);
    }
}

TEST_CASE("gradients that are absent or frozen are not measured, and count as +0") {
    for (const int32_t tier : usable_tiers()) {
        Problem problem;
        problem.control.measure = 1;
        const int32_t group = problem.add_group("sgd", Settings{});
        const int32_t frozen = problem.add_group("sgd", Settings{});
        problem.groups[1].frozen = 1;
        Tensor &absent = problem.add_tensor(group, 100);
        absent.has_gradient = false;
        problem.add_tensor(frozen, 100).gradient[7] = std::numeric_limits<float>::quiet_NaN();
        problem.add_tensor(group, 100).gradient[99] = 3;
        absent.gradient[0] = 4;
        REQUIRE(problem.step(tier) == PANOPTIM_OK);
        CHECK(problem.control.square_sum == 9);
        CHECK(problem.control.gradient_norm == 3);
        CHECK(problem.control.finite == 1);
    }
}

TEST_CASE("a gradient or a curvature that is not finite is found wherever it is") {
    using limits = std::numeric_limits<float>;
    for (const int32_t tier : usable_tiers()) {
        for (const int64_t index : {0, 31, 127, 128, 4095, 4096, 4999}) {
            for (const float value :
                 {limits::infinity(), -limits::infinity(), limits::quiet_NaN()}) {
                for (const bool in_curvature : {false, true}) {
                    CAPTURE(tier);
                    CAPTURE(index);
                    CAPTURE(value);
                    CAPTURE(in_curvature);
                    Problem problem;
                    problem.control.measure = 1;
                    problem.control.policy = PANOPTIM_SKIP;
                    const int32_t group = problem.add_group("sophia_g", Settings{});
                    Tensor &tensor = problem.add_tensor(group, 5000);
                    tensor.has_curvature = true;
                    (in_curvature ? tensor.curvature : tensor.gradient)[index] = value;
                    REQUIRE(problem.step(tier) == PANOPTIM_OK);
                    CHECK(problem.control.finite == 0);
                    CHECK(problem.control.skipped == 1);
                }
            }
        }
    }
}

TEST_CASE("curvature is measured only for rules that take it") {
    for (const int32_t tier : usable_tiers()) {
        Problem problem;
        problem.control.measure = 1;
        const int32_t group = problem.add_group("lion", Settings{});
        Tensor &tensor = problem.add_tensor(group, 10);
        tensor.has_curvature = true;
        tensor.curvature[0] = std::numeric_limits<float>::infinity();
        REQUIRE(problem.step(tier) == PANOPTIM_OK);
        CHECK(problem.control.finite == 1);
    }
}

TEST_CASE("the largest floats are finite, and their sum as well") {
    for (const int32_t tier : usable_tiers()) {
        Problem problem;
        problem.control.measure = 1;
        Tensor &tensor = problem.add_tensor(problem.add_group("sgd", Settings{}), 10000);
        std::fill(tensor.gradient.begin(), tensor.gradient.end(),
                  std::numeric_limits<float>::max());
        REQUIRE(problem.step(tier) == PANOPTIM_OK);
        CHECK(problem.control.finite == 1);
        CHECK(same(problem.control.square_sum, naive_square_sum(tensor.gradient)));
    }
}
