// The Frobenius norms of matrices, in double over sums that the sizes alone fix, and matrices
// divided by them. Traffic: 4 bytes an element for a norm, 8 for a division.
#include "matrix/batch.cuh"

extern "C" __global__ void __launch_bounds__(panoptim::matrix_threads)
    panoptim_matrix_squares(const panoptim_matrix_launch launch) {
    using namespace panoptim;
    __shared__ double sums[matrix_threads];
    constexpr int parts = PANOPTIM_MATRIX_PARTIALS;
    const auto thread = static_cast<int>(threadIdx.x);
    for (int64_t task = blockIdx.x; task < launch.count * parts; task += gridDim.x) {
        const float *matrix = matrix_at(launch.from, task / parts);
        double sum = 0;
        for (int64_t i = task % parts * matrix_threads + thread; i < launch.elements;
             i += int64_t{parts} * matrix_threads) {
            const double element = matrix[i];
            sum = sum + element * element;
        }
        sums[thread] = sum;
        __syncthreads();
        for (int half = matrix_threads / 2; half > 0; half /= 2) {
            if (thread < half) {
                sums[thread] = sums[thread] + sums[thread + half];
            }
            __syncthreads();
        }
        if (thread == 0) {
            launch.partials[task] = sums[0];
        }
        __syncthreads();
    }
}

extern "C" __global__ void __launch_bounds__(panoptim::matrix_threads)
    panoptim_matrix_norms(const panoptim_matrix_launch launch) {
    using namespace panoptim;
    constexpr int parts = PANOPTIM_MATRIX_PARTIALS;
    for (int64_t matrix = int64_t{blockIdx.x} * matrix_threads + threadIdx.x; matrix < launch.count;
         matrix += int64_t{gridDim.x} * matrix_threads) {
        double sum = 0;
        for (int part = 0; part < parts; ++part) {
            sum = sum + launch.partials[matrix * parts + part];
        }
        *matrix_at(launch.to, matrix) = static_cast<float>(square_root(sum));
    }
}

extern "C" __global__ void __launch_bounds__(panoptim::matrix_threads)
    panoptim_matrix_divide(const panoptim_matrix_launch launch) {
    using namespace panoptim;
    const auto summand = static_cast<float>(launch.scalar);
    for (int64_t i = int64_t{blockIdx.x} * matrix_threads + threadIdx.x;
         i < launch.count * launch.elements; i += int64_t{gridDim.x} * matrix_threads) {
        const int64_t matrix = i / launch.elements;
        float &element = matrix_at(launch.to, matrix)[i % launch.elements];
        element = element / (*matrix_at(launch.from, matrix) + summand);
    }
}
