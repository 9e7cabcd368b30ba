// Exported by the testing library: panoptim_test_power and so on.
#include "test_functions.cuh"

#define PANOPTIM_TEST_FUNCTION(name, type)                                                         \
    extern "C" __attribute__((visibility("default"))) void panoptim_test_##name(                   \
        const double *x, const double *y, double *results, int64_t count) {                        \
        const panoptim::TestFunctionCall call{x, y, results, count};                               \
        for (int64_t i = 0; i < count; ++i) {                                                      \
            results[i] = panoptim::type::result(call, i);                                          \
        }                                                                                          \
    }
PANOPTIM_TEST_FUNCTIONS
