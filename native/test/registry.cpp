// The registry, as callers see it.
#include <doctest/doctest.h>

#include <cstring>
#include <initializer_list>

#include "panoptim.h"

TEST_CASE("rules are described by index") {
    REQUIRE(panoptim_rule_count() == 11);
    CHECK(std::strcmp(panoptim_rule_name(5), "adamw_amsgrad") == 0);
    panoptim_rule_info info{};
    REQUIRE(panoptim_rule_describe(5, &info) == PANOPTIM_OK);
    CHECK(info.slots == 3);
    CHECK(info.phases == 1);
    CHECK(info.reductions == 0);
    CHECK(info.curvature == 0);
    CHECK(info.hyper_bytes == sizeof(panoptim_adamw_hyper));
    CHECK(info.scalar_bytes == sizeof(panoptim_adamw_scalars));
}

TEST_CASE("an unknown rule has no name and no description") {
    for (const int32_t unknown : {-1, 11}) {
        CHECK(panoptim_rule_name(unknown) == nullptr);
        panoptim_rule_info info{};
        CHECK(panoptim_rule_describe(unknown, &info) == PANOPTIM_ERROR_RULE);
    }
}
