// The step as a transaction: accepting, refusing, counting, scaling, clipping, zeroing, sharing.
#include <doctest/doctest.h>

#include <initializer_list>
#include <set>

#include "problem.h"
#include "rules/rules.cuh"

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

Settings sgd() {
    Settings hyper;
    hyper["learning_rate"] = 1;
    hyper["momentum"] = 0.5;
    return hyper;
}

int32_t any_tier() {
    return usable_tiers().front();
}

const panoptim_prepared &prepared_of(const Problem &problem, std::size_t tensor) {
    return problem.prepared[static_cast<std::size_t>(problem.prepared_index[tensor])];
}

} // namespace

TEST_CASE("an accepted step counts, for tensors with a gradient alone") {
    Problem problem;
    const int32_t group = problem.add_group("sgd_momentum", sgd());
    problem.add_tensor(group, 5);
    problem.add_tensor(group, 5).has_gradient = false;
    problem.add_tensor(group, 0);
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    problem.tensors[1].has_gradient = true;
    problem.add_tensor(group, 5);
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(problem.control.step == 2);
    CHECK(problem.control.skipped == 0);
    CHECK(problem.counts == std::vector<int64_t>{2, 1, 0, 1});
}

TEST_CASE("a step counts when its first phase is prepared") {
    Problem problem;
    problem.add_tensor(problem.add_group("sgd", sgd()), 5);
    const panoptim_plan &plan = problem.build();
    REQUIRE(panoptim_gather(&plan) == PANOPTIM_OK);
    REQUIRE(panoptim_decide(&plan) == PANOPTIM_OK);
    CHECK(problem.counts[0] == 0);
    REQUIRE(panoptim_prepare(&plan, 0) == PANOPTIM_OK);
    CHECK(problem.counts[0] == 1);
    REQUIRE(panoptim_prepare(&plan, 1) == PANOPTIM_OK);
    CHECK(problem.counts[0] == 1);
}

TEST_CASE("a frozen group neither moves nor counts, but its gradients are zeroed") {
    Problem problem;
    const int32_t group = problem.add_group("sgd_momentum", sgd());
    problem.groups[0].frozen = 1;
    Tensor &tensor = problem.add_tensor(group, 5000);
    std::fill(tensor.gradient.begin(), tensor.gradient.end(), 1.0F);
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(tensor.gradient[4999] == 1);
    problem.control.zero_gradients = 1;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    for (int64_t i = 0; i < 5000; ++i) {
        REQUIRE(tensor.gradient[i] == 0);
        REQUIRE(tensor.value[i] == 0);
        REQUIRE(tensor.slots[0][i] == 0);
    }
    CHECK(problem.counts[0] == 0);
    CHECK(problem.control.step == 2);
}

TEST_CASE("a refused step changes no byte of parameters, states and counts, even the first one") {
    for (const int32_t policy : {PANOPTIM_SKIP, PANOPTIM_FAIL}) {
        for (const int32_t tier : usable_tiers()) {
            Problem problem;
            const int32_t group = problem.add_group("sgd_momentum", sgd());
            problem.control.measure = 1;
            problem.control.statistics = 1;
            problem.control.policy = policy;
            problem.add_tensor(group, 5000);
            problem.add_tensor(group, 3);
            Random random(3);
            problem.fill(random, [](Random &source) { return source.special(); });
            problem.tensors[1].gradient[2] = not_a_number;
            const std::vector<float> before = contents(problem);
            REQUIRE(problem.step(tier) == PANOPTIM_OK);
            CHECK(first_difference(contents(problem), before) == -1);
            CHECK(problem.counts == std::vector<int64_t>{0, 0});
            CHECK(problem.control.accepted == 0);
            CHECK(problem.control.step == 0);
            CHECK(problem.control.skipped == 1);
            CHECK(problem.control.update_norm == 0);
            CHECK(problem.control.gradient_norm != problem.control.gradient_norm);
        }
    }
}

TEST_CASE("a refused step that goes no further has no update either") {
    Problem problem;
    Tensor &tensor = problem.add_tensor(problem.add_group("sgd", sgd()), 1);
    problem.control.measure = 1;
    problem.control.statistics = 1;
    problem.control.policy = PANOPTIM_SKIP;
    tensor.gradient[0] = 4;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(problem.control.update_norm == 4);
    tensor.gradient[0] = not_a_number;
    REQUIRE(panoptim_measure(any_tier(), &problem.plan, 0, 1) == PANOPTIM_OK);
    REQUIRE(panoptim_gather(&problem.plan) == PANOPTIM_OK);
    REQUIRE(panoptim_decide(&problem.plan) == PANOPTIM_OK);
    REQUIRE(panoptim_finish(&problem.plan) == PANOPTIM_OK);
    CHECK(problem.control.update_norm == 0);
}

namespace {

double statistic(const Problem &problem, int64_t column, int64_t tensor) {
    const int64_t first = (PANOPTIM_FIRST_STATISTIC + column) * problem.plan.tensor_count;
    return problem.totals[static_cast<std::size_t>(first + tensor)];
}

} // namespace

TEST_CASE("statistics are those of each tensor, and say which took no part") {
    for (const int32_t tier : usable_tiers()) {
        Problem problem;
        const int32_t group = problem.add_group("sgd", sgd());
        problem.control.statistics = 1;
        problem.control.clip_value = 4;
        problem.add_tensor(group, 2);
        problem.add_tensor(group, 1).has_gradient = false;
        problem.tensors[0].value[0] = 1;
        problem.tensors[0].value[1] = 2;
        problem.tensors[0].gradient[0] = 3;
        problem.tensors[0].gradient[1] = 5;
        REQUIRE(problem.step(tier) == PANOPTIM_OK);
        // The rate is 1: the values become -2 and -2, since 5 is held at 4.
        CHECK(statistic(problem, PANOPTIM_STATISTIC_UPDATE, 0) == 25);
        CHECK(statistic(problem, PANOPTIM_STATISTIC_VALUE, 0) == 8);
        CHECK(statistic(problem, PANOPTIM_STATISTIC_GRADIENT, 0) == 34);
        CHECK(statistic(problem, PANOPTIM_STATISTIC_LIMITED, 0) == 1);
        CHECK(problem.control.gradient_norm == std::sqrt(34.0));
        for (int64_t column = 0; column < PANOPTIM_STATISTICS; ++column) {
            CHECK(statistic(problem, column, 1) == -1);
        }
    }
}

TEST_CASE("of a refused step the squares that were measured are left") {
    Problem problem;
    const int32_t group = problem.add_group("sgd", sgd());
    problem.control.measure = 1;
    problem.control.statistics = 1;
    problem.control.policy = PANOPTIM_SKIP;
    problem.add_tensor(group, 1).gradient[0] = 3;
    problem.add_tensor(group, 1).gradient[0] = not_a_number;
    problem.add_tensor(group, 1).has_gradient = false;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(statistic(problem, PANOPTIM_STATISTIC_GRADIENT, 0) == 9);
    CHECK(std::isnan(statistic(problem, PANOPTIM_STATISTIC_GRADIENT, 1)));
    CHECK(statistic(problem, PANOPTIM_STATISTIC_GRADIENT, 2) == -1);
    for (int64_t tensor = 0; tensor < 3; ++tensor) {
        CHECK(statistic(problem, PANOPTIM_STATISTIC_UPDATE, tensor) == -1);
        CHECK(statistic(problem, PANOPTIM_STATISTIC_VALUE, tensor) == -1);
        CHECK(statistic(problem, PANOPTIM_STATISTIC_LIMITED, tensor) == -1);
    }
}

TEST_CASE("a refused step still zeroes gradients, by store") {
    for (const int32_t tier : usable_tiers()) {
        Problem problem;
        const int32_t group = problem.add_group("sgd_momentum", sgd());
        problem.control.measure = 1;
        problem.control.policy = PANOPTIM_SKIP;
        problem.control.zero_gradients = 1;
        Tensor &tensor = problem.add_tensor(group, 4097);
        std::fill(tensor.gradient.begin(), tensor.gradient.end(), not_a_number);
        REQUIRE(problem.step(tier, 2) == PANOPTIM_OK);
        for (const float gradient : tensor.gradient) {
            REQUIRE(same(gradient, 0.0F));
        }
        CHECK(problem.control.skipped == 1);
        // The next step is accepted, and is the first.
        tensor.gradient[0] = 1;
        REQUIRE(problem.step(tier) == PANOPTIM_OK);
        CHECK(tensor.value[0] == -1);
        CHECK(problem.counts[0] == 1);
    }
}

TEST_CASE("without a policy a gradient that is not finite spreads") {
    Problem problem;
    Tensor &tensor = problem.add_tensor(problem.add_group("sgd", sgd()), 2);
    tensor.gradient[1] = not_a_number;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(tensor.value[0] == 0);
    CHECK(tensor.value[1] != tensor.value[1]);
    CHECK(problem.control.finite == 1); // nobody looked
    problem.control.measure = 1;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(problem.control.finite == 0);
    CHECK(problem.control.accepted == 1);
    CHECK(problem.control.step == 2);
}

TEST_CASE("the loss scale is taken off the gradient and off the curvature") {
    Problem problem;
    Settings hyper;
    hyper["learning_rate"] = 1;
    hyper["clip"] = 100;
    hyper["epsilon"] = 0.5;
    hyper["beta2"] = 0.5;
    Tensor &tensor = problem.add_tensor(problem.add_group("sophia_h", hyper), 1);
    problem.control.loss_scale = 16;
    tensor.gradient[0] = 16;
    tensor.curvature[0] = 64;
    tensor.has_curvature = true;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(problem.control.gradient_scale == 0.0625);
    CHECK(tensor.slots[0][0] == 1);
    CHECK(tensor.slots[1][0] == 2);
    CHECK(tensor.value[0] == -0.5F);
}

TEST_CASE("the gradient is clipped by its norm after unscaling, the curvature is not") {
    for (const int32_t tier : usable_tiers()) {
        Problem problem;
        Settings hyper;
        hyper["learning_rate"] = 1;
        hyper["clip"] = 100;
        hyper["epsilon"] = 1;
        hyper["beta2"] = 0.5;
        const int32_t group = problem.add_group("sophia_h", hyper);
        for (int i = 0; i < 2; ++i) {
            Tensor &tensor = problem.add_tensor(group, 1);
            tensor.has_curvature = true;
            tensor.curvature[0] = 4;
            tensor.gradient[0] = i == 0 ? 6.0F : 8.0F;
        }
        problem.control.measure = 1;
        problem.control.loss_scale = 2;
        problem.control.clip_norm = 2.5;
        REQUIRE(problem.step(tier) == PANOPTIM_OK);
        CHECK(problem.control.gradient_norm == 5);
        CHECK(problem.control.clip_coefficient == 2.5 / (5 + 1e-6));
        const auto scale = static_cast<float>(0.5 * (2.5 / (5 + 1e-6)));
        CHECK(prepared_of(problem, 0).gradient_scale == scale);
        CHECK(problem.tensors[0].slots[0][0] == 6 * scale);
        CHECK(problem.tensors[1].slots[0][0] == 8 * scale);
        CHECK(problem.tensors[0].slots[1][0] == 1); // 0.5 4/2
    }
}

TEST_CASE("a gradient within the norm is not clipped, and a norm of NaN passes through") {
    Problem problem;
    Tensor &tensor = problem.add_tensor(problem.add_group("sgd", sgd()), 1);
    problem.control.measure = 1;
    problem.control.clip_norm = 10;
    tensor.gradient[0] = 3;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(problem.control.clip_coefficient == 1);
    CHECK(tensor.value[0] == -3);
    tensor.gradient[0] = not_a_number;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(problem.control.clip_coefficient != problem.control.clip_coefficient);
    tensor.gradient[0] = std::numeric_limits<float>::infinity();
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(problem.control.clip_coefficient == 0);
    problem.control.measure = 0;
    problem.control.clip_norm = infinity;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(problem.control.clip_coefficient == 1);
    CHECK(problem.control.gradient_norm != problem.control.gradient_norm);
}

TEST_CASE("a dynamic loss scale grows after so many accepted steps and backs off at once") {
    Problem problem;
    Tensor &tensor = problem.add_tensor(problem.add_group("sgd", sgd()), 1);
    problem.control.measure = 1;
    problem.control.policy = PANOPTIM_SKIP;
    problem.control.loss_scale = 8;
    problem.control.growth_interval = 2;
    const auto step = [&](float gradient) {
        tensor.gradient[0] = gradient;
        REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
        return problem.control.loss_scale;
    };
    CHECK(step(1) == 8);
    CHECK(problem.control.growth_tracker == 1);
    CHECK(step(1) == 16);
    CHECK(problem.control.growth_tracker == 0);
    CHECK(problem.control.gradient_scale == 0.125); // these gradients came with 8
    CHECK(step(1) == 16);
    CHECK(step(not_a_number) == 8);
    CHECK(problem.control.gradient_scale == 0.0625);
    CHECK(problem.control.growth_tracker == 0);
    CHECK(problem.control.skipped == 1);
    CHECK(step(1) == 8);
    CHECK(step(1) == 16);
    CHECK(problem.control.step == 5);
}

TEST_CASE("a loss scale and its reciprocal stay floats, and a fixed one stays") {
    Problem problem;
    Tensor &tensor = problem.add_tensor(problem.add_group("sgd", sgd()), 1);
    problem.control.measure = 1;
    problem.control.growth_factor = 2;
    problem.control.backoff_factor = 0.5;
    problem.control.loss_scale = 0x1p125;
    problem.control.growth_interval = 1;
    for (int i = 0; i < 2; ++i) {
        REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
        CHECK(problem.control.loss_scale == 0x1p126);
        CHECK(problem.control.growth_tracker == 0);
    }
    tensor.gradient[0] = not_a_number;
    problem.control.loss_scale = 0x1p-125;
    for (int i = 0; i < 2; ++i) {
        REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
        CHECK(problem.control.loss_scale == 0x1p-126);
    }
    problem.control.growth_interval = 0;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(problem.control.loss_scale == 0x1p-126);
}

TEST_CASE("tensors of one group and count share their scalars, also when groups take turns") {
    Problem problem;
    const int32_t one = problem.add_group("sgd_momentum", sgd());
    const int32_t two = problem.add_group("adam", Settings{});
    for (int i = 0; i < 4; ++i) {
        problem.add_tensor(i % 2 == 0 ? one : two, 3);
    }
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(problem.prepared_index[0] == problem.prepared_index[2]);
    CHECK(problem.prepared_index[1] == problem.prepared_index[3]);
    CHECK(problem.prepared_index[0] != problem.prepared_index[1]);
    // A later tensor has a separate count, and so has one that missed a step.
    problem.add_tensor(one, 3);
    problem.tensors[0].has_gradient = false;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(prepared_of(problem, 0).active == 0);
    CHECK(problem.prepared_index[2] != problem.prepared_index[4]);
    panoptim::Sgd<true>::Scalars scalars{};
    std::memcpy(&scalars, prepared_of(problem, 2).scalars, sizeof scalars);
    CHECK(scalars.first == 0);
    std::memcpy(&scalars, prepared_of(problem, 4).scalars, sizeof scalars);
    CHECK(scalars.first == 1);
}

TEST_CASE("a tensor next to one of its group has its own count, and none without a gradient") {
    Problem problem;
    const int32_t group = problem.add_group("sgd_momentum", sgd());
    problem.add_tensor(group, 3);
    problem.add_tensor(group, 3);
    problem.tensors[1].has_gradient = false;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    // The second step of one, the first of the other.
    problem.tensors[1].has_gradient = true;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    panoptim::Sgd<true>::Scalars scalars{};
    std::memcpy(&scalars, prepared_of(problem, 0).scalars, sizeof scalars);
    CHECK(scalars.first == 0);
    std::memcpy(&scalars, prepared_of(problem, 1).scalars, sizeof scalars);
    CHECK(scalars.first == 1);
    // The other reached this count a step ago, and has no gradient now.
    problem.tensors[1].has_gradient = false;
    problem.counts = {1, 2};
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(problem.counts[0] == problem.counts[1]);
    CHECK(prepared_of(problem, 0).active == 1);
    CHECK(prepared_of(problem, 1).active == 0);
}

TEST_CASE("there is space for every tensor's scalars, active or not") {
    // 40 groups, so that no entry is found again; every third tensor is not active.
    Problem problem;
    for (int i = 0; i < 40; ++i) {
        Settings hyper = sgd();
        hyper["learning_rate"] = i;
        const int32_t group = problem.add_group("sgd", hyper);
        for (int k = 0; k < 2; ++k) {
            Tensor &tensor = problem.add_tensor(group, 1);
            tensor.gradient[0] = 1;
            tensor.has_gradient = (2 * i + k) % 3 != 1;
        }
    }
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    for (std::size_t i = 0; i < 80; ++i) {
        const Tensor &tensor = problem.tensors[i];
        REQUIRE(problem.prepared_index[i] >= 0);
        REQUIRE(problem.prepared_index[i] < 80);
        CHECK(tensor.value[0] == (tensor.has_gradient ? -static_cast<float>(i / 2) : 0.0F));
    }
}

TEST_CASE("a step is equal for tensors apart and for tensors sharing, with 100 groups in turn") {
    Problem problem;
    for (int i = 0; i < 100; ++i) {
        Settings hyper = sgd();
        hyper["learning_rate"] = i;
        problem.add_group("sgd", hyper);
    }
    for (int32_t i = 0; i < 1000; ++i) {
        problem.add_tensor(i % 100, 1).gradient[0] = 1;
    }
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    for (std::size_t i = 0; i < 1000; ++i) {
        CHECK(problem.tensors[i].value[0] == -static_cast<float>(i % 100));
    }
}

TEST_CASE("counts go on beyond 32 bits") {
    Problem problem;
    Settings hyper;
    hyper["learning_rate"] = 1;
    hyper["beta1"] = 1 - 0x1p-33;
    hyper["beta2"] = 0.5;
    problem.add_tensor(problem.add_group("adam", hyper), 1).gradient[0] = 1;
    problem.build();
    problem.counts[0] = (int64_t{1} << 33) - 1;
    problem.control.step = (int64_t{1} << 33) - 1;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(problem.counts[0] == int64_t{1} << 33);
    CHECK(problem.control.step == int64_t{1} << 33);
    panoptim::Adam<false>::Scalars scalars{};
    std::memcpy(&scalars, prepared_of(problem, 0).scalars, sizeof scalars);
    CHECK(scalars.step_size == doctest::Approx(1 / (1 - std::exp(-1.0))).epsilon(1e-6));
}

TEST_CASE("gradients may move from step to step") {
    Problem problem;
    Tensor &tensor = problem.add_tensor(problem.add_group("sgd", sgd()), 3);
    tensor.gradient[0] = 1;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    tensor.gradient = Guarded<float>(3, Edge::begin);
    tensor.gradient[0] = 2;
    REQUIRE(problem.step(any_tier()) == PANOPTIM_OK);
    CHECK(tensor.value[0] == -3);
}
