package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.kfac.engine.Preconditioning;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;
import org.panoptim.tests.cuda.Layers.Step;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Gradients multiplied by the inverses of their layers' factors. */
@Tag("virtual-gpu")
class KroneckerPreconditionTest {

    private static final double RATE = 0.25;

    /** Layers of equal and unequal shapes, with inverses; all but the last take part. */
    private static final class Model {
        final Device device;
        final List<KroneckerLayer> layers = new ArrayList<>();
        final KroneckerEngine engine;
        final List<Preconditioning> chosen = new ArrayList<>();
        final double[][] expected;
        final double[][] before;
        double sum;

        Model(Device device, StepFacts step, double scale, double rateFactor) {
            this.device = device;
            var random = new Random(21);
            layers.add(Layers.layer(device, "a", 5, 3, true, random));
            layers.add(Layers.layer(device, "b", 5, 4, false, random));
            layers.add(Layers.layer(device, "c", 130, 90, true, random));
            layers.add(Layers.layer(device, "d", 1, 1, false, random));
            layers.add(Layers.layer(device, "e", 5, 3, true, random));
            engine = device.open(new KroneckerPlan(layers, 0.9));
            expected = new double[layers.size()][];
            before = new double[layers.size()][];
            for (int i = 0; i < layers.size(); i++) {
                var layer = layers.get(i);
                int rows = layer.outputs();
                int columns = layer.inputFactor();
                var outputs = Doubles.positive(random, rows, 10);
                var inputs = Doubles.positive(random, columns, 10);
                engine.inverse(2 * i).set(inputs);
                engine.inverse(2 * i + 1).set(outputs);
                before[i] = gradient(layer);
                expected[i] = before[i];
                if (i < layers.size() - 1) {
                    chosen.add(new Preconditioning(i, RATE / (i + 1)));
                    var product =
                            Doubles.multiply(before[i], Doubles.of(inputs), rows, columns, columns);
                    expected[i] =
                            Doubles.multiply(Doubles.of(outputs), product, rows, rows, columns);
                    double rate = RATE / (i + 1) * rateFactor;
                    for (int j = 0; j < rows * columns; j++) {
                        sum += rate * rate * expected[i][j] * before[i][j] / (scale * scale);
                    }
                }
            }
        }

        double[] gradient(KroneckerLayer layer) {
            int inputs = layer.inputs();
            var weight = read(layer.weight());
            var both = new double[layer.outputs() * layer.inputFactor()];
            for (int i = 0; i < layer.outputs(); i++) {
                for (int j = 0; j < inputs; j++) {
                    both[i * layer.inputFactor() + j] = weight[i * inputs + j];
                }
                if (layer.bias().isPresent()) {
                    both[(i + 1) * layer.inputFactor() - 1] = read(layer.bias().get())[i];
                }
            }
            return both;
        }

        private float[] read(Parameter parameter) {
            var memory = (DeviceMemory) parameter.gradient().orElseThrow();
            try (var arena = Arena.ofConfined()) {
                var copy = arena.allocate(memory.byteSize(), 4);
                device.driver().synchronizeStream(0);
                device.driver().copyToHost(copy.address(), memory.address(), copy.byteSize(), 0);
                device.driver().synchronizeStream(0);
                return copy.toArray(java.lang.foreign.ValueLayout.JAVA_FLOAT);
            }
        }

        void assertGradients(double coefficient) {
            for (int i = 0; i < layers.size(); i++) {
                var actual = gradient(layers.get(i));
                double factor = i < layers.size() - 1 ? coefficient : 1;
                for (int j = 0; j < actual.length; j++) {
                    assertThat(actual[j])
                            .as("layer %d, element %d", i, j)
                            .isCloseTo(
                                    factor * expected[i][j], within(2e-5 * Math.max(factor, 1e-3)));
                }
            }
        }

        void assertUntouched() {
            for (int i = 0; i < layers.size(); i++) {
                assertThat(gradient(layers.get(i))).containsExactly(before[i]);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void withoutAClipItIsTheProductOfThreeMatrices(Setup setup) {
        try (var device = setup.device()) {
            var step = Step.ACCEPTED.on(device);
            var model = new Model(device, step, 1, 1);
            assertThat(model.engine.klCoefficient()).isEmpty();
            model.engine.precondition(step, model.chosen, Double.POSITIVE_INFINITY);
            model.assertGradients(1);
            assertThat(model.engine.klCoefficient()).hasValue(1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void theClipBoundsTheDivergenceOfAllLayersTogether(Setup setup) {
        try (var device = setup.device()) {
            var step = new Step(true, 16, 0.5).on(device);
            var model = new Model(device, step, 16, 0.5);
            double clip = model.sum / 100;
            model.engine.precondition(step, model.chosen, clip);
            model.assertGradients(0.1);
            assertThat(model.engine.klCoefficient().orElseThrow()).isCloseTo(0.1, within(1e-6));
        }
    }

    @ParameterizedTest
    @EnumSource
    void aWideClipIsNoneAndFactsOfTheHostServeToo(Setup setup) {
        try (var device = setup.device()) {
            var step = new StepContext(true, 1, 1 / 16.0, 0.5);
            var model = new Model(device, step, 16, 0.5);
            model.engine.precondition(step, model.chosen, model.sum * 2);
            model.assertGradients(1);
            assertThat(model.engine.klCoefficient()).hasValue(1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aRefusedStepLeavesGradientsAlone(Setup setup) {
        try (var device = setup.device()) {
            var step = Step.REFUSED.on(device);
            var model = new Model(device, step, 1, 1);
            model.engine.precondition(step, model.chosen, 1e-3);
            model.assertUntouched();
            assertThat(model.engine.klCoefficient()).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource
    void whereTheResultIsNotFiniteNoLayerMovesAndNoGradientThatIsNotFiniteIsHidden(Setup setup) {
        try (var device = setup.device()) {
            var step = Step.ACCEPTED.on(device);
            var model = new Model(device, step, 1, 1);
            model.engine.inverse(1).write(4, MemorySegment.ofArray(new float[] {Float.NaN}));
            model.engine.precondition(step, model.chosen, 1e-3);
            for (int i = 0; i < model.chosen.size(); i++) {
                assertThat(model.gradient(model.layers.get(i))).containsOnly(0);
            }
            int last = model.chosen.size();
            assertThat(model.gradient(model.layers.get(last))).containsExactly(model.before[last]);
            assertThat(model.engine.klCoefficient()).isEmpty();

            var layer = Layers.layer(device, "layer", 1, 3, false, new Random(1));
            var engine = device.open(new KroneckerPlan(List.of(layer), 0.9));
            var gradient = device.floats(1, Float.NaN, Float.NEGATIVE_INFINITY);
            layer.weight().gradient(gradient.memory());
            engine.precondition(step, List.of(new Preconditioning(0, 1)), 1e-3);
            assertThat(Device.get(gradient)).containsExactly(0, Float.NaN, Float.NEGATIVE_INFINITY);
        }
    }

    @ParameterizedTest
    @EnumSource
    void theGradientOfAParameterThatTakesNoPartCountsAsZeroAndStaysAsItIs(Setup setup) {
        try (var device = setup.device()) {
            var step = Step.ACCEPTED.on(device);
            var layer = Layers.layer(device, "layer", 2, 3, true, new Random(1));
            var engine = device.open(new KroneckerPlan(List.of(layer), 0.9));
            var inputs = Doubles.positive(new Random(2), 4, 10);
            var outputs = Doubles.positive(new Random(3), 2, 10);
            engine.inverse(0).set(inputs);
            engine.inverse(1).set(outputs);
            // Twice, since the first call leaves something where the zeros were.
            for (int times = 0; times < 2; times++) {
                var weight = device.floats(1, 2, 3, 4, 5, 6);
                var bias = device.floats(7, 8);
                layer.weight().gradient(weight.memory());
                layer.bias().orElseThrow().gradient(bias.memory());
                engine.precondition(step, List.of(new Preconditioning(0, 1, true, false)), 1e30);
                assertProduct(
                        Device.get(weight),
                        outputs,
                        new double[] {1, 2, 3, 0, 4, 5, 6, 0},
                        inputs,
                        new int[] {0, 1, 2, 4, 5, 6});
                assertThat(Device.get(bias)).containsExactly(7, 8);

                weight = device.floats(1, 2, 3, 4, 5, 6);
                layer.weight().gradient(weight.memory());
                engine.precondition(step, List.of(new Preconditioning(0, 1, false, true)), 1e30);
                assertProduct(
                        Device.get(bias),
                        outputs,
                        new double[] {0, 0, 0, 7, 0, 0, 0, 8},
                        inputs,
                        new int[] {3, 7});
                assertThat(Device.get(weight)).containsExactly(1, 2, 3, 4, 5, 6);
            }
        }
    }

    private static void assertProduct(
            float[] preconditioned,
            float[] outputs,
            double[] gradient,
            float[] inputs,
            int[] indices) {
        var half = Doubles.multiply(gradient, Doubles.of(inputs), 2, 4, 4);
        var whole = Doubles.multiply(Doubles.of(outputs), half, 2, 2, 4);
        for (int i = 0; i < indices.length; i++) {
            assertThat((double) preconditioned[i]).isCloseTo(whole[indices[i]], within(1e-4));
        }
    }

    @ParameterizedTest
    @EnumSource
    void aSumThatIsNotPositiveIsNotClipped(Setup setup) {
        try (var device = setup.device()) {
            var layer = Layers.layer(device, "layer", 1, 1, false, new Random(1));
            var engine = device.open(new KroneckerPlan(List.of(layer), 0.9));
            engine.inverse(0).set(-1);
            engine.inverse(1).set(1);
            var gradient = device.floats(3);
            layer.weight().gradient(gradient.memory());
            engine.precondition(Step.ACCEPTED.on(device), List.of(new Preconditioning(0, 1)), 1e-3);
            assertThat(Device.get(gradient)).containsExactly(-3);
            assertThat(engine.klCoefficient()).hasValue(1);
        }
    }

    @ParameterizedTest
    @EnumSource(names = "FFM_FORWARD")
    void aLayerWithoutAGradientIsRefusedByName(Setup setup) {
        try (var device = setup.device()) {
            var layer = Layers.layer(device, "the layer", 1, 1, false, new Random(1));
            var engine = device.open(new KroneckerPlan(List.of(layer), 0.9));
            layer.weight().clearGradient();
            assertThatThrownBy(
                            () ->
                                    engine.precondition(
                                            Step.ACCEPTED.on(device),
                                            List.of(new Preconditioning(0, 1)),
                                            1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("the layer", "gradient");
        }
    }
}
