// Adafactor: the second moment of a matrix as the product of a row and a column; in its second
// variant, for tensors of fewer than two dimensions, the second moment of each element.
//
// Source: PyTorch, torch/optim/_adafactor.py (_single_tensor_adafactor); Shazeer & Stern,
// "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018.
// Traffic: 24 bytes per parameter: 4 read for the second moments, 8 read for the norms, 8 read and
// 4 written for the update; of vectors 40: 8 read and 4 written, 12 read, 12 read and 4 written.
#pragma once

#include "rules/functions.cuh"
#include "rules/rule.cuh"

namespace panoptim {
inline namespace PANOPTIM_TIER {

template <bool Matrix>
struct Adafactor : PlainRule {
    PANOPTIM_RULE_HYPER(learning_rate, beta2_decay, eps1, eps2, d, weight_decay, maximize);
    PANOPTIM_RULE_SCALARS(weight, least, decay, step);
    PANOPTIM_RULE_FIRST_SLOTS(Matrix ? 0 : 1, variance);
    enum Row : int { row_var, row_factor };
    enum Column : int { col_var };
    static constexpr const char *row_names = Matrix ? "row_var, row_factor" : "";
    static constexpr const char *column_names = Matrix ? "col_var" : "";
    // Of matrices alone: what the coming second moments have to do with the last ones.
    struct TensorStates {
        double weight;
    };
    static constexpr const char *tensor_state_names = Matrix ? "weight" : "";
    static constexpr int phases = 3;
    static constexpr int reductions = Matrix ? 4 : 2;
    static constexpr bool totals = Matrix;
    static constexpr int update_squares = 0;
    static constexpr int value_squares = 1;
    static constexpr int row_squares = 2;
    static constexpr int column_squares = 3;

    PANOPTIM_DEVICE static constexpr Scope scope(int reduction) {
        return reduction == row_squares      ? Scope::row
               : reduction == column_squares ? Scope::column
                                             : Scope::tensor;
    }
    PANOPTIM_DEVICE static constexpr int reduction_phase(int reduction) {
        return of_lines(scope(reduction)) ? 0 : 1;
    }
    PANOPTIM_DEVICE static constexpr bool reads_parameter(int phase) { return phase > 0; }
    PANOPTIM_DEVICE static constexpr bool writes_parameter(int phase) { return phase == 2; }
    PANOPTIM_DEVICE static constexpr unsigned written_slots(int phase, bool) {
        return phase == 0 ? 0b1 : 0b0;
    }
    PANOPTIM_DEVICE static bool maximize(const Hyper &hyper) { return hyper.maximize != 0; }

    template <int Phase>
    PANOPTIM_DEVICE static void prepare(const Hyper &hyper, const Preparation &preparation,
                                        Scalars &scalars) {
        const auto count = static_cast<double>(preparation.count);
        if constexpr (Phase == 0) {
            scalars.least = static_cast<float>(hyper.eps1 * hyper.eps1);
            if constexpr (!Matrix) {
                scalars.weight = static_cast<float>(power(count, hyper.beta2_decay));
            }
        } else if constexpr (Phase == 1) {
            if constexpr (Matrix) {
                preparation.tensor_states<Adafactor>().weight = power(count, hyper.beta2_decay);
            }
        } else {
            const double root = square_root(static_cast<double>(preparation.elements));
            const double rate = hyper.learning_rate * preparation.rate_factor;
            const double relative = 1 / square_root(count);
            const double scale = square_root(preparation.reductions[value_squares]) / root;
            const double size =
                square_root(preparation.reductions[update_squares]) / (root * hyper.d);
            // As in Python, NaN is neither the larger nor the lesser of two.
            const double length =
                (scale > hyper.eps2 ? scale : hyper.eps2) * (relative < rate ? relative : rate);
            scalars.decay = static_cast<float>(rate * hyper.weight_decay);
            scalars.step = static_cast<float>(size > 1 ? length / size : length);
        }
    }

    // From the nearer end, as torch.lerp has it.
    template <typename Real>
    PANOPTIM_DEVICE static Real between(Real start, Real end, Real weight) {
        const Real distance = end - start;
        return weight < Real(0.5) ? start + weight * distance : end - distance * (1 - weight);
    }

    // A state of a line, moved towards the mean of its elements' squares.
    PANOPTIM_DEVICE static float moved(float state, double squares, const Line &line,
                                       const Preparation &preparation) {
        const double mean = squares / static_cast<double>(line.elements);
        return static_cast<float>(between(static_cast<double>(state), mean,
                                          preparation.tensor_states<Adafactor>().weight));
    }

    template <int Phase>
    PANOPTIM_DEVICE static double advance_row(const Hyper &, const Preparation &preparation,
                                              Line &line) {
        line.states[row_var] =
            moved(line.states[row_var], line.sums[row_squares], line, preparation);
        return static_cast<double>(line.states[row_var]);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void advance_column(const Hyper &, const Preparation &preparation,
                                               Line &line) {
        line.states[col_var] =
            moved(line.states[col_var], line.sums[column_squares], line, preparation);
    }

    template <int Phase>
    PANOPTIM_DEVICE static void finish_row(const Hyper &hyper, const Preparation &, Line &line,
                                           double total) {
        const double mean = total / static_cast<double>(line.lines);
        line.states[row_factor] = static_cast<float>(static_cast<double>(line.states[row_var]) /
                                                     maximum(mean, hyper.eps1));
    }

    // The update of an element, before it is scaled.
    PANOPTIM_DEVICE static float update_of(const Scalars &scalars, const Element &element) {
        float square;
        if constexpr (Matrix) {
            square = element.row[row_factor] * element.column[col_var];
        } else {
            square = element.slot[variance];
        }
        return element.gradient / square_root(maximum(square, scalars.least));
    }

    template <int Phase>
    PANOPTIM_DEVICE static void update(const Scalars &scalars, Element &element) {
        if constexpr (Phase == 0 && Matrix) {
            element.left[row_squares] = element.gradient;
            element.right[row_squares] = element.gradient;
            element.left[column_squares] = element.gradient;
            element.right[column_squares] = element.gradient;
        } else if constexpr (Phase == 0) {
            element.slot[variance] = between(element.slot[variance],
                                             element.gradient * element.gradient, scalars.weight);
        } else {
            const float update = update_of(scalars, element);
            if constexpr (Phase == 1) {
                element.left[update_squares] = update;
                element.right[update_squares] = update;
                element.left[value_squares] = element.parameter;
                element.right[value_squares] = element.parameter;
            } else {
                element.parameter =
                    element.parameter - (scalars.decay * element.parameter + scalars.step * update);
            }
        }
    }
};

} // namespace PANOPTIM_TIER
} // namespace panoptim
