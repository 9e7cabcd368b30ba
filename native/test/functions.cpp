// The functions that rules may prepare a step with have the bits of Java's StrictMath.
#include <doctest/doctest.h>

#include "rules/functions.cuh"
#include "support.h"

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

struct Value {
    double x;
    double result;
};

struct PairValue {
    double x;
    double y;
    double result;
};

#define POWER(x, y, result) {x, y, result},
#define EXPONENTIAL(x, result)
#define LOGARITHM(x, result)
#define COSINE(x, result)
const PairValue powers[] = {
#include "functions.def"
};
#undef POWER
#undef EXPONENTIAL
#define POWER(x, y, result)
#define EXPONENTIAL(x, result) {x, result},
const Value exponentials[] = {
#include "functions.def"
};
#undef EXPONENTIAL
#undef LOGARITHM
#define EXPONENTIAL(x, result)
#define LOGARITHM(x, result) {x, result},
const Value logarithms[] = {
#include "functions.def"
};
#undef LOGARITHM
#undef COSINE
#define LOGARITHM(x, result)
#define COSINE(x, result) {x, result},
const Value cosines[] = {
#include "functions.def"
};

} // namespace

TEST_CASE("powers have the bits of StrictMath") {
    for (const PairValue &value : powers) {
        CAPTURE(value.x);
        CAPTURE(value.y);
        CHECK(same(panoptim::power(value.x, value.y), value.result));
    }
}

TEST_CASE("exponentials have the bits of StrictMath") {
    for (const Value &value : exponentials) {
        CAPTURE(value.x);
        CHECK(same(panoptim::exponential(value.x), value.result));
    }
}

TEST_CASE("logarithms have the bits of StrictMath") {
    for (const Value &value : logarithms) {
        CAPTURE(value.x);
        CHECK(same(panoptim::logarithm(value.x), value.result));
    }
}

TEST_CASE("cosines have the bits of StrictMath") {
    for (const Value &value : cosines) {
        CAPTURE(value.x);
        CHECK(same(panoptim::cosine(value.x), value.result));
    }
}
