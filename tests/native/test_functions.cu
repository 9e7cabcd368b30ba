// The functions of rules/functions.cuh on a device: panoptim_test_power and so on, each thread with
// every element that is a whole number of grids away.
#include "test_functions.cuh"

#define PANOPTIM_TEST_FUNCTION(name, type)                                                         \
    extern "C" __global__ void panoptim_test_##name(const panoptim::TestFunctionCall call) {       \
        const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;                      \
        for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;              \
             i < call.count; i += threads) {                                                       \
            call.results[i] = panoptim::type::result(call, i);                                     \
        }                                                                                          \
    }
PANOPTIM_TEST_FUNCTIONS
#undef PANOPTIM_TEST_FUNCTION
