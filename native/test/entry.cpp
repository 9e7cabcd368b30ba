// The entry points: what they refuse, and the floating-point settings during a call.
#include <doctest/doctest.h>

#include <initializer_list>

#include "naive.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace {

Problem small_problem() {
    Problem problem;
    const Settings hyper{{"learning_rate", 1e-3},
                         {"beta1", 0.9},
                         {"beta2", 0.999},
                         {"epsilon", 1e-8},
                         {"weight_decay", 0.01}};
    problem.add_tensor(problem.add_group("adamw", hyper), 9000);
    problem.control.measure = 1;
    problem.control.statistics = 1;
    Random random(5);
    problem.fill(random, [](Random &source) { return source.ordinary(); });
    return problem;
}

using Status = std::vector<int32_t>;

// The result of every stage.
Status stages(const panoptim_plan &plan, int32_t tier) {
    return {panoptim_measure(tier, &plan, 0, plan.chunk_count),
            panoptim_gather(&plan),
            panoptim_decide(&plan),
            panoptim_prepare(&plan, 0),
            panoptim_update(tier, &plan, 0, 0, plan.chunk_count),
            panoptim_finish(&plan)};
}

} // namespace

TEST_CASE("the ABI has its number") {
    CHECK(panoptim_abi() == PANOPTIM_ABI);
}

TEST_CASE("a tier that is unknown, not built or not usable is refused") {
    Problem problem = small_problem();
    const panoptim_plan &plan = problem.build();
    for (const int32_t tier : {-1, 0, 1, 2, 3, PANOPTIM_TIERS, 1 << 20}) {
        const bool usable = panoptim_tier_probe(tier) == PANOPTIM_TIER_USABLE;
        const int32_t expected = usable ? PANOPTIM_OK : PANOPTIM_ERROR_TIER;
        CHECK(panoptim_measure(tier, &plan, 0, plan.chunk_count) == expected);
        if (!usable) {
            CHECK(panoptim_update(tier, &plan, 0, 0, plan.chunk_count) == expected);
        }
    }
    CHECK(panoptim_tier_probe(-1) == PANOPTIM_ERROR_TIER);
    CHECK(panoptim_tier_probe(PANOPTIM_TIERS) == PANOPTIM_ERROR_TIER);
}

TEST_CASE("a whole step in one call does what its stages do") {
    for (const int32_t tier : usable_tiers()) {
        for (const int32_t measured : {0, 1}) {
            Problem whole = small_problem();
            Problem staged = small_problem();
            for (Problem *problem : {&whole, &staged}) {
                problem->control.measure = measured;
                problem->control.statistics = measured;
                problem->control.clip_norm = measured != 0 ? 0.5 : __builtin_huge_val();
            }
            for (int step = 0; step < 3; ++step) {
                const panoptim_plan &plan = whole.build();
                REQUIRE(panoptim_step(tier, &plan, 1, nullptr, &plan, nullptr) == PANOPTIM_OK);
                REQUIRE(staged.step(tier) == PANOPTIM_OK);
                CHECK(first_difference(contents(whole), contents(staged)) == -1);
                CHECK(whole.counts == staged.counts);
                CHECK(same(whole.control.update_norm, staged.control.update_norm));
            }
            CHECK(whole.control.step == 3);
        }
    }
}

TEST_CASE("a whole step refuses what its stages refuse, and changes nothing") {
    Problem problem = small_problem();
    const panoptim_plan &plan = problem.build();
    const std::vector<float> before = contents(problem);
    const int32_t tier = usable_tiers().front();
    CHECK(panoptim_step(-1, &plan, 1, nullptr, nullptr, nullptr) == PANOPTIM_ERROR_TIER);
    CHECK(panoptim_step(tier, &plan, -1, nullptr, nullptr, nullptr) == PANOPTIM_ERROR_RANGE);
    CHECK(panoptim_step(tier, &plan, PANOPTIM_MAX_PHASES + 1, nullptr, nullptr, nullptr) ==
          PANOPTIM_ERROR_RANGE);
    CHECK(first_difference(contents(problem), before) == -1);
    CHECK(problem.control.step == 0);
}

TEST_CASE("panoptim_hold calls what it is given once") {
    static int calls;
    calls = 0;
    panoptim_hold([] { ++calls; }, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
                  nullptr);
    CHECK(calls == 1);
}

TEST_CASE("a range outside the chunks is refused, an empty one is not") {
    Problem problem = small_problem();
    const panoptim_plan &plan = problem.build();
    const int32_t tier = usable_tiers().front();
    REQUIRE(plan.chunk_count == 3);
    CHECK(panoptim_measure(tier, &plan, -1, 1) == PANOPTIM_ERROR_RANGE);
    CHECK(panoptim_measure(tier, &plan, 0, 4) == PANOPTIM_ERROR_RANGE);
    CHECK(panoptim_measure(tier, &plan, 2, 1) == PANOPTIM_ERROR_RANGE);
    CHECK(panoptim_measure(tier, &plan, 3, 3) == PANOPTIM_OK);
    CHECK(panoptim_update(tier, &plan, 0, -1, 1) == PANOPTIM_ERROR_RANGE);
    CHECK(panoptim_update(tier, &plan, 0, 0, 4) == PANOPTIM_ERROR_RANGE);
    CHECK(panoptim_update(tier, &plan, 0, 2, 1) == PANOPTIM_ERROR_RANGE);
    CHECK(panoptim_update(tier, &plan, 0, 3, 3) == PANOPTIM_OK);
    CHECK(panoptim_update(tier, &plan, -1, 0, 3) == PANOPTIM_ERROR_RANGE);
    CHECK(panoptim_update(tier, &plan, PANOPTIM_MAX_PHASES, 0, 3) == PANOPTIM_ERROR_RANGE);
    CHECK(panoptim_prepare(&plan, -1) == PANOPTIM_ERROR_RANGE);
    CHECK(panoptim_prepare(&plan, PANOPTIM_MAX_PHASES) == PANOPTIM_ERROR_RANGE);
}

TEST_CASE("a phase that no rule has does nothing") {
    Problem problem = small_problem();
    REQUIRE(problem.step(usable_tiers().front()) == PANOPTIM_OK);
    const std::vector<float> before = contents(problem);
    CHECK(panoptim_prepare(&problem.plan, 3) == PANOPTIM_OK);
    CHECK(panoptim_update(usable_tiers().front(), &problem.plan, 3, 0, 3) == PANOPTIM_OK);
    CHECK(first_difference(contents(problem), before) == -1);
}

TEST_CASE("an unknown rule and bad sizes are refused before anything changes") {
    const int32_t tier = usable_tiers().front();
    Problem problem = small_problem();
    problem.add_group("lion", Settings{});
    const std::vector<float> before = contents(problem);
    const auto refused = [&](int32_t expected) {
        CHECK(stages(problem.plan, tier) == Status(6, expected));
        CHECK(first_difference(contents(problem), before) == -1);
        CHECK(problem.control.step == 0);
        CHECK(problem.counts[0] == 0);
        problem.plan.chunk_elements = PANOPTIM_BLOCK;
        problem.build();
    };
    problem.build();
    for (const int32_t rule : {-1, panoptim_rule_count()}) {
        problem.groups[1].rule = rule;
        refused(PANOPTIM_ERROR_RULE);
    }
    problem.groups[1].rule = 0;
    for (const int64_t elements : {0, 1, 2048, 4095, 5000, 12288, -4096}) {
        problem.plan.chunk_elements = elements;
        refused(PANOPTIM_ERROR_RANGE);
    }
    problem.plan.schedule_entries = 0;
    refused(PANOPTIM_ERROR_RANGE);
    CHECK(stages(problem.plan, tier) == Status(6, PANOPTIM_OK));
}

namespace {

#if defined(__x86_64__)

// Flush to zero, denormals are zero, round down.
constexpr unsigned hostile = 0x1f80 | 0x8000 | 0x0040 | 0x2000;

unsigned settings() {
    return _mm_getcsr();
}

void set(unsigned word) {
    _mm_setcsr(word);
}

#else

// Flush to zero, round down.
constexpr uint64_t hostile = uint64_t{1} << 24 | uint64_t{2} << 22;

uint64_t settings() {
    uint64_t word = 0;
    asm volatile("mrs %0, fpcr" : "=r"(word));
    return word;
}

void set(uint64_t word) {
    asm volatile("msr fpcr, %0" : : "r"(word) : "memory");
}

#endif

} // namespace

TEST_CASE("the caller's floating-point settings change nothing, and come back") {
    for (const int32_t tier : usable_tiers()) {
        Problem plain = small_problem();
        Problem disturbed = small_problem();
        for (Problem *problem : {&plain, &disturbed}) {
            Random random(6);
            problem->fill(random, [](Random &source) { return source.ordinary() * 1e-38F; });
            problem->control.loss_scale = 3;
            problem->control.clip_norm = 1e-37;
        }
        REQUIRE(plain.step(tier) == PANOPTIM_OK);
        const auto before = settings();
        set(hostile);
        const int32_t status = disturbed.step(tier);
        const auto after = settings();
        set(before);
        REQUIRE(status == PANOPTIM_OK);
        CHECK(after == hostile);
        CHECK(first_difference(contents(plain), contents(disturbed)) == -1);
        CHECK(same(plain.control.square_sum, disturbed.control.square_sum));
        CHECK(same(plain.control.clip_coefficient, disturbed.control.clip_coefficient));
        CHECK(same(plain.control.update_norm, disturbed.control.update_norm));
    }
}

#if defined(__x86_64__)

TEST_CASE("a caller that traps on exceptions is not interrupted") {
    for (const int32_t tier : usable_tiers()) {
        Problem problem = small_problem();
        problem.tensors[0].gradient[1] = std::numeric_limits<float>::signaling_NaN();
        problem.tensors[0].gradient[2] = std::numeric_limits<float>::max();
        problem.build();
        const unsigned before = settings();
        const unsigned trapping = 0x0000;
        set(trapping);
        const Status status = stages(problem.plan, tier);
        const unsigned after = settings();
        set(before);
        CHECK(status == Status(6, PANOPTIM_OK));
        CHECK(after == trapping);
    }
}

#endif
