// Every tier against the rules run one element at a time: equal bits, for every size and position.
#include <doctest/doctest.h>

#include <functional>
#include <initializer_list>

#include "naive.h"

namespace {

struct Case {
    const char *rule;
    std::function<void(Problem &)> add_groups; // one group of the rule, or two
};

template <typename Hyper>
Case a_case(const char *rule, Hyper first, Hyper second) {
    return {rule, [=](Problem &problem) {
                problem.add_group(rule, first);
                problem.add_group(rule, second);
            }};
}

// Each rule twice, with hyper-parameters that exercise all branches.
std::vector<Case> cases() {
    return {
        a_case<panoptim_sgd_hyper>("sgd", {0.1, 0, 0, 0.01, 0, 0}, {0.1, 0, 0, 0, 0, 1}),
        a_case<panoptim_sgd_hyper>("sgd_momentum", {0.1, 0.9, 0.1, 0.01, 0, 0},
                                   {0.1, 0.9, 0, 0, 1, 1}),
        a_case<panoptim_adam_hyper>("adam", {1e-3, 0.9, 0.999, 1e-8, 0.01, 0, 0},
                                    {0.1, 0.5, 0.9, 1e-3, 0, 0, 1}),
        a_case<panoptim_adam_hyper>("adam_amsgrad", {1e-3, 0.9, 0.999, 1e-8, 0.01, 1, 0},
                                    {0.1, 0.5, 0.9, 1e-3, 0, 1, 1}),
        a_case<panoptim_adamw_hyper>("adamw", {1e-3, 0.9, 0.999, 1e-8, 0.01, 0, 0},
                                     {0.1, 0.5, 0.9, 1e-3, 0, 0, 1}),
        a_case<panoptim_adamw_hyper>("adamw_amsgrad", {1e-3, 0.9, 0.999, 1e-8, 0.01, 1, 0},
                                     {0.1, 0.5, 0.9, 1e-3, 0, 1, 1}),
        a_case<panoptim_lion_hyper>("lion", {1e-4, 0.9, 0.99, 0.1}, {0.1, 0.5, 0.5, 0}),
        a_case<panoptim_sophia_g_hyper>("sophia_g", {1e-4, 0.965, 0.99, 0.04, 5120, 0.1, 0, 0},
                                        {0.1, 0.5, 0.5, 1, 1, 0, 1, 0}),
        a_case<panoptim_sophia_h_hyper>("sophia_h", {6e-2, 0.96, 0.99, 0.01, 1e-12, 0.1},
                                        {0.1, 0.5, 0.5, 1, 1e-3, 0}),
        a_case<panoptim_ada_fisher_hyper>("ada_fisher", {1e-3, 0.9, 1e-3, 0, 0, 0},
                                          {0.1, 0.5, 1, 0.1, 1, 0}),
    };
}

struct Setting {
    int32_t tier;
    int64_t elements;
    Edge edge = Edge::end;
    int64_t shift = 0;
    int64_t chunk_elements = PANOPTIM_BLOCK;
    int64_t ranges = 1;
    bool special = false;
    bool zero_gradients = false;
    bool statistics = false;
};

// Two tensors, the first with curvature (of no effect on most rules), each in its own group.
Problem problem_of(const Case &rule, const Setting &setting) {
    Problem problem(setting.chunk_elements);
    rule.add_groups(problem);
    problem.add_tensor(0, setting.elements, setting.edge, setting.shift).has_curvature = true;
    problem.add_tensor(1, setting.elements, setting.edge, setting.shift);
    problem.control.zero_gradients = setting.zero_gradients;
    problem.control.statistics = setting.statistics;
    problem.control.loss_scale = 8;
    Random random(static_cast<uint64_t>(setting.elements) + 17);
    problem.fill(random, [&](Random &source) {
        return setting.special ? source.special() : source.ordinary();
    });
    return problem;
}

// The place of the first difference from the elementwise run, over two steps; -1 if there is none.
int64_t difference(const Case &rule, const Setting &setting) {
    Problem fast = problem_of(rule, setting);
    Problem slow = problem_of(rule, setting);
    for (int step = 0; step < 2; ++step) {
        REQUIRE(fast.step(setting.tier, setting.ranges) == PANOPTIM_OK);
        // The scalars of the slow run are the fast one's.
        slow.prepared = fast.prepared;
        slow.prepared_index = fast.prepared_index;
        std::vector<double> squares;
        for (std::size_t tensor = 0; tensor < 2; ++tensor) {
            const bool active = setting.elements > 0;
            squares.push_back(active ? naive_update(slow, tensor, setting.zero_gradients) : 0.0);
        }
        const int64_t place = first_difference(contents(fast), contents(slow));
        if (place >= 0) {
            return place;
        }
        if (setting.statistics) {
            CHECK(same(fast.control.update_norm, std::sqrt(naive_join(squares))));
        } else {
            CHECK(fast.control.update_norm != fast.control.update_norm);
        }
    }
    return -1;
}

void check(const Setting &setting) {
    for (const Case &rule : cases()) {
        CAPTURE(setting.tier);
        CAPTURE(rule.rule);
        CAPTURE(setting.elements);
        CAPTURE(setting.shift);
        CAPTURE(setting.chunk_elements);
        CAPTURE(setting.zero_gradients);
        CAPTURE(setting.statistics);
        CHECK(difference(rule, setting) == -1);
    }
}

} // namespace

TEST_CASE("at least one tier is usable") {
    CHECK(!usable_tiers().empty());
}

TEST_CASE("a step equals the rule element by element, for all sizes and at forbidden pages") {
    for (const int32_t tier : usable_tiers()) {
        for (const int64_t elements :
             {0,  1,  2,  3,   4,   5,   7,   8,   9,   15,  16,  17,  31,   32,   33,  63,
              64, 65, 95, 127, 128, 129, 287, 288, 289, 300, 511, 513, 4095, 4096, 4097}) {
            for (const Edge edge : {Edge::begin, Edge::end}) {
                Setting setting{tier, elements, edge};
                check(setting);
                setting.zero_gradients = true;
                check(setting);
                setting.statistics = true;
                check(setting);
                setting.zero_gradients = false;
                check(setting);
            }
        }
    }
}

TEST_CASE("a step equals the rule element by element, wherever arrays begin") {
    for (const int32_t tier : usable_tiers()) {
        for (const int64_t shift : {1, 2, 3, 5}) {
            for (const int64_t elements : {3, 40, 1000}) {
                for (const Edge edge : {Edge::begin, Edge::end}) {
                    Setting setting{tier, elements, edge, shift};
                    check(setting);
                    setting.statistics = true;
                    check(setting);
                }
            }
        }
    }
}

TEST_CASE("a step equals the rule element by element, with NaN, infinities, zeros and denormals") {
    for (const int32_t tier : usable_tiers()) {
        for (const int64_t elements : {1, 7, 100, 3001}) {
            Setting setting{tier, elements};
            setting.special = true;
            check(setting);
            setting.statistics = true;
            setting.zero_gradients = true;
            check(setting);
        }
    }
}

TEST_CASE("a step does not depend on chunks, nor on how they are split into ranges") {
    for (const int32_t tier : usable_tiers()) {
        for (int k = 0; k <= 3; ++k) {
            for (const int64_t ranges : {1, 2, 7}) {
                Setting setting{tier, 5 * PANOPTIM_BLOCK + 77};
                setting.chunk_elements = PANOPTIM_BLOCK << k;
                setting.ranges = ranges;
                check(setting);
                setting.statistics = true;
                check(setting);
            }
        }
    }
}
