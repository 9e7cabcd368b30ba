// Floats as doubles by integers, as devices with few units for doubles do it.
#include <doctest/doctest.h>

#include "step/widen.cuh"
#include "support.h"

namespace {

bool widened_exactly(uint32_t bits) {
    const auto value = __builtin_bit_cast(float, bits);
    const auto widened = __builtin_bit_cast(double, panoptim::widened_bits(bits));
    // Only NaN differs from itself; a NaN that signals need not keep its payload.
    return value != value ? widened != widened : same(widened, static_cast<double>(value));
}

} // namespace

TEST_CASE("the bits of a float's double are found with integers") {
    int64_t wrong = 0;
    int64_t denormals = 0;
    const auto look_at = [&](uint32_t bits) {
        if (panoptim::denormal(bits)) {
            ++denormals;
        } else {
            wrong += widened_exactly(bits) ? 0 : 1;
        }
    };
    // Both ends of every exponent and sign, and every 251st number of all.
    for (uint32_t exponent = 0; exponent < 512; ++exponent) {
        for (const uint32_t fraction : {0U, 1U, 2U, 0x3fffffU, 0x400000U, 0x7ffffeU, 0x7fffffU}) {
            look_at(exponent << 23 | fraction);
        }
    }
    for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 251) {
        look_at(static_cast<uint32_t>(bits));
    }
    CHECK(wrong == 0);
    CHECK(denormals > 0);
}

TEST_CASE("a denormal is one that is not zero and has no exponent") {
    CHECK(!panoptim::denormal(0));
    CHECK(!panoptim::denormal(0x80000000U));
    CHECK(panoptim::denormal(1));
    CHECK(panoptim::denormal(0x807fffffU));
    CHECK(!panoptim::denormal(0x00800000U));
    CHECK(!panoptim::denormal(0x7f800001U));
}

TEST_CASE("denormals among others are widened exactly, too") {
    const float values[] = {1e-45F, -1.5F, 0x1.fffffcp-127F, -0.0F};
    double widened[4];
    panoptim::widen(values, widened);
    for (int i = 0; i < 4; ++i) {
        CHECK(same(widened[i], static_cast<double>(values[i])));
    }
}
