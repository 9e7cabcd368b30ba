#include "probe.h"

#include "panoptim.h"
#include "tier.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace panoptim {
namespace {

#if defined(__x86_64__)

// Bits of XCR0: the register states that the operating system saves.
constexpr uint64_t sse_and_avx_states = 0x06;
constexpr uint64_t avx512_states = 0xe6;

bool has(unsigned word, unsigned bits) {
    return (word & bits) == bits;
}

uint64_t extended_control_register() {
    uint32_t low = 0;
    uint32_t high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return static_cast<uint64_t>(high) << 32 | low;
}

#endif

const Tier *built_tier(int32_t tier) {
    switch (tier) {
#if defined(__x86_64__)
    case PANOPTIM_TIER_BASELINE:
        return &baseline_tier;
#if !defined(PANOPTIM_BASELINE_ALONE)
    case PANOPTIM_TIER_AVX2:
        return &avx2_tier;
    case PANOPTIM_TIER_AVX512:
        return &avx512_tier;
#endif
#elif defined(__aarch64__)
    case PANOPTIM_TIER_NEON:
        return &neon_tier;
#endif
    default:
        return nullptr;
    }
}

// Read once, when the library is loaded: asking the processor is slow on virtual machines.
const ProcessorFeatures features = processor_features();

} // namespace

ProcessorFeatures processor_features() {
    ProcessorFeatures result{};
#if defined(__x86_64__)
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    if (__get_cpuid(1, &a, &b, &c, &d) != 0) {
        const bool fma = has(c, bit_FMA | bit_AVX);
        if (has(c, bit_OSXSAVE)) {
            result.enabled = extended_control_register();
        }
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0) {
            result.avx2 = fma && has(b, bit_AVX2);
            result.avx512 =
                result.avx2 && has(b, bit_AVX512F | bit_AVX512VL | bit_AVX512DQ | bit_AVX512BW);
        }
    }
#endif
    return result;
}

int32_t judge_tier(int32_t tier, const ProcessorFeatures &processor) {
#if defined(__x86_64__)
    bool present = true;
    uint64_t states = 0;
    if (tier == PANOPTIM_TIER_AVX2) {
        present = processor.avx2;
        states = sse_and_avx_states;
    } else if (tier == PANOPTIM_TIER_AVX512) {
        present = processor.avx512;
        states = avx512_states;
    }
    if (!present) {
        return PANOPTIM_TIER_CPU_LACKS;
    }
    if ((processor.enabled & states) != states) {
        return PANOPTIM_TIER_SYSTEM_DISABLED;
    }
#else
    static_cast<void>(tier);
    static_cast<void>(processor);
#endif
    return PANOPTIM_TIER_USABLE;
}

int32_t probe_tier(int32_t tier) {
    if (tier < 0 || tier >= PANOPTIM_TIERS) {
        return PANOPTIM_ERROR_TIER;
    }
    return built_tier(tier) == nullptr ? PANOPTIM_TIER_NOT_BUILT : judge_tier(tier, features);
}

const Tier *usable_tier(int32_t tier) {
    return probe_tier(tier) == PANOPTIM_TIER_USABLE ? built_tier(tier) : nullptr;
}

} // namespace panoptim
