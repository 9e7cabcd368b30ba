package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.kfac.Matrices.kronecker;
import static org.panoptim.kfac.Matrices.largestDifference;
import static org.panoptim.kfac.Matrices.multiply;
import static org.panoptim.kfac.Matrices.random;
import static org.panoptim.kfac.Matrices.scale;
import static org.panoptim.kfac.Matrices.transpose;
import static org.panoptim.kfac.OneLayer.INPUTS;
import static org.panoptim.kfac.OneLayer.OUTPUTS;

import org.junit.jupiter.api.Test;

import java.util.function.UnaryOperator;

/**
 * Where the Kronecker product of the factors is the curvature itself, not an approximation. The
 * curvature is built from the network's function alone, by differences, without back-propagation.
 *
 * <p>The network is y = V φ(W a + b), with the layer (W, b) under test; the rows handed over are,
 * for each sample and output, the gradients of that output with respect to s = W a + b.
 */
class ExactCurvatureTest {

    private static final int RESULTS = 4;

    private final double[][] joined = random(OUTPUTS, INPUTS + 1, 1);
    private final double[][] v = random(RESULTS, OUTPUTS, 2);

    private double[] outputs(double[] flat, double[] input, boolean linear) {
        var outputs = new double[RESULTS];
        for (int i = 0; i < OUTPUTS; i++) {
            double s = flat[i * (INPUTS + 1) + INPUTS];
            for (int j = 0; j < INPUTS; j++) {
                s += flat[i * (INPUTS + 1) + j] * input[j];
            }
            double activation = linear ? s : Math.tanh(s);
            for (int k = 0; k < RESULTS; k++) {
                outputs[k] += v[k][i] * activation;
            }
        }
        return outputs;
    }

    private double[] flat() {
        var flat = new double[OUTPUTS * (INPUTS + 1)];
        for (int i = 0; i < OUTPUTS; i++) {
            System.arraycopy(joined[i], 0, flat, i * (INPUTS + 1), INPUTS + 1);
        }
        return flat;
    }

    /** d outputs / d parameters of the layer, by central differences. */
    private double[][] jacobian(double[] input, UnaryOperator<double[]> results, boolean linear) {
        double step = 1e-5;
        var flat = flat();
        var columns = new double[flat.length][];
        for (int p = 0; p < flat.length; p++) {
            var up = flat.clone();
            var down = flat.clone();
            up[p] += step;
            down[p] -= step;
            var above = results.apply(outputs(up, input, linear));
            var below = results.apply(outputs(down, input, linear));
            columns[p] = new double[above.length];
            for (int k = 0; k < above.length; k++) {
                columns[p][k] = (above[k] - below[k]) / (2 * step);
            }
        }
        return transpose(columns);
    }

    /** Rows d(output k) / d s for one input, each weighted. */
    private double[][] outputGradients(double[] input, double[] weights, boolean linear) {
        var rows = new double[RESULTS][OUTPUTS];
        for (int i = 0; i < OUTPUTS; i++) {
            double s = joined[i][INPUTS];
            for (int j = 0; j < INPUTS; j++) {
                s += joined[i][j] * input[j];
            }
            double slope = linear ? 1 : 1 - Math.tanh(s) * Math.tanh(s);
            for (int k = 0; k < RESULTS; k++) {
                rows[k][i] = weights[k] * v[k][i] * slope;
            }
        }
        return rows;
    }

    private static double[] ones() {
        return new double[] {1, 1, 1, 1};
    }

    /** The product of the factors after one step, for G summed over the results. */
    private static double[][] product(double[][] inputs, double[][] gradients) {
        try (var layer = new OneLayer(builder -> builder)) {
            layer.accumulate(inputs, gradients, Batch.meanOver(Math.sqrt(RESULTS)));
            layer.gradient(random(OUTPUTS, INPUTS + 1, 9));
            layer.optimizer.step();
            return kronecker(layer.outputFactor(), layer.inputFactor());
        }
    }

    private static double[][] repeated(double[] row) {
        return new double[][] {row, row, row, row};
    }

    @Test
    void forABatchOfOneItIsTheGaussNewtonMatrix() {
        var input = random(1, INPUTS, 3)[0];
        var jacobian = jacobian(input, UnaryOperator.identity(), false);
        var gaussNewton = multiply(transpose(jacobian), jacobian);
        var actual = product(repeated(input), outputGradients(input, ones(), false));
        assertThat(largestDifference(actual, gaussNewton)).isLessThan(1e-5);
    }

    @Test
    void forABatchOfOneItIsTheFisherInformationOfAClassifier() {
        var input = random(1, INPUTS, 4)[0];
        var probabilities = softmax(outputs(flat(), input, false));
        // The sum over labels y of p(y) ∇log p(y) ∇log p(y)ᵀ, from the function log p alone.
        var logarithms = jacobian(input, ExactCurvatureTest::logSoftmax, false);
        var fisher = new double[OUTPUTS * (INPUTS + 1)][OUTPUTS * (INPUTS + 1)];
        for (int y = 0; y < RESULTS; y++) {
            var row = new double[][] {logarithms[y]};
            fisher = Matrices.add(fisher, scale(probabilities[y], multiply(transpose(row), row)));
        }
        // d log p(y) / d s = Σ_k ([k = y] − p(k)) d output k / d s, weighted by √p(y).
        var slopes = outputGradients(input, ones(), false);
        var rows = new double[RESULTS][OUTPUTS];
        for (int y = 0; y < RESULTS; y++) {
            for (int k = 0; k < RESULTS; k++) {
                double share = (k == y ? 1 : 0) - probabilities[k];
                for (int i = 0; i < OUTPUTS; i++) {
                    rows[y][i] += Math.sqrt(probabilities[y]) * share * slopes[k][i];
                }
            }
        }
        assertThat(largestDifference(product(repeated(input), rows), fisher)).isLessThan(1e-6);
    }

    @Test
    void forALinearNetworkWithSquareLossItIsTheGaussNewtonMatrixOfTheWholeBatch() {
        int samples = 6;
        var batch = random(samples, INPUTS, 5);
        var gaussNewton = new double[OUTPUTS * (INPUTS + 1)][OUTPUTS * (INPUTS + 1)];
        var inputs = new double[samples * RESULTS][];
        var gradients = new double[samples * RESULTS][];
        for (int n = 0; n < samples; n++) {
            var jacobian = jacobian(batch[n], UnaryOperator.identity(), true);
            gaussNewton =
                    Matrices.add(
                            gaussNewton,
                            scale(1.0 / samples, multiply(transpose(jacobian), jacobian)));
            var rows = outputGradients(batch[n], ones(), true);
            for (int k = 0; k < RESULTS; k++) {
                inputs[n * RESULTS + k] = batch[n];
                gradients[n * RESULTS + k] = rows[k];
            }
        }
        var actual = product(inputs, gradients);
        assertThat(largestDifference(actual, gaussNewton)).isLessThan(1e-4);
    }

    private static double[] softmax(double[] outputs) {
        var logarithms = logSoftmax(outputs);
        var probabilities = new double[outputs.length];
        for (int k = 0; k < outputs.length; k++) {
            probabilities[k] = Math.exp(logarithms[k]);
        }
        return probabilities;
    }

    private static double[] logSoftmax(double[] outputs) {
        double sum = 0;
        for (double output : outputs) {
            sum += Math.exp(output);
        }
        var logarithms = new double[outputs.length];
        for (int k = 0; k < outputs.length; k++) {
            logarithms[k] = outputs[k] - Math.log(sum);
        }
        return logarithms;
    }
}
