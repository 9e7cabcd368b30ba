// Passes over square matrices, for Kronecker factors: what surrounds a factorisation. Included by
// tier.cpp for each tier. Matrices are n x n floats by rows. They are bound by memory: 4 bytes read
// (probe), 4 read and 2 written (scale), 4 written for 2 read (mirror) an element.
#pragma once

#include <cstdint>

#include "panoptim.h"

namespace panoptim {
inline namespace PANOPTIM_TIER {
namespace {

// A sum of one product: fused where the processor can, since bits need not be the same here.
[[gnu::always_inline]] inline double plus_product(double sum, double a, double b) {
#if defined(__FMA__) || defined(__aarch64__)
    return __builtin_fma(a, b, sum);
#else
    return sum + a * b;
#endif
}

void scale_matrix(int64_t n, const float *matrix, double damping, const double *scale,
                  float *scaled) {
    for (int64_t i = 0; i < n; ++i) {
        const float *from = matrix + i * n;
        float *to = scaled + i * n;
        const double row = scale[i];
#pragma GCC ivdep
        for (int64_t j = 0; j < i; ++j) {
            to[j] = static_cast<float>(static_cast<double>(from[j]) * row * scale[j]);
        }
        to[i] = static_cast<float>((static_cast<double>(from[i]) + damping) * row * row);
    }
}

constexpr int64_t mirror_tile = 32;

[[gnu::always_inline]] inline int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

// Scales a tile in place, and writes its mirror image.
[[gnu::always_inline]] inline void mirror_tile_of(int64_t n, float *matrix, const double *scale,
                                                  int64_t row, int64_t column) {
    const int64_t rows = least(row + mirror_tile, n);
    for (int64_t i = row; i < rows; ++i) {
        const int64_t columns = least(column + mirror_tile, i + 1);
        float *line = matrix + i * n;
        if (scale != nullptr) {
            for (int64_t j = column; j < columns; ++j) {
                line[j] = static_cast<float>(static_cast<double>(line[j]) * scale[i] * scale[j]);
            }
        }
        for (int64_t j = column; j < columns; ++j) {
            matrix[j * n + i] = line[j];
        }
    }
}

void mirror_matrix(int64_t n, float *matrix, const double *scale) {
    for (int64_t row = 0; row < n; row += mirror_tile) {
        for (int64_t column = 0; column <= row; column += mirror_tile) {
            mirror_tile_of(n, matrix, scale, row, column);
        }
    }
}

// Products of rows with the probes: for each row the sums of a block, and the sums of those.
template <int Rows>
[[gnu::always_inline]] inline void probe_rows(int64_t n, const float *matrix, const double *vectors,
                                              double *products) {
    double totals[Rows][PANOPTIM_PROBES] = {};
    for (int64_t first = 0; first < n; first += PANOPTIM_PROBE_BLOCK) {
        double sums[Rows][PANOPTIM_PROBES] = {};
        const int64_t last = least(first + PANOPTIM_PROBE_BLOCK, n);
        for (int64_t j = first; j < last; ++j) {
            const double *vector = vectors + j * PANOPTIM_PROBES;
            for (int row = 0; row < Rows; ++row) {
                const double element = static_cast<double>(matrix[row * n + j]);
                for (int probe = 0; probe < PANOPTIM_PROBES; ++probe) {
                    sums[row][probe] = plus_product(sums[row][probe], element, vector[probe]);
                }
            }
        }
        for (int row = 0; row < Rows; ++row) {
            for (int probe = 0; probe < PANOPTIM_PROBES; ++probe) {
                totals[row][probe] += sums[row][probe];
            }
        }
    }
    for (int row = 0; row < Rows; ++row) {
        for (int probe = 0; probe < PANOPTIM_PROBES; ++probe) {
            products[row * PANOPTIM_PROBES + probe] = totals[row][probe];
        }
    }
}

// The sums of a row's absolute values, and of its scaled squares, in eight lanes.
[[gnu::always_inline]] inline void sum_row(int64_t n, const float *row, const double *scale,
                                           double &absolute, double &squares) {
    constexpr int lanes = 8;
    double absolutes[lanes] = {};
    double squared[lanes] = {};
    int64_t j = 0;
    for (; j + lanes <= n; j += lanes) {
        for (int lane = 0; lane < lanes; ++lane) {
            const double element = static_cast<double>(row[j + lane]);
            const double scaled = element * scale[j + lane];
            absolutes[lane] += element < 0 ? -element : element;
            squared[lane] = plus_product(squared[lane], scaled, scaled);
        }
    }
    for (int lane = 0; j < n; ++j, ++lane) {
        const double element = static_cast<double>(row[j]);
        const double scaled = element * scale[j];
        absolutes[lane] += element < 0 ? -element : element;
        squared[lane] = plus_product(squared[lane], scaled, scaled);
    }
    absolute = 0;
    squares = 0;
    for (int lane = 0; lane < lanes; ++lane) {
        absolute += absolutes[lane];
        squares += squared[lane];
    }
}

void probe_matrix(int64_t n, const float *matrix, const double *vectors, const double *scale,
                  double *products, double *sums) {
    int64_t i = 0;
    for (; i + 2 <= n; i += 2) {
        probe_rows<2>(n, matrix + i * n, vectors, products + i * PANOPTIM_PROBES);
    }
    for (; i < n; ++i) {
        probe_rows<1>(n, matrix + i * n, vectors, products + i * PANOPTIM_PROBES);
    }
    for (i = 0; i < n; ++i) {
        double absolute;
        double squares;
        sum_row(n, matrix + i * n, scale, absolute, squares);
        sums[2 * i] = absolute;
        sums[2 * i + 1] = scale[i] * scale[i] * squares;
    }
}

} // namespace
} // namespace PANOPTIM_TIER
} // namespace panoptim
