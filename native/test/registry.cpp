// The registry, as callers see it.
#include <doctest/doctest.h>

#include <initializer_list>

#include "support.h"

using Names = std::vector<std::string>;

TEST_CASE("rules are described by index, with the names of all that a caller fills") {
    const Described &adamw = described(rule_named("adamw_amsgrad"));
    CHECK(adamw.hyper == Names{"learning_rate", "beta1", "beta2", "epsilon", "weight_decay",
                               "amsgrad", "maximize"});
    CHECK(adamw.slots == Names{"exp_avg", "exp_avg_sq", "max_exp_avg_sq"});
    CHECK(adamw.rows.empty());
    CHECK(adamw.columns.empty());
    CHECK(adamw.tensor_states.empty());
    CHECK(adamw.rule_states.empty());
    CHECK(adamw.rule.phases == 1);
    CHECK(adamw.rule.reductions == 0);
    CHECK(adamw.rule.curvature == 0);
}

TEST_CASE("a variant with fewer states names only those") {
    CHECK(described(rule_named("adamw")).slots == Names{"exp_avg", "exp_avg_sq"});
    CHECK(described(rule_named("sgd")).slots.empty());
}

TEST_CASE("an unknown rule has no description") {
    for (const int32_t unknown : {-1, panoptim_rule_count()}) {
        panoptim_rule rule{};
        CHECK(panoptim_rule_describe(unknown, &rule) == PANOPTIM_ERROR_RULE);
    }
}
