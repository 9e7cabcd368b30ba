// A rule for tests alone, with several sums over units, the rows of one matrix whose columns are
// all dimensions but the first, and one over columns; none of them totalled.
//
//   phase 0: m = beta m + (1 - beta) g
//   mean = mean of m over the row; row_high, _middle, _low = bits of the sum of m^2 over the row,
//   and
//     column_high, ... of that over the column, so that every bit is seen
//   phase 1: p = p - rate (m - mean) / (column_high / 2^20 + 1)
//   center, over every tensor:
//     halving:   p = p / 2; mean = mean of p over the row, row_high, ... = bits of the sum
//     centering: p = p - mean
#pragma once

#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

struct TestUnits : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta);
    PANOPTIM_RULE_SCALARS(rate, beta, keep);
    PANOPTIM_RULE_SLOTS(momentum);
    PANOPTIM_RULE_ROWS(mean, row_high, row_middle, row_low);
    PANOPTIM_RULE_COLUMNS(column_high, column_middle, column_low);
    static constexpr int phases = 2;
    static constexpr int pass_phases = 2;
    static constexpr int halving = 2;
    static constexpr int centering = 3;
    static constexpr int reductions = 4;
    static constexpr int row_sum = 0;
    static constexpr int column_squares = 1;
    static constexpr int row_squares = 2;
    static constexpr int row_values = 3;

    PANOPTIM_DEVICE static constexpr Scope scope(int reduction) {
        return reduction == column_squares ? Scope::column : Scope::row;
    }
    PANOPTIM_DEVICE static constexpr int reduction_phase(int reduction) {
        return reduction == row_values ? halving : 0;
    }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase > 0; }
    PANOPTIM_DEVICE static constexpr bool reads_gradient(int phase) { return phase == 0; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase > 0; }
    PANOPTIM_DEVICE static constexpr unsigned read_slots(int phase, bool) {
        return phase < halving ? 0b1 : 0b0;
    }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 0 ? 0b1 : 0b0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        scalars.rate = static_cast<float>(hyper.learning_rate * preparation.rate_factor);
        scalars.beta = static_cast<float>(hyper.beta);
        scalars.keep = static_cast<float>(1 - hyper.beta);
    }

    // Keeps the bits of a sum in three floats; all NaNs are one.
    PANOPTIM_DEVICE static void keep(double sum, float &high, float &middle, float &low) {
        constexpr uint64_t part = (uint64_t{1} << 21) - 1;
        const uint64_t nan = uint64_t{0x7ff8} << 48;
        const uint64_t bits = sum == sum ? __builtin_bit_cast(uint64_t, sum) : nan;
        high = static_cast<float>(bits >> 42);
        middle = static_cast<float>(bits >> 21 & part);
        low = static_cast<float>(bits & part);
    }

    template <int Phase>
    PANOPTIM_DEVICE static double advance_row(const Hyper &, const Preparation &, Line &line) {
        const auto elements = static_cast<double>(line.elements);
        line.states[mean] =
            static_cast<float>(line.sums[Phase == 1 ? row_sum : row_values] / elements);
        keep(line.sums[Phase == 1 ? row_squares : row_values], line.states[row_high],
             line.states[row_middle], line.states[row_low]);
        return 0;
    }

    template <int Phase>
    PANOPTIM_DEVICE static void advance_column(const Hyper &, const Preparation &, Line &line) {
        if constexpr (Phase == 1) {
            keep(line.sums[column_squares], line.states[column_high], line.states[column_middle],
                 line.states[column_low]);
        }
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        float &average = element.slot[momentum];
        if constexpr (Phase == 0) {
            average = scalars.beta * average + scalars.keep * element.gradient;
            element.left[row_sum] = average;
            element.right[row_sum] = 1;
            element.left[column_squares] = average;
            element.right[column_squares] = average;
            element.left[row_squares] = average;
            element.right[row_squares] = average;
        } else if constexpr (Phase == 1) {
            const float divisor = element.column[column_high] * 0x1p-20F + 1;
            element.parameter =
                element.parameter - scalars.rate * (average - element.row[mean]) / divisor;
        } else if constexpr (Phase == halving) {
            element.parameter = element.parameter * 0.5F;
            element.left[row_values] = element.parameter;
            element.right[row_values] = 1;
        } else {
            element.parameter = element.parameter - element.row[mean];
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
