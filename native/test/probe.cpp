// Telling what a processor lacks from what the operating system disabled.
#include <doctest/doctest.h>

#include "panoptim.h"
#include "probe.h"

#if defined(__x86_64__)

namespace {

constexpr uint64_t x87 = 1;
constexpr uint64_t sse = 2;
constexpr uint64_t avx = 4;
constexpr uint64_t avx512 = 0xe0;

int32_t judged(int32_t tier, bool avx2, bool wide, uint64_t enabled) {
    return panoptim::judge_tier(tier, {avx2, wide, enabled});
}

} // namespace

TEST_CASE("the baseline needs nothing") {
    CHECK(judged(PANOPTIM_TIER_BASELINE, false, false, 0) == PANOPTIM_TIER_USABLE);
}

TEST_CASE("a processor without the instructions lacks the tier") {
    const uint64_t all = x87 | sse | avx | avx512;
    CHECK(judged(PANOPTIM_TIER_AVX2, false, false, all) == PANOPTIM_TIER_CPU_LACKS);
    CHECK(judged(PANOPTIM_TIER_AVX512, true, false, all) == PANOPTIM_TIER_CPU_LACKS);
    CHECK(judged(PANOPTIM_TIER_AVX2, false, false, 0) == PANOPTIM_TIER_CPU_LACKS);
}

TEST_CASE("registers that the operating system does not save disable the tier") {
    CHECK(judged(PANOPTIM_TIER_AVX2, true, true, 0) == PANOPTIM_TIER_SYSTEM_DISABLED);
    CHECK(judged(PANOPTIM_TIER_AVX2, true, true, x87 | sse) == PANOPTIM_TIER_SYSTEM_DISABLED);
    CHECK(judged(PANOPTIM_TIER_AVX2, true, true, x87 | sse | avx) == PANOPTIM_TIER_USABLE);
    CHECK(judged(PANOPTIM_TIER_AVX512, true, true, x87 | sse | avx) ==
          PANOPTIM_TIER_SYSTEM_DISABLED);
    CHECK(judged(PANOPTIM_TIER_AVX512, true, true, x87 | sse | avx | 0x60) ==
          PANOPTIM_TIER_SYSTEM_DISABLED);
    CHECK(judged(PANOPTIM_TIER_AVX512, true, true, x87 | sse | avx | avx512) ==
          PANOPTIM_TIER_USABLE);
}

#if defined(PANOPTIM_BASELINE_ALONE)

TEST_CASE("a library of one tier has no other") {
    CHECK(panoptim_tier_probe(PANOPTIM_TIER_BASELINE) == PANOPTIM_TIER_USABLE);
    CHECK(panoptim_tier_probe(PANOPTIM_TIER_AVX2) == PANOPTIM_TIER_NOT_BUILT);
    CHECK(panoptim_tier_probe(PANOPTIM_TIER_AVX512) == PANOPTIM_TIER_NOT_BUILT);
}

#else

TEST_CASE("this machine's tiers are those its compiler would use") {
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool wide = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw");
    CHECK((panoptim_tier_probe(PANOPTIM_TIER_AVX2) == PANOPTIM_TIER_USABLE) == avx2);
    CHECK((panoptim_tier_probe(PANOPTIM_TIER_AVX512) == PANOPTIM_TIER_USABLE) == wide);
    CHECK(panoptim_tier_probe(PANOPTIM_TIER_BASELINE) == PANOPTIM_TIER_USABLE);
    CHECK(panoptim_tier_probe(PANOPTIM_TIER_NEON) == PANOPTIM_TIER_NOT_BUILT);
}

#endif

#else

TEST_CASE("NEON is there on every processor of 64 bits") {
    CHECK(panoptim_tier_probe(PANOPTIM_TIER_NEON) == PANOPTIM_TIER_USABLE);
    CHECK(panoptim_tier_probe(PANOPTIM_TIER_BASELINE) == PANOPTIM_TIER_NOT_BUILT);
    CHECK(panoptim_tier_probe(PANOPTIM_TIER_AVX2) == PANOPTIM_TIER_NOT_BUILT);
}

#endif
