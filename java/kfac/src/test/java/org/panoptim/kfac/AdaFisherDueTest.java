package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/** When updates of AdaFisher's diagonals are due, and which parameters they reach. */
class AdaFisherDueTest {

    private static final Offset<Float> ROUNDING = within(1e-6f);

    @Test
    void onceInAPeriodLayerByLayer() {
        try (var layers = new FisherLayers(3)) {
            assertThat(layers.curvature.factorsDue()).isTrue();
            layers.accumulate("first");
            layers.optimizer.step();
            assertDue(layers, false, true);
            layers.accumulate("second");
            layers.optimizer.step();
            assertDue(layers, false, false);
            assertThat(layers.curvature.factorsDue()).isFalse();
            layers.optimizer.step();
            assertDue(layers, true, true);
            assertThat(layers.curvature.factorsDue()).isTrue();
        }
    }

    private static void assertDue(FisherLayers layers, boolean first, boolean second) {
        assertThat(layers.curvature.factorsDue("first")).isEqualTo(first);
        assertThat(layers.curvature.factorsDue("second")).isEqualTo(second);
    }

    @Test
    void nothingIsDueOfLayersThatAreFrozenWhole() {
        try (var layers = new FisherLayers(3)) {
            layers.optimizer.freeze("w2");
            assertThat(layers.curvature.factorsDue()).isTrue();
            layers.optimizer.freeze("b1");
            assertThat(layers.curvature.factorsDue()).as("the weight is left").isTrue();
            layers.optimizer.freeze("w1");
            assertThat(layers.curvature.factorsDue()).isFalse();
            layers.optimizer.unfreeze("b1");
            assertThat(layers.curvature.factorsDue()).as("the bias is left").isTrue();
            layers.optimizer.freeze("b1");
            layers.optimizer.unfreeze("w2");
            assertThat(layers.curvature.factorsDue()).as("another layer is left").isTrue();
        }
    }

    @Test
    void anUnknownLayer() {
        try (var layers = new FisherLayers(3)) {
            assertThatThrownBy(() -> layers.curvature.factorsDue("third"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("there is no layer 'third'; the layers are first, second");
        }
    }

    /** Why a parameter cannot take an update. */
    enum Reason {
        THE_WEIGHT_IS_FROZEN(
                layers -> layers.optimizer.freeze("w1"), layers -> layers.optimizer.unfreeze("w1")),
        THE_WEIGHT_HAS_NO_GRADIENT(
                layers -> layers.w1.clearGradient(), layers -> layers.gradient(layers.w1, 1)),
        THE_BIAS_IS_FROZEN(
                layers -> layers.optimizer.freeze("b1"), layers -> layers.optimizer.unfreeze("b1")),
        THE_BIAS_HAS_NO_GRADIENT(
                layers -> layers.b1.clearGradient(), layers -> layers.gradient(layers.b1, 1));

        final Consumer<FisherLayers> begins;
        final Consumer<FisherLayers> ends;

        Reason(Consumer<FisherLayers> begins, Consumer<FisherLayers> ends) {
            this.begins = begins;
            this.ends = ends;
        }

        private boolean isOfWeight() {
            return this == THE_WEIGHT_IS_FROZEN || this == THE_WEIGHT_HAS_NO_GRADIENT;
        }

        Parameter kept(FisherLayers layers) {
            return isOfWeight() ? layers.w1 : layers.b1;
        }

        Parameter other(FisherLayers layers) {
            return isOfWeight() ? layers.b1 : layers.w1;
        }
    }

    private static float[] expected(FisherLayers layers, Parameter parameter) {
        // Normalised: inputs (0, 1, 0), output gradients (1, 0).
        return parameter == layers.w1 ? new float[] {0, 1, 0, 0} : new float[] {0, 0};
    }

    private static float[] ones(Parameter parameter) {
        return parameter.elements() == 4 ? new float[] {1, 1, 1, 1} : new float[] {1, 1};
    }

    @ParameterizedTest
    @EnumSource
    void anUpdateIsDueForAParameterThatCouldNotTakeItOnceItCan(Reason reason) {
        try (var layers = new FisherLayers(100)) {
            var kept = reason.kept(layers);
            var other = reason.other(layers);
            reason.begins.accept(layers);
            layers.accumulate("first");
            layers.accumulate("second");
            layers.optimizer.step();
            assertThat(layers.fisher(other)).containsExactly(expected(layers, other), ROUNDING);
            assertThat(layers.fisher(kept)).containsExactly(ones(kept));
            assertDue(layers, false, false);

            reason.ends.accept(layers);
            assertDue(layers, true, false);
            assertThat(layers.curvature.factorsDue()).isTrue();
            layers.optimizer.step();
            assertThat(layers.curvature.factorsDue()).as("it stays due").isTrue();
            layers.accumulate("first", Double.NaN);
            layers.optimizer.step();
            assertThat(layers.curvature.factorsDue()).as("nothing was updated").isTrue();

            layers.accumulate("first");
            layers.optimizer.step();
            assertThat(layers.fisher(kept)).containsExactly(expected(layers, kept), ROUNDING);
            assertThat(layers.curvature.factorsDue()).isFalse();
            assertThat(layers.curvature.metadata()).containsEntry("layer.first", "2 1 3 true true");
        }
    }

    @ParameterizedTest
    @EnumSource
    void aCheckpointSaysWhichParametersAnUpdateHasReached(Reason reason) {
        try (var layers = new FisherLayers(100);
                var loaded = new FisherLayers(100)) {
            reason.begins.accept(layers);
            layers.accumulate("first");
            layers.accumulate("second");
            layers.optimizer.step();
            var metadata = layers.curvature.metadata();
            assertThat(metadata)
                    .containsEntry(
                            "layer.first",
                            reason.isOfWeight() ? "1 0 0 false true" : "1 0 0 true false");

            loaded.curvature.checkMetadata(metadata);
            loaded.curvature.restore(metadata);
            assertThat(loaded.curvature.metadata()).isEqualTo(metadata);
            assertDue(loaded, true, false);
            reason.begins.accept(loaded);
            assertDue(loaded, false, false);
        }
    }

    /** An attempt that is refused, with a contribution that would reach all. */
    private static void attemptInVain(FisherLayers layers) {
        layers.accumulate("first");
        layers.gradient(layers.w2, Double.NaN);
        layers.optimizer.step();
        layers.gradient(layers.w2, 1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void anAttemptThatIsRefusedDoesNotTellOfTheLastUpdate(int period) {
        for (boolean looked : new boolean[] {false, true}) {
            try (var layers = new FisherLayers(period)) {
                layers.optimizer.freeze("b1");
                layers.accumulate("first");
                layers.optimizer.step();
                if (looked) {
                    layers.curvature.metadata();
                }
                layers.optimizer.unfreeze("b1");
                attemptInVain(layers);
                assertThat(layers.curvature.metadata())
                        .containsEntry("layer.first", "1 0 0 true false");
            }
        }
    }

    @Test
    void anUpdateThatReachedAllIsNotForgottenByOneThatIsRefused() {
        try (var layers = new FisherLayers(2)) {
            layers.optimizer.freeze("b1");
            layers.accumulate("first");
            layers.optimizer.step();
            layers.curvature.metadata();
            layers.optimizer.unfreeze("b1");
            layers.optimizer.step();
            layers.accumulate("first");
            layers.optimizer.step();
            layers.optimizer.step();
            layers.optimizer.freeze("b1");
            attemptInVain(layers);
            assertThat(layers.curvature.metadata()).containsEntry("layer.first", "2 0 2 true true");
        }
    }

    @Test
    void whatIsDiscardedAfterAFailedStepDoesNotTellOfTheLastUpdate() {
        var device = new TestDevice();
        try (var layers = new FisherLayers(device, 1)) {
            layers.optimizer.freeze("b1");
            layers.accumulate("first");
            layers.optimizer.step();
            layers.optimizer.unfreeze("b1");
            layers.accumulate("first");
            device.fail("commit");
            assertThatThrownBy(layers.optimizer::step).hasMessage("commit fails");
            device.recover();
            layers.curvature.discard();
            assertThat(layers.curvature.metadata())
                    .containsEntry("layer.first", "1 0 0 true false");
        }
    }

    @Test
    void whatIsDiscardedIsNotTakenUpAndTheCurvatureIsTakenAway() {
        try (var layers = new FisherLayers(2)) {
            layers.accumulate("first");
            layers.accumulate("second");
            assertThat(List.of(layers.w1, layers.b1, layers.w2)).allMatch(Parameter::hasCurvature);
            layers.curvature.discard();
            assertThat(List.of(layers.w1, layers.b1, layers.w2)).noneMatch(Parameter::hasCurvature);
            layers.optimizer.step();
            assertThat(layers.fisher(layers.w1)).containsOnly(1);
            assertDue(layers, true, true);
            assertThat(layers.curvature.metadata())
                    .containsEntry("layer.first", "0 0 -1 true true")
                    .containsEntry("layer.second", "0 0 -1 true true");
        }
    }

    @Test
    void curvatureThatCameFromElsewhereIsNotTakenAway() {
        try (var layers = new FisherLayers(2)) {
            layers.accumulate("first");
            layers.curvature.discard();
            for (var parameter : List.of(layers.w1, layers.b1, layers.w2)) {
                parameter.curvature(layers.arena.allocate(parameter.elements() * Float.BYTES));
            }
            layers.curvature.discard();
            assertThat(List.of(layers.w1, layers.b1, layers.w2)).allMatch(Parameter::hasCurvature);

            layers.accumulate("first");
            layers.curvature.discard();
            assertThat(layers.w1.hasCurvature()).isFalse();
            assertThat(layers.w2.hasCurvature()).isTrue();
        }
    }

    @Test
    void anOptimizerThatIsClosedDropsWhatWaitedForItsSteps() {
        try (var layers = new FisherLayers(2)) {
            layers.accumulate("first");
            layers.changeOptimizer();
            assertThat(layers.w1.hasCurvature()).isFalse();
            layers.optimizer.step();
            assertThat(layers.fisher(layers.w1)).containsOnly(1);
            assertThat(layers.curvature.states().getFirst().toArray()).containsOnly(1);
        }
    }

    @Test
    void aLoadDropsWhatWaitedForAStep() {
        try (var layers = new FisherLayers(2)) {
            var metadata = layers.curvature.metadata();
            layers.accumulate("first");
            layers.curvature.restore(metadata);
            assertThat(layers.w1.hasCurvature()).isFalse();
            layers.optimizer.step();
            assertThat(layers.curvature.metadata())
                    .containsEntry("layer.first", "0 0 -1 true true");
        }
    }

    @Test
    void whatComesBeforeThereIsAnOptimizerIsTakenUpByItsFirstStep() {
        try (var layers = new FisherLayers(2)) {
            layers.optimizer.close();
            layers.accumulate("first", Batch.sum().withLossScale(1));
            layers.optimizer =
                    Optimizer.builder(AdaFisher.withLearningRate(1e-3))
                            .group("all", List.of(layers.w1, layers.b1, layers.w2))
                            .transform(layers.curvature)
                            .backend(layers.backend)
                            .build();
            layers.optimizer.step();
            assertThat(layers.fisher(layers.w1))
                    .containsExactly(expected(layers, layers.w1), ROUNDING);
        }
    }

    @Test
    void withoutAnOptimizerTheLossScaleMustBeStated() {
        try (var layers = new FisherLayers(2)) {
            layers.optimizer.close();
            assertThatThrownBy(() -> layers.accumulate("first"))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "layer 'first': its output gradients come without a loss scale, and"
                                    + " there is no optimizer yet to ask for it; build that first,"
                                    + " or state it with Batch.withLossScale");
            assertThat(layers.w1.hasCurvature()).isFalse();
        }
    }

    @Test
    void anotherOptimizerBeginsWithWhatTheUpdatesCameTo() {
        try (var layers = new FisherLayers(2)) {
            layers.accumulate("first");
            layers.optimizer.step();
            var ofWeight = layers.fisher(layers.w1);
            var ofBias = layers.fisher(layers.b1);
            layers.changeOptimizer();
            assertThat(layers.fisher(layers.w1)).containsExactly(ofWeight);
            assertThat(layers.fisher(layers.b1)).containsExactly(ofBias);
            assertThat(ofWeight).isNotEqualTo(ones(layers.w1));
            assertThat(layers.fisher(layers.w2)).containsOnly(1);
        }
    }

    @Test
    void itsStatesAreTwoDiagonalsOfEachLayer() {
        try (var layers = new FisherLayers(2)) {
            assertThat(layers.curvature.states())
                    .extracting(StateTensor::parameter, StateTensor::slot, StateTensor::shape)
                    .containsExactly(
                            tuple("first", "fisher.input", Shape.of(3)),
                            tuple("first", "fisher.output", Shape.of(2)),
                            tuple("second", "fisher.input", Shape.of(2)),
                            tuple("second", "fisher.output", Shape.of(3)));
        }
    }

    @Test
    void aWeightOfMoreThanAMebibyteBeginsAsItsDiagonalsAreToTheLast() {
        try (var layers = new FisherLayers(2)) {
            int outputs = 500;
            int inputs = 600;
            var weight =
                    Parameter.of(
                            "large",
                            Shape.of(outputs, inputs),
                            layers.arena.allocate((long) outputs * inputs * Float.BYTES, 64));
            try (var curvature =
                    AdaFisherCurvature.builder(layers.backend).layer("large", weight).build()) {
                var builder =
                        Optimizer.builder(AdaFisher.withLearningRate(1))
                                .group("all", List.of(weight))
                                .transform(curvature)
                                .backend(layers.backend);
                try (var optimizer = builder.build()) {
                    assertThat(optimizer.state("large", "fisher").toArray())
                            .hasSize(outputs * inputs)
                            .containsOnly(1);
                }
                var ofInputs = new float[inputs];
                var ofOutputs = new float[outputs];
                var expected = new float[outputs * inputs];
                for (int i = 0; i < outputs * inputs; i++) {
                    ofInputs[i % inputs] = i % inputs;
                    ofOutputs[i / inputs] = i / inputs + 1;
                    expected[i] = (i / inputs + 1) * (i % inputs);
                }
                curvature.states().get(0).set(ofInputs);
                curvature.states().get(1).set(ofOutputs);
                try (var optimizer = builder.build()) {
                    // To say where they differ would take minutes.
                    assertThat(
                                    Arrays.equals(
                                            optimizer.state("large", "fisher").toArray(), expected))
                            .isTrue();
                }
            }
        }
    }

    @Test
    void parametersOfOtherRulesAreLeftAlone() {
        try (var layers = new FisherLayers(2)) {
            var other =
                    Parameter.of("other", Shape.of(2), layers.arena.allocate(2 * Float.BYTES, 64));
            layers.gradient(other, 1);
            try (var curvature =
                            AdaFisherCurvature.builder(layers.backend)
                                    .layer("second", layers.w2)
                                    .build();
                    var optimizer =
                            Optimizer.builder(SGD.withLearningRate(1).withMomentum(.5))
                                    .group("others", List.of(other))
                                    .group(
                                            "all",
                                            List.of(layers.w2),
                                            AdaFisher.withLearningRate(1e-3))
                                    .transform(curvature)
                                    .backend(layers.backend)
                                    .build()) {
                assertThat(optimizer.state("other", "momentum_buffer").toArray()).containsOnly(0);
                assertThat(optimizer.state("w2", "fisher").toArray()).containsOnly(1);
            }
        }
    }

    @Test
    void aParameterThatTheOptimizerHasNot() {
        try (var layers = new FisherLayers(2);
                var curvature =
                        AdaFisherCurvature.builder(layers.backend)
                                .layer("first", layers.w1, layers.b1)
                                .build()) {
            for (var missing : List.of(layers.w1, layers.b1)) {
                var builder =
                        Optimizer.builder(AdaFisher.withLearningRate(1))
                                .group("all", List.of(missing == layers.w1 ? layers.b1 : layers.w1))
                                .transform(curvature)
                                .backend(layers.backend);
                assertThatThrownBy(builder::build)
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessage(
                                "layer 'first': parameter '%s' is in none of the optimizer's groups"
                                        .formatted(missing.name()));
            }
        }
    }
}
