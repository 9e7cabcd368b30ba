// The functions of rules/functions.cuh for tests alone, over arrays: on the CPU in the testing
// library (test_functions.cpp), on a device in a kernel for each (test_functions.cu).
#pragma once

#include "rules/functions.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

// results[i] = f(x[i], y[i]); functions of one argument leave y alone.
struct TestFunctionCall {
    const double *x;
    const double *y;
    double *results;
    int64_t count;
};

struct TestPower {
    PANOPTIM_DEVICE static double result(const TestFunctionCall &call, int64_t i) {
        return power(call.x[i], call.y[i]);
    }
};

struct TestExponential {
    PANOPTIM_DEVICE static double result(const TestFunctionCall &call, int64_t i) {
        return exponential(call.x[i]);
    }
};

struct TestLogarithm {
    PANOPTIM_DEVICE static double result(const TestFunctionCall &call, int64_t i) {
        return logarithm(call.x[i]);
    }
};

struct TestCosine {
    PANOPTIM_DEVICE static double result(const TestFunctionCall &call, int64_t i) {
        return cosine(call.x[i]);
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim

// PANOPTIM_TEST_FUNCTION(name, type)
#define PANOPTIM_TEST_FUNCTIONS                                                                    \
    PANOPTIM_TEST_FUNCTION(power, TestPower)                                                       \
    PANOPTIM_TEST_FUNCTION(exponential, TestExponential)                                           \
    PANOPTIM_TEST_FUNCTION(logarithm, TestLogarithm)                                               \
    PANOPTIM_TEST_FUNCTION(cosine, TestCosine)
