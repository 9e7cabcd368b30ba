package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.kfac.Matrices.add;
import static org.panoptim.kfac.Matrices.largestDifference;
import static org.panoptim.kfac.Matrices.moment;
import static org.panoptim.kfac.Matrices.random;
import static org.panoptim.kfac.Matrices.scale;
import static org.panoptim.kfac.Matrices.withOnes;
import static org.panoptim.kfac.OneLayer.INPUTS;
import static org.panoptim.kfac.OneLayer.OUTPUTS;

import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** What the factors of a layer are after contributions and steps. */
class FactorsTest {

    private static final double ROUNDING = 1e-6;

    private final double[][] inputs = random(5, INPUTS, 1);
    private final double[][] gradients = random(5, OUTPUTS, 2);
    private final double[][] laterInputs = random(7, INPUTS, 3);
    private final double[][] laterGradients = random(7, OUTPUTS, 4);
    private final double[][] gradient = random(OUTPUTS, INPUTS + 1, 5);

    private static OneLayer layer() {
        return new OneLayer(builder -> builder);
    }

    private static void assertClose(double[][] actual, double[][] expected) {
        assertThat(largestDifference(actual, expected)).isLessThan(ROUNDING);
    }

    @Test
    void theFirstContributionIsTheAverageWithoutAnyShareOfTheIdentity() {
        try (var layer = layer()) {
            layer.accumulate(inputs, gradients);
            layer.gradient(gradient);
            layer.optimizer.step();
            assertClose(layer.inputFactor(), moment(withOnes(inputs)));
            assertClose(layer.outputFactor(), moment(gradients));
        }
    }

    @Test
    void theHomogeneousCoordinateIsOne() {
        try (var layer = layer()) {
            layer.accumulate(inputs, gradients);
            layer.gradient(gradient);
            layer.optimizer.step();
            assertThat(layer.inputFactor()[INPUTS][INPUTS]).isEqualTo(1);
        }
    }

    @Test
    void averagesForgetByTheDecayAndHaveNoBiasToZero() {
        try (var layer = new OneLayer(builder -> builder.factorDecay(.5))) {
            layer.accumulate(inputs, gradients);
            layer.gradient(gradient);
            layer.optimizer.step();
            layer.accumulate(laterInputs, laterGradients);
            layer.optimizer.step();
            // Weights .5 · .5 and .5 of the plain average, which sum to .75.
            var expected =
                    add(scale(1.0 / 3, moment(gradients)), scale(2.0 / 3, moment(laterGradients)));
            assertClose(layer.outputFactor(), expected);
        }
    }

    @Test
    void microBatchesCountByTheirRows() {
        try (var parts = layer();
                var whole = layer()) {
            parts.accumulate(inputs, gradients);
            parts.accumulate(laterInputs, laterGradients);
            whole.accumulate(joined(inputs, laterInputs), joined(gradients, laterGradients));
            for (var layer : new OneLayer[] {parts, whole}) {
                layer.gradient(gradient);
                layer.optimizer.step();
            }
            assertClose(parts.inputFactor(), whole.inputFactor());
            assertClose(parts.outputFactor(), whole.outputFactor());
        }
    }

    private static double[][] joined(double[][] first, double[][] second) {
        var all = java.util.Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, all, first.length, second.length);
        return all;
    }

    @Test
    void aMeanLossIsUndone() {
        try (var mean = layer();
                var meanOver = layer()) {
            mean.accumulate(inputs, scale(1.0 / 5, gradients), Batch.mean());
            meanOver.accumulate(inputs, scale(1.0 / 20, gradients), Batch.meanOver(20));
            for (var layer : new OneLayer[] {mean, meanOver}) {
                layer.gradient(gradient);
                layer.optimizer.step();
                assertClose(layer.outputFactor(), moment(gradients));
                assertClose(layer.inputFactor(), moment(withOnes(inputs)));
            }
        }
    }

    @Test
    void paddingIsLeftOutAndNotCounted() {
        try (var layer = layer()) {
            var padded = joined(inputs, new double[][] {{1e9, 1, 1}, {Double.NaN, 0, 0}});
            var paddedGradients = joined(gradients, new double[][] {{7, 7}, {Double.NaN, 1}});
            var mask = MemorySegment.ofArray(new byte[] {1, 1, 1, 1, 1, 0, 0});
            layer.accumulate(padded, scale(1.0 / 5, paddedGradients), Batch.mean().withMask(mask));
            layer.gradient(gradient);
            layer.optimizer.step();
            assertClose(layer.inputFactor(), moment(withOnes(inputs)));
            assertClose(layer.outputFactor(), moment(gradients));
        }
    }

    @Test
    void theLossScaleIsUndoneWhetherStatedOrTheOptimizers() {
        try (var stated = layer();
                var ofOptimizer =
                        new OneLayer(
                                builder -> builder,
                                builder -> builder.lossScale(LossScale.fixed(1024)))) {
            stated.accumulate(inputs, scale(64, gradients), Batch.sum().withLossScale(64));
            ofOptimizer.accumulate(inputs, scale(1024, gradients), Batch.sum());
            for (var layer : new OneLayer[] {stated, ofOptimizer}) {
                layer.gradient(gradient);
                layer.optimizer.step();
                assertClose(layer.outputFactor(), moment(gradients));
            }
        }
    }

    @Test
    void beforeThereIsAnOptimizerTheLossScaleMustBeStated() {
        for (var backend : List.of(Backend.named("reference"), new TestDevice())) {
            try (var layer = new OneLayer(backend, builder -> builder, builder -> builder)) {
                layer.optimizer.close();
                assertThatThrownBy(() -> layer.accumulate(inputs, scale(64, gradients)))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessage(
                                "layer 'l': its output gradients come without a loss scale, and"
                                        + " there is no optimizer yet to ask for it; build that"
                                        + " first, or state it with Batch.withLossScale");
                layer.accumulate(inputs, scale(64, gradients), Batch.sum().withLossScale(64));
                layer.changeOptimizer();
                layer.gradient(gradient);
                layer.optimizer.step();
                assertClose(layer.outputFactor(), moment(gradients));
                assertThat(layer.kfac.metadata().get("layer.l")).startsWith("1 0 0 ");
            }
        }
    }

    @Test
    void aRefusedStepTakesNothingUp() {
        try (var layer =
                new OneLayer(
                        builder -> builder, builder -> builder.nonFinite(NonFinitePolicy.SKIP))) {
            layer.accumulate(inputs, gradients);
            layer.gradient(gradient);
            layer.optimizer.step();
            layer.accumulate(laterInputs, laterGradients);
            layer.gradient(scale(Double.POSITIVE_INFINITY, gradient));
            layer.optimizer.step();
            assertClose(layer.outputFactor(), moment(gradients));
            layer.gradient(gradient);
            layer.optimizer.step();
            assertClose(layer.outputFactor(), moment(gradients));
        }
    }

    @Test
    void aContributionThatIsNotFiniteIsDroppedAndCounted() {
        try (var layer = layer()) {
            layer.accumulate(inputs, gradients);
            layer.gradient(gradient);
            layer.optimizer.step();
            laterInputs[3][1] = Double.NaN;
            layer.accumulate(laterInputs, laterGradients);
            layer.optimizer.step();
            laterInputs[3][1] = Double.POSITIVE_INFINITY;
            layer.accumulate(laterInputs, laterGradients);
            layer.optimizer.step();
            assertClose(layer.inputFactor(), moment(withOnes(inputs)));
            assertClose(layer.outputFactor(), moment(gradients));
            assertThat(layer.kfac.refresh().refusedUpdates()).isEqualTo(2);
        }
    }

    @Test
    void contributionsBetweenDueStepsAreIgnoredAndTheDecayIsThatOfAllSteps() {
        try (var layer = new OneLayer(builder -> builder.factorPeriod(2).factorDecay(.5))) {
            layer.accumulate(inputs, gradients);
            layer.gradient(gradient);
            layer.optimizer.step();
            assertThat(layer.kfac.factorsDue()).isFalse();
            layer.accumulate(random(4, INPUTS, 9), random(4, OUTPUTS, 9));
            layer.optimizer.step();
            assertThat(layer.kfac.factorsDue()).isTrue();
            layer.accumulate(laterInputs, laterGradients);
            layer.optimizer.step();
            // Weights .25 · .75 and .75, which sum to .9375.
            var expected = add(scale(.2, moment(gradients)), scale(.8, moment(laterGradients)));
            assertClose(layer.outputFactor(), expected);
        }
    }
}
