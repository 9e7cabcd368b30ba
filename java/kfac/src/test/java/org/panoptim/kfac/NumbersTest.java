package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.kfac.Matrices.add;
import static org.panoptim.kfac.Matrices.damped;
import static org.panoptim.kfac.Matrices.inverse;
import static org.panoptim.kfac.Matrices.moment;
import static org.panoptim.kfac.Matrices.multiply;
import static org.panoptim.kfac.Matrices.random;
import static org.panoptim.kfac.Matrices.scale;
import static org.panoptim.kfac.Matrices.trace;
import static org.panoptim.kfac.Matrices.transpose;
import static org.panoptim.kfac.Matrices.withOnes;
import static org.panoptim.kfac.OneLayer.INPUTS;
import static org.panoptim.kfac.OneLayer.OUTPUTS;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.step.LossScale;

import java.io.IOException;
import java.nio.file.Path;

/** What a step makes of numbers that floats can hardly hold, compared with arithmetic in double. */
class NumbersTest {

    private static final double GAMMA = 1e-3;

    private static double[][] preconditioned(
            double[][] inputs, double[][] gradients, double[][] gradient, double gamma) {
        var a = moment(withOnes(inputs));
        var g = moment(gradients);
        double pi = Math.sqrt((trace(a) / (INPUTS + 1)) / (trace(g) / OUTPUTS));
        double root = Math.sqrt(gamma);
        return multiply(
                multiply(inverse(damped(g, root / pi)), gradient), inverse(damped(a, pi * root)));
    }

    /** In the Frobenius norm. */
    private static double relativeError(double[][] actual, double[][] expected) {
        var difference = add(actual, scale(-1, expected));
        return Math.sqrt(
                trace(multiply(difference, transpose(difference)))
                        / trace(multiply(expected, transpose(expected))));
    }

    private static OneLayer layer(double gamma) {
        return new OneLayer(builder -> builder.damping(gamma).klClip(Double.POSITIVE_INFINITY));
    }

    @Test
    void outputGradientsWhoseSquaresFloatsCannotHold() {
        for (double size : new double[] {1, 1e-10, 1e-18, 1e-21, 1e-23, 1e-26, 1e-30}) {
            var inputs = random(6, INPUTS, 1);
            var gradients = rounded(scale(size, random(6, OUTPUTS, 2)));
            var gradient = rounded(scale(size, random(OUTPUTS, INPUTS + 1, 3)));
            try (var layer = layer(GAMMA)) {
                layer.accumulate(inputs, gradients);
                layer.gradient(gradient);
                layer.optimizer.step();
                var expected = preconditioned(inputs, gradients, gradient, GAMMA);
                assertThat(relativeError(layer.gradient(), expected))
                        .as("%.0e", size)
                        .isLessThan(1e-4);
            }
        }
    }

    private static double[][] rounded(double[][] matrix) {
        var rounded = scale(1, matrix);
        for (var row : rounded) {
            for (int i = 0; i < row.length; i++) {
                row[i] = (float) row[i];
            }
        }
        return rounded;
    }

    @Test
    void microBatchesAndAveragesOfTinyGradientsAddUp() {
        double size = 1e-28;
        var inputs = random(6, INPUTS, 1);
        var gradients = rounded(scale(size, random(6, OUTPUTS, 2)));
        var gradient = rounded(scale(size, random(OUTPUTS, INPUTS + 1, 3)));
        try (var layer = layer(GAMMA)) {
            for (int step = 0; step < 3; step++) {
                for (int batch = 0; batch < 2; batch++) {
                    layer.accumulate(inputs, gradients);
                }
                layer.gradient(gradient);
                layer.optimizer.step();
            }
            layer.kfac.refresh();
            layer.gradient(gradient);
            layer.optimizer.step();
            var expected = preconditioned(inputs, gradients, gradient, GAMMA);
            assertThat(relativeError(layer.gradient(), expected)).isLessThan(1e-4);
        }
    }

    @Test
    void whatIsKnownOfTinySquaresIsInTheCheckpoint(@TempDir Path folder) throws IOException {
        var inputs = random(6, INPUTS, 1);
        var gradients = rounded(scale(1e-28, random(6, OUTPUTS, 2)));
        var gradient = rounded(scale(1e-28, random(OUTPUTS, INPUTS + 1, 3)));
        var file = folder.resolve("tiny");
        try (var saved = layer(GAMMA);
                var loaded = layer(GAMMA)) {
            saved.accumulate(inputs, gradients);
            saved.gradient(gradient);
            saved.optimizer.step();
            saved.optimizer.save(file);
            loaded.optimizer.load(file);
            loaded.kfac.refresh();
            loaded.gradient(gradient);
            loaded.optimizer.step();
            assertThat(loaded.gradient()).isDeepEqualTo(saved.gradient());
        }
    }

    @Test
    void soIsWhatIsKnownOfTinyInputs(@TempDir Path folder) throws IOException {
        var file = folder.resolve("tiny");
        try (var saved = new KfacLayers(builder -> builder);
                var loaded = new KfacLayers(builder -> builder)) {
            saved.kfac.accumulate(
                    "second",
                    Matrices.floats(saved.arena, scale(1e-28, random(4, 2, 1))),
                    Matrices.floats(saved.arena, random(4, 3, 2)),
                    Batch.sum());
            saved.step(1);
            saved.optimizer.save(file);
            loaded.optimizer.load(file);
            loaded.kfac.refresh();
            loaded.step(1);
            assertThat(loaded.gradient(loaded.w2)).containsExactly(saved.gradient(saved.w2));
        }
    }

    @Test
    void aLossScaleWhoseSquareFloatsCannotHold() {
        double scale = 0x1p100;
        var inputs = random(6, INPUTS, 1);
        var gradients = rounded(scale(1e-12, random(6, OUTPUTS, 2)));
        var gradient = rounded(scale(1e-12, random(OUTPUTS, INPUTS + 1, 3)));
        try (var layer =
                new OneLayer(
                        builder -> builder.damping(GAMMA).klClip(Double.POSITIVE_INFINITY),
                        builder -> builder.lossScale(LossScale.fixed(scale)))) {
            layer.accumulate(inputs, scale(scale, gradients));
            layer.gradient(scale(scale, gradient));
            layer.optimizer.step();
            var expected = preconditioned(inputs, gradients, gradient, GAMMA);
            assertThat(relativeError(scale(1 / scale, layer.gradient()), expected))
                    .isLessThan(1e-4);
        }
    }

    @Test
    void theRelativeErrorOfABatchOfOneAtLittleDampingIsWithinTheCertificates() {
        for (double gamma : new double[] {1e-4, 1e-6, 1e-8, 1e-9}) {
            var inputs = random(1, INPUTS, 7);
            var gradients = random(1, OUTPUTS, 8);
            var gradient = rounded(multiply(transpose(gradients), withOnes(inputs)));
            try (var layer = layer(gamma)) {
                layer.accumulate(inputs, gradients);
                layer.gradient(gradient);
                layer.optimizer.step();
                var report = layer.kfac.report().orElseThrow();
                double certified =
                        report.factors().stream().mapToDouble(FactorReport::certifiedError).sum();
                var expected = preconditioned(inputs, gradients, gradient, gamma);
                assertThat(report.fallbacks()).isEmpty();
                assertThat(relativeError(layer.gradient(), expected))
                        .as("damping %.0e", gamma)
                        .isLessThan(certified);
            }
        }
    }
}
