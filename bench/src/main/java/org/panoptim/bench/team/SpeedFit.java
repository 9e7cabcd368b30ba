package org.panoptim.bench.team;

import org.panoptim.bench.result.TeamSpeed;
import org.panoptim.bench.result.TeamSpeed.Exchange;

import java.util.List;
import java.util.OptionalDouble;

/**
 * Finds latency, cost of a message and bandwidth that fit measured exchanges best: by least squares
 * of relative errors, none below zero.
 */
final class SpeedFit {

    private static final int TERMS = 3;

    private SpeedFit() {}

    /**
     * The best fit.
     *
     * @param memory bytes a second of copies in memory
     * @throws IllegalArgumentException if there are fewer than two exchanges of different sizes
     */
    static TeamSpeed of(int processors, double memory, List<Exchange> exchanges) {
        var best = new double[0];
        double least = Double.POSITIVE_INFINITY;
        // Few enough terms to try which of them are zero.
        for (int chosen = 1; chosen < 1 << TERMS; chosen++) {
            var fit = solve(chosen, exchanges);
            boolean valid = fit.length > 0 && fit[2] > 0;
            for (double term : fit) {
                valid &= term >= 0;
            }
            double error = valid ? error(fit, exchanges) : Double.POSITIVE_INFINITY;
            if (error < least) {
                best = fit;
                least = error;
            }
        }
        if (best.length == 0) {
            throw new IllegalArgumentException(
                    "%d exchanges do not tell a bandwidth".formatted(exchanges.size()));
        }
        return new TeamSpeed(processors, memory, best[0], best[1], 1 / best[2], exchanges);
    }

    /** What an exchange has of each term. */
    private static double[] terms(Exchange exchange) {
        return new double[] {
            1, exchange.messages(), (double) exchange.messages() * exchange.bytes()
        };
    }

    private static double error(double[] fit, List<Exchange> exchanges) {
        double sum = 0;
        for (var exchange : exchanges) {
            double relative = time(fit, exchange) / exchange.median() - 1;
            sum += relative * relative;
        }
        return sum;
    }

    private static double time(double[] fit, Exchange exchange) {
        var terms = terms(exchange);
        double time = 0;
        for (int i = 0; i < TERMS; i++) {
            time += fit[i] * terms[i];
        }
        return time;
    }

    /** The normal equations of the chosen terms; empty if these cannot be told apart. */
    private static double[] solve(int chosen, List<Exchange> exchanges) {
        var rows = new double[TERMS][TERMS + 1];
        for (var exchange : exchanges) {
            var terms = terms(exchange);
            double median = exchange.median();
            for (int i = 0; i < TERMS; i++) {
                for (int j = 0; j < TERMS; j++) {
                    rows[i][j] += terms[i] / median * (terms[j] / median);
                }
                rows[i][TERMS] += terms[i] / median;
            }
        }
        for (int i = 0; i < TERMS; i++) {
            if ((chosen >> i & 1) == 0) {
                rows[i] = new double[TERMS + 1];
                for (var row : rows) {
                    row[i] = 0;
                }
                rows[i][i] = 1;
            }
        }
        return eliminate(rows);
    }

    private static double[] eliminate(double[][] rows) {
        var scales = new double[TERMS];
        for (int i = 0; i < TERMS; i++) {
            scales[i] = Math.sqrt(rows[i][i]);
        }
        for (int i = 0; i < TERMS; i++) {
            for (int j = 0; j < TERMS; j++) {
                rows[i][j] /= scales[i] * scales[j];
            }
            rows[i][TERMS] /= scales[i];
        }
        for (int i = 0; i < TERMS; i++) {
            if (pivot(rows[i][i]).isEmpty()) {
                return new double[0];
            }
            for (int other = 0; other < TERMS; other++) {
                double factor = other == i ? 0 : rows[other][i] / rows[i][i];
                for (int j = i; j <= TERMS; j++) {
                    rows[other][j] -= factor * rows[i][j];
                }
            }
        }
        var solution = new double[TERMS];
        for (int i = 0; i < TERMS; i++) {
            solution[i] = rows[i][TERMS] / rows[i][i] / scales[i];
        }
        return solution;
    }

    /** Of a matrix scaled to ones: a smaller one is a rounding error. */
    private static OptionalDouble pivot(double value) {
        return value > 1e-9 ? OptionalDouble.of(value) : OptionalDouble.empty();
    }
}
