package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.kfac.engine.FisherAverage;
import org.panoptim.kfac.engine.FisherEngine;
import org.panoptim.kfac.engine.FisherPlan;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.Memory;
import org.panoptim.tests.cuda.Layers.Batch;
import org.panoptim.tests.cuda.Layers.Step;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** AdaFisher's diagonals, from contributions to what the rule reads. */
@Tag("virtual-gpu")
class FisherTest {

    private static final double DECAY = 0.92;

    /** The averages that plain loops come to. */
    private static final class Expected {
        private final KroneckerLayer layer;
        private final FisherAverage average;
        private final double[][] averages = new double[2][];
        private long updates;

        Expected(KroneckerLayer layer, FisherAverage average) {
            this.layer = layer;
            this.average = average;
            for (int side = 0; side < 2; side++) {
                averages[side] = new double[layer.factorSize(side)];
                Arrays.fill(averages[side], 1);
            }
        }

        void update(double optimizerScale, Batch... batches) {
            updates++;
            for (int side = 0; side < 2; side++) {
                int n = layer.factorSize(side);
                var diagonal = new double[n];
                int rows = 0;
                for (var batch : batches) {
                    rows += batch.counted(layer);
                    for (int row = 0; row < batch.rows(layer); row++) {
                        for (int i = 0; i < n && batch.counts(row); i++) {
                            diagonal[i] +=
                                    Math.pow(batch.x(layer, side, row, i, optimizerScale), 2);
                        }
                    }
                }
                for (int i = 0; i < n; i++) {
                    diagonal[i] /= rows;
                }
                double least = Arrays.stream(diagonal).min().orElseThrow();
                double range = Arrays.stream(diagonal).max().orElseThrow() - least + 1e-6;
                for (int i = 0; i < n; i++) {
                    averages[side][i] =
                            average.keep(DECAY, updates) * averages[side][i]
                                    + average.add(DECAY, updates) * (diagonal[i] - least) / range;
                }
            }
        }

        void assertEquals(Device device, FisherEngine engine, int number, double lossScale) {
            var weight = read(device, engine.weight(number));
            int inputs = layer.inputs();
            for (int side = 0; side < 2; side++) {
                var actual = engine.average(2 * number + side).toArray();
                for (int i = 0; i < actual.length; i++) {
                    assertThat((double) actual[i]).isCloseTo(averages[side][i], within(1e-6));
                }
            }
            for (int i = 0; i < layer.outputs(); i++) {
                for (int j = 0; j < inputs; j++) {
                    assertThat((double) weight[i * inputs + j])
                            .isCloseTo(
                                    lossScale * averages[1][i] * averages[0][j],
                                    within(1e-6 * lossScale));
                }
                if (layer.bias().isPresent()) {
                    assertThat((double) read(device, engine.bias(number))[i])
                            .isCloseTo(
                                    lossScale * averages[1][i] * averages[0][inputs],
                                    within(1e-6 * lossScale));
                }
            }
            var state = engine.factors().get(2 * number);
            assertThat(state.updates()).isEqualTo(updates);
            assertThat(state.trace())
                    .isCloseTo(updates == 0 ? 0 : Arrays.stream(averages[0]).sum(), within(1e-4));
        }
    }

    private static float[] read(Device device, Memory memory) {
        var source = (DeviceMemory) memory;
        try (var arena = Arena.ofConfined()) {
            var copy = arena.allocate(source.byteSize(), 4);
            device.driver().synchronizeStream(0);
            device.driver().copyToHost(copy.address(), source.address(), copy.byteSize(), 0);
            device.driver().synchronizeStream(0);
            return copy.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    @ParameterizedTest
    @EnumSource
    void theCurvatureFollowsItsFormula(Setup setup) {
        for (var average : FisherAverage.values()) {
            var random = new Random(31);
            try (var device = setup.device()) {
                var layers =
                        List.of(
                                Layers.layer(device, "one", 1, 1, false, random),
                                Layers.layer(device, "some", 33, 40, true, random),
                                Layers.layer(device, "more", 100, 130, true, random));
                var engine = device.open(new FisherPlan(layers, average, DECAY));
                engine.attach(new Step(true, 64, 1).on(device));
                var expected = layers.stream().map(layer -> new Expected(layer, average)).toList();
                for (int i = 0; i < layers.size(); i++) {
                    expected.get(i).assertEquals(device, engine, i, 1);
                }
                for (int step = 0; step < 3; step++) {
                    for (int i = step == 1 ? 1 : 0; i < layers.size(); i++) {
                        var layer = layers.get(i);
                        var none = Batch.random(layer, 1, random).masked((byte) 0);
                        var one = Batch.random(layer, 5, random).averaged(0).scaled(8);
                        var two =
                                Batch.random(layer, 3, random)
                                        .masked((byte) 1, (byte) 0, (byte) 1)
                                        .scaled(0);
                        for (var batch : List.of(none, one, two)) {
                            engine.accumulate(i, batch.on(device, layer));
                        }
                        expected.get(i).update(64, one, two);
                    }
                    engine.commit(Step.ACCEPTED.on(device));
                }
                for (int i = 0; i < layers.size(); i++) {
                    expected.get(i).assertEquals(device, engine, i, 1);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void refusedAndUnfiniteUpdatesChangeNothing(Setup setup) {
        var random = new Random(32);
        try (var device = setup.device()) {
            var layer = Layers.layer(device, "layer", 4, 5, true, random);
            var engine =
                    device.open(
                            new FisherPlan(List.of(layer), FisherAverage.NORMALISED_EMA, DECAY));
            var expected = new Expected(layer, FisherAverage.NORMALISED_EMA);
            engine.accumulate(0, Batch.random(layer, 3, random).on(device, layer));
            engine.commit(Step.REFUSED.on(device));
            engine.accumulate(0, Batch.random(layer, 3, random).on(device, layer));
            engine.discard();
            var bad = Batch.random(layer, 3, random);
            bad.gradients()[2] = Float.NaN;
            engine.accumulate(0, bad.on(device, layer));
            engine.commit(Step.ACCEPTED.on(device));
            expected.assertEquals(device, engine, 0, 1);
            assertThat(engine.factors().get(0).refused()).isEqualTo(1);
            var batch = Batch.random(layer, 3, random);
            engine.accumulate(0, batch.on(device, layer));
            engine.commit(Step.ACCEPTED.on(device));
            expected.update(1, batch);
            expected.assertEquals(device, engine, 0, 1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void theCurvatureIsMultipliedByTheLossScale(Setup setup) {
        var random = new Random(34);
        try (var device = setup.device()) {
            var layers =
                    List.of(
                            Layers.layer(device, "one", 4, 5, true, random),
                            Layers.layer(device, "other", 3, 2, false, random));
            var engine = device.open(new FisherPlan(layers, FisherAverage.NORMALISED_EMA, DECAY));
            var expected =
                    layers.stream()
                            .map(layer -> new Expected(layer, FisherAverage.NORMALISED_EMA))
                            .toList();
            double[] scales = {1024, 2};
            for (int step = 0; step < scales.length; step++) {
                var facts = new Step(true, scales[step], 1).on(device);
                engine.attach(facts);
                for (int i = step; i < layers.size(); i++) {
                    var batch = Batch.random(layers.get(i), 6, random).scaled(0);
                    engine.accumulate(i, batch.on(device, layers.get(i)));
                    expected.get(i).update(scales[step], batch);
                }
                // All rows are masked: no update, but the rule reads the curvature in this step.
                if (step == 1) {
                    var none = Batch.random(layers.get(0), 1, random).masked((byte) 0);
                    engine.accumulate(0, none.on(device, layers.get(0)));
                }
                engine.commit(facts);
            }
            expected.get(0).assertEquals(device, engine, 0, 2);
            expected.get(1).assertEquals(device, engine, 1, 2);
            engine.accumulate(1, Batch.random(layers.get(1), 6, random).on(device, layers.get(1)));
            engine.commit(new Step(false, 4, 1).on(device));
            expected.get(1).assertEquals(device, engine, 1, 2);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatIsSetReachesTheCurvature(Setup setup) {
        var random = new Random(33);
        try (var device = setup.device()) {
            var layer = Layers.layer(device, "layer", 2, 1, false, random);
            var engine =
                    device.open(new FisherPlan(List.of(layer), FisherAverage.REFERENCE, DECAY));
            engine.average(0).set(3);
            engine.average(1).set(5, 7);
            engine.restore(0, 4, 1);
            assertThat(read(device, engine.weight(0))).containsExactly(1, 1);
            assertThat(engine.factors().get(0).updates()).isEqualTo(4);
            // What is not finite leaves the averages alone, which the step is to read all the same.
            var bad = Batch.random(layer, 3, random);
            bad.gradients()[2] = Float.NaN;
            engine.accumulate(0, bad.on(device, layer));
            engine.commit(new Step(true, 8, 1).on(device));
            assertThat(read(device, engine.weight(0))).containsExactly(120, 168);
            assertThat(engine.factors().get(0).refused()).isEqualTo(2);
            assertThat(engine.average(1).slot()).isEqualTo("fisher.output");
            assertThatThrownBy(() -> engine.bias(0))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("layer");
        }
    }
}
