/*
 * The machine's own limit, for the benchmarks to compare with: the loops that one would write
 * without this project, compiled for the machine at hand. Never packed into the product.
 *
 * Each function works on one part of the arrays; the benchmark splits them over threads.
 */
#include <math.h>
#include <stdint.h>

/* AdamW as in its paper, with the scalars of one step; 28 bytes of traffic per parameter. */
void panoptim_limit_adamw(float *restrict parameters, const float *restrict gradients,
                          float *restrict means, float *restrict squares, int64_t elements,
                          float decay, float beta1, float beta2, float step_size,
                          float inverse_root_correction, float epsilon) {
    for (int64_t i = 0; i < elements; ++i) {
        const float gradient = gradients[i];
        const float mean = beta1 * means[i] + (1 - beta1) * gradient;
        const float square = beta2 * squares[i] + (1 - beta2) * gradient * gradient;
        means[i] = mean;
        squares[i] = square;
        const float root = sqrtf(square) * inverse_root_correction + epsilon;
        parameters[i] = parameters[i] - decay * parameters[i] - step_size * mean / root;
    }
}

/* Reading alone; 4 bytes per element. */
float panoptim_limit_sum(const float *values, int64_t elements) {
    float lanes[64] = {0};
    int64_t i = 0;
    for (; i + 64 <= elements; i += 64) {
        for (int lane = 0; lane < 64; ++lane) {
            lanes[lane] += values[i + lane];
        }
    }
    float sum = 0;
    for (int lane = 0; lane < 64; ++lane) {
        sum += lanes[lane];
    }
    for (; i < elements; ++i) {
        sum += values[i];
    }
    return sum;
}

/* Reading and writing; 8 bytes per element, not counting what a store reads first. */
void panoptim_limit_copy(float *restrict to, const float *restrict from, int64_t elements) {
    for (int64_t i = 0; i < elements; ++i) {
        to[i] = from[i];
    }
}
