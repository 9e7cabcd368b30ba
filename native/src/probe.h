// Which instruction-set tiers can run here.
#pragma once

#include <cstdint>

namespace panoptim {

// What the processor and the operating system say, as far as the tiers care.
struct ProcessorFeatures {
    bool avx2;        // AVX2 and FMA
    bool avx512;      // AVX-512 F, VL, DQ and BW
    uint64_t enabled; // register states that the operating system saves (XCR0); 0 if it saves none
};

// Reads them from the processor.
ProcessorFeatures processor_features();

// PANOPTIM_TIER_USABLE or why a tier cannot run, for a library that has it built.
int32_t judge_tier(int32_t tier, const ProcessorFeatures &features);

// The result of panoptim_tier_probe.
int32_t probe_tier(int32_t tier);

} // namespace panoptim
