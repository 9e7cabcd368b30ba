package org.panoptim.kfac.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.kfac.engine.HostLayers.layer;
import static org.panoptim.kfac.engine.HostLayers.parameter;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.matrix.Parallel;
import org.panoptim.matrix.PlainHostAlgebra;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.util.List;
import java.util.Optional;

/** What is said of layers, and what engines on the host and plans ask of them. */
class KroneckerLayerTest {

    @Test
    void aBiasAddsOneToTheFactorOfInputs() {
        var with = layer("a", 2, 3, true);
        assertThat(with.factorSize(0)).isEqualTo(4);
        assertThat(with.factorSize(1)).isEqualTo(2);
        var without = layer("a", 2, 3, false);
        assertThat(without.factorSize(0)).isEqualTo(3);
        assertThat(without.factorSize(1)).isEqualTo(2);
    }

    @Test
    void aSideMayHave46000Elements() {
        assertThat(layer("a", 46_000, 1, false).outputs()).isEqualTo(46_000);
        assertThat(layer("a", 1, 46_000, false).inputs()).isEqualTo(46_000);
    }

    @ParameterizedTest
    @CsvSource({"0, 3", "3, 0", "46001, 1", "1, 46001"})
    void aSideOfNoOrTooManyElementsIsRefused(int outputs, int inputs) {
        assertThatThrownBy(() -> layer("a", outputs, inputs, false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "layer 'a': parameter 'a.weight' must be a matrix with sides from 1 to"
                                + " 46000, but is F32[%d, %d]".formatted(outputs, inputs));
    }

    @Test
    void parametersOfAnotherTypeAreRefused() {
        var narrow = Parameter.of("w", Shape.of(2, 3), DType.BF16, new DeviceMemory(0x1000, 12));
        assertThatThrownBy(() -> new KroneckerLayer("a", narrow, Optional.empty()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("layer 'a': parameter 'w' must be of F32, but is BF16[2, 3]");
        var bias = Parameter.of("b", Shape.of(2), DType.BF16, new DeviceMemory(0x2000, 4));
        var weight = parameter("w", 2, 3);
        assertThatThrownBy(() -> new KroneckerLayer("a", weight, Optional.of(bias)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("layer 'a': parameter 'b' must be of F32, but is BF16[2]");
    }

    @Test
    void memoryOfADeviceIsRefusedByEnginesOnTheHost() {
        var weight = Parameter.of("w", Shape.of(2, 3), new DeviceMemory(0x1000, 24));
        var bias = Parameter.of("b", Shape.of(2), new DeviceMemory(0x2000, 8));
        assertRefused(new KroneckerLayer("a", weight, Optional.empty()), "w");
        assertRefused(new KroneckerLayer("a", weight, Optional.of(parameter("b", 2))), "w");
        assertRefused(new KroneckerLayer("a", parameter("w", 2, 3), Optional.of(bias)), "b");
    }

    private static void assertRefused(KroneckerLayer layer, String parameter) {
        var message =
                "layer 'a': parameter '%s' lies in device memory, but the backend computes on the host"
                        .formatted(parameter);
        var plan = new KroneckerPlan(List.of(layer), .9);
        assertThatThrownBy(
                        () ->
                                new HostKronecker(
                                        plan, new PlainHostAlgebra(), Parallel.SERIAL, () -> {}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
        var diagonals = new FisherPlan(List.of(layer), FisherAverage.NORMALISED_EMA, .9);
        assertThatThrownBy(() -> new HostFisher(diagonals, () -> {}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void aPlanCountsTwoFactorsForEachLayer() {
        var plan = new KroneckerPlan(List.of(layer("a", 2, 3, true), layer("b", 5, 6, false)), 0);
        assertThat(plan.factors()).isEqualTo(4);
        assertThat(plan.size(0)).isEqualTo(4);
        assertThat(plan.size(1)).isEqualTo(2);
        assertThat(plan.size(2)).isEqualTo(6);
        assertThat(plan.size(3)).isEqualTo(5);
        assertThat(plan.layerOf(1).name()).isEqualTo("a");
        assertThat(plan.layerOf(2).name()).isEqualTo("b");
    }

    @Test
    void aDecayMayBeZero() {
        var layers = List.of(layer("a", 2, 3, true));
        assertThat(new KroneckerPlan(layers, 0).decay()).isZero();
        assertThat(new FisherPlan(layers, FisherAverage.REFERENCE, 0).decay()).isZero();
    }

    @ParameterizedTest
    @ValueSource(doubles = {1, -.125, Double.NaN})
    void aDecayIsBelowOneAndNotBelowZero(double decay) {
        var layers = List.of(layer("a", 2, 3, true));
        var message = "decay must be in [0, 1), but is " + decay;
        assertThatThrownBy(() -> new KroneckerPlan(layers, decay))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
        assertThatThrownBy(() -> new FisherPlan(layers, FisherAverage.REFERENCE, decay))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }

    @Test
    void aPlanHasALayer() {
        var message = "there must be at least one layer";
        assertThatThrownBy(() -> new KroneckerPlan(List.of(), .9))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
        assertThatThrownBy(() -> new FisherPlan(List.of(), FisherAverage.REFERENCE, .9))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(message);
    }
}
