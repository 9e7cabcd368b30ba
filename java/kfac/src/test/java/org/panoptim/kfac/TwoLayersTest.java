package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.step.LossScale;

import java.util.List;
import java.util.Map;

/** K-FAC of several layers: who takes part, what is refreshed when, and what is dropped. */
class TwoLayersTest {

    @Test
    void aBuilderThatGoesOnLeavesWhatItHasBuiltAlone() {
        try (var layers = new KfacLayers(builder -> builder)) {
            var builder = Kfac.builder(layers.backend).layer("first", layers.w1);
            try (var first = builder.build();
                    var both = builder.layer("second", layers.w2).build()) {
                assertThat(first.layersWithoutInverse()).containsExactly("first");
                assertThat(both.layersWithoutInverse()).containsExactly("first", "second");
            }
            var diagonals = AdaFisherCurvature.builder(layers.backend).layer("first", layers.w1);
            try (var first = diagonals.build();
                    var both = diagonals.layer("second", layers.w2).build()) {
                assertThat(first.metadata()).doesNotContainKey("layer.second");
                assertThat(both.metadata()).containsKey("layer.second");
            }
        }
    }

    @Test
    void aRefreshIsOfTheLayersThatHaveFactors() {
        try (var layers = new KfacLayers(builder -> builder.inversePeriod(10))) {
            assertThat(layers.kfac.refresh().factors()).isEmpty();
            layers.step(0, "second");
            var report = layers.kfac.refresh();
            assertThat(report.factors())
                    .extracting(FactorReport::layer, FactorReport::side, FactorReport::size)
                    .containsExactly(
                            tuple("second", FactorReport.Side.INPUTS, 2),
                            tuple("second", FactorReport.Side.OUTPUT_GRADIENTS, 3));
            assertThat(report.withoutInverse()).containsExactly("first");
            assertThat(layers.kfac.layersWithoutInverse()).containsExactly("first");
        }
    }

    @Test
    void aRefreshByHandCountsAsOneOfTheLastStep() {
        try (var layers = new KfacLayers(builder -> builder.inversePeriod(4));
                var straight = new KfacLayers(builder -> builder.inversePeriod(4))) {
            for (int step = 0; step < 4; step++) {
                layers.step(step, "first");
                straight.step(step, "first");
            }
            layers.kfac.refresh();
            assertThat(layers.kfac.metadata().get("layer.first")).startsWith("4 0 3 3 4 ");
            // The next one is due in its time: at step 4, counted from 0.
            layers.step(4, "first");
            straight.step(4, "first");
            assertThat(layers.states()).usingRecursiveComparison().isEqualTo(straight.states());
        }
    }

    @Test
    void afterDiscardingARefreshIsPossible() {
        try (var layers = new KfacLayers(builder -> builder)) {
            layers.step(0, "first");
            var before = layers.kfac.metadata();
            layers.accumulate("second", 1);
            assertThatThrownBy(layers.kfac::refresh)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "contributions were accumulated that no step has taken up yet; call"
                                    + " step() or discard() first");
            layers.kfac.discard();
            layers.kfac.refresh();
            assertThat(layers.kfac.metadata()).isEqualTo(before);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anOptimizerThatIsClosedDropsWhatWaitedForItsSteps(boolean onDevice) {
        var device = new TestDevice();
        try (var layers =
                onDevice
                        ? new KfacLayers(device, builder -> builder)
                        : new KfacLayers(builder -> builder)) {
            layers.step(0, "first");
            var before = layers.kfac.metadata();
            layers.accumulate("first", 1);
            layers.changeOptimizer();
            layers.kfac.refresh();
            assertThat(layers.kfac.metadata()).isEqualTo(before);
            layers.step(1);
            assertThat(layers.kfac.metadata().get("layer.first")).startsWith("1 0 0 0 1 ");
        }
    }

    @Test
    void rowsThatCameBeforeTheOptimizerHaveTheLossScaleThatWasStated() {
        try (var layers = new KfacLayers(builder -> builder);
                var straight = new KfacLayers(builder -> builder)) {
            layers.optimizer.close();
            layers.accumulate("first", 0, Batch.sum().withLossScale(1));
            straight.accumulate("first", 0);
            layers.optimizer =
                    Optimizer.builder(SGD.withLearningRate(1))
                            .group("all", List.of(layers.w1, layers.b1, layers.w2))
                            .transform(layers.kfac)
                            .lossScale(LossScale.fixed(1024))
                            .backend(layers.backend)
                            .build();
            layers.optimizer.step();
            straight.optimizer.step();
            assertThat(layers.kfac.metadata()).isEqualTo(straight.kfac.metadata());
        }
    }

    /** Which parameters of the first layer have no gradient. */
    enum Missing {
        WEIGHT,
        BIAS,
        BOTH;

        void clear(KfacLayers layers) {
            if (this != BIAS) {
                layers.w1.clearGradient();
            }
            if (this != WEIGHT) {
                layers.b1.clearGradient();
            }
        }

        /** Zeros, which move a parameter as little as no gradient does. */
        void zero(KfacLayers layers) {
            if (this != BIAS) {
                zero(layers, layers.w1);
            }
            if (this != WEIGHT) {
                zero(layers, layers.b1);
            }
        }

        private static void zero(KfacLayers layers, Parameter parameter) {
            parameter.gradient(layers.arena.allocate(parameter.elements() * Float.BYTES, 64));
        }
    }

    @ParameterizedTest
    @EnumSource
    void aGradientThatIsMissingCountsAsZeroForTheOthers(Missing missing) {
        try (var without = new KfacLayers(builder -> builder.klClip(1e-3));
                var zero = new KfacLayers(builder -> builder.klClip(1e-3))) {
            for (var layers : List.of(without, zero)) {
                layers.accumulate("first", 0);
                layers.accumulate("second", 1);
                layers.gradients(2);
            }
            missing.clear(without);
            missing.zero(zero);
            without.optimizer.step();
            zero.optimizer.step();
            assertThat(without.kfac.klCoefficient()).isEqualTo(zero.kfac.klCoefficient());
            for (var parameters :
                    Map.of(without.w1, zero.w1, without.b1, zero.b1, without.w2, zero.w2)
                            .entrySet()) {
                if (parameters.getKey().hasGradient()) {
                    assertThat(without.gradient(parameters.getKey()))
                            .containsExactly(zero.gradient(parameters.getValue()));
                } else {
                    assertThat(without.value(parameters.getKey())).containsOnly(0);
                }
            }
        }
    }

    @Test
    void aFrozenWeightAndABiasWithoutAGradientTakeNoPart() {
        try (var layers = new KfacLayers(builder -> builder)) {
            layers.accumulate("first", 0);
            layers.accumulate("second", 1);
            layers.gradients(2);
            var gradient = layers.gradient(layers.w1);
            layers.optimizer.freeze("w1");
            layers.b1.clearGradient();
            layers.optimizer.step();
            assertThat(layers.gradient(layers.w1)).containsExactly(gradient);
            assertThat(layers.value(layers.w1)).containsOnly(0);
            assertThat(layers.value(layers.b1)).containsOnly(0);
            assertThat(layers.value(layers.w2)).doesNotContain(0);
        }
    }

    @Test
    void aFrozenBiasAndAWeightWithoutAGradientTakeNoPart() {
        try (var layers = new KfacLayers(builder -> builder)) {
            layers.accumulate("first", 0);
            layers.gradients(2);
            var gradient = layers.gradient(layers.b1);
            layers.optimizer.freeze("b1");
            layers.w1.clearGradient();
            layers.optimizer.step();
            assertThat(layers.gradient(layers.b1)).containsExactly(gradient);
        }
    }

    @Test
    void aRefreshThatFailsHalfWayIsTakenBack() {
        var device = new TestDevice();
        try (var layers = new KfacLayers(device, builder -> builder)) {
            layers.step(0, "first", "second");
            // The first layer's factor of output gradients needs a second round.
            layers.kfac.states().get(2).set(new float[] {-1, 0, 0, -1});
            layers.kfac.damping(.5);
            var states = layers.states();
            var metadata = layers.kfac.metadata();
            var report = layers.kfac.report();
            device.fail("invert", 2);
            assertThatThrownBy(layers.kfac::refresh)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("invert fails");
            device.recover();
            assertThat(layers.states()).usingRecursiveComparison().isEqualTo(states);
            assertThat(layers.kfac.metadata()).isEqualTo(metadata);
            assertThat(layers.kfac.report()).isEqualTo(report);
        }
    }

    @Test
    void afterALoadReportsAreOfTheRefreshesSince() {
        try (var layers = new KfacLayers(builder -> builder.inversePeriod(1))) {
            layers.step(0, "first", "second");
            assertThat(layers.kfac.report().orElseThrow().factors()).hasSize(4);
            var saved = layers.kfac.metadata();
            layers.kfac.restore(saved);
            assertThat(layers.kfac.report()).isEmpty();
            layers.step(1, "second");
            assertThat(layers.kfac.report().orElseThrow().factors())
                    .extracting(FactorReport::layer)
                    .containsExactly("second", "second");
        }
    }

    @Test
    void aRefusedStepRefreshesNothingThatAShorterPeriodHasMadeDue() {
        try (var longer = new KfacLayers(builder -> builder.inversePeriod(100));
                var shorter = new KfacLayers(builder -> builder.inversePeriod(1))) {
            longer.step(0, "first");
            longer.step(1, "first");
            shorter.kfac.restore(longer.kfac.metadata());
            shorter.accumulate("first", 2);
            shorter.w2.gradient(
                    Matrices.floats(
                            shorter.arena, Matrices.scale(Double.NaN, Matrices.random(3, 2, 3))));
            shorter.optimizer.step();
            assertThat(shorter.kfac.report()).isEmpty();
            shorter.step(2);
            assertThat(shorter.kfac.report()).isPresent();
        }
    }
}
