package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.kfac.engine.Averages;
import org.panoptim.kfac.engine.Contribution;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.memory.HostMemory;
import org.panoptim.spi.StepContext;
import org.panoptim.tests.cuda.Layers.Batch;
import org.panoptim.tests.cuda.Layers.Step;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Random;

/** Factors of layers, from contributions to averages. */
@Tag("virtual-gpu")
class KroneckerAccumulateTest {

    private static final double DECAY = 0.9;

    /** The average that plain loops come to. */
    private static final class Expected {
        private final KroneckerLayer layer;
        private final double[][] averages = new double[2][];
        private long updates;

        Expected(KroneckerLayer layer) {
            this.layer = layer;
            for (int side = 0; side < 2; side++) {
                int n = layer.factorSize(side);
                averages[side] = new double[n * n];
            }
        }

        void update(double optimizerScale, Batch... batches) {
            updates++;
            double share = Averages.share(DECAY, updates);
            for (int side = 0; side < 2; side++) {
                int n = layer.factorSize(side);
                var sum = new double[n * n];
                int rows = 0;
                for (var batch : batches) {
                    rows += batch.counted(layer);
                    add(sum, batch, side, optimizerScale);
                }
                for (int i = 0; i < n * n; i++) {
                    averages[side][i] = (1 - share) * averages[side][i] + share * sum[i] / rows;
                }
            }
        }

        private void add(double[] sum, Batch batch, int side, double optimizerScale) {
            int n = layer.factorSize(side);
            for (int row = 0; row < batch.rows(layer); row++) {
                if (!batch.counts(row)) {
                    continue;
                }
                for (int i = 0; i < n; i++) {
                    for (int j = 0; j < n; j++) {
                        sum[i * n + j] +=
                                batch.x(layer, side, row, i, optimizerScale)
                                        * batch.x(layer, side, row, j, optimizerScale);
                    }
                }
            }
        }

        void assertEquals(KroneckerEngine engine, int number) {
            for (int side = 0; side < 2; side++) {
                int n = layer.factorSize(side);
                var actual = engine.average(2 * number + side).toArray();
                double largest = 1e-30;
                for (double value : averages[side]) {
                    largest = Math.max(largest, Math.abs(value));
                }
                double trace = 0;
                for (int i = 0; i < n; i++) {
                    trace += averages[side][i * n + i];
                    for (int j = 0; j < n; j++) {
                        assertThat((double) actual[i * n + j])
                                .as("side %d, row %d, column %d", side, i, j)
                                .isCloseTo(averages[side][i * n + j], within(1e-5 * largest));
                        assertThat(actual[i * n + j]).isEqualTo(actual[j * n + i]);
                    }
                }
                var state = engine.factors().get(2 * number + side);
                assertThat(state.updates()).isEqualTo(updates);
                assertThat(state.trace()).isCloseTo(trace, within(1e-5 * largest * n));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void averagesFollowTheirFormulaOverSizesAndUpdates(Setup setup) {
        var random = new Random(1);
        try (var device = setup.device()) {
            var layers =
                    List.of(
                            Layers.layer(device, "one", 1, 1, false, random),
                            Layers.layer(device, "some", 3, 65, true, random),
                            Layers.layer(device, "more", 130, 64, true, random));
            var engine = device.open(new KroneckerPlan(layers, DECAY));
            var expected = layers.stream().map(Expected::new).toList();
            for (int step = 0; step < 3; step++) {
                for (int i = 0; i < layers.size(); i++) {
                    if (step == 1 && i == 1) {
                        continue; // not every layer contributes to every step
                    }
                    var batch = Batch.random(layers.get(i), 5 + 20 * step, random);
                    engine.accumulate(i, batch.on(device, layers.get(i)));
                    expected.get(i).update(1, batch);
                }
                engine.commit(Step.ACCEPTED.on(device));
            }
            for (int i = 0; i < layers.size(); i++) {
                expected.get(i).assertEquals(engine, i);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void microBatchesCountByTheirRowsAndMaskedRowsDoNot(Setup setup) {
        var random = new Random(2);
        try (var device = setup.device()) {
            var layer = Layers.layer(device, "layer", 4, 5, true, random);
            var engine = device.open(new KroneckerPlan(List.of(layer), DECAY));
            var expected = new Expected(layer);
            engine.attach(new Step(true, 1024, 1).on(device));
            for (int step = 0; step < 2; step++) {
                var none = Batch.random(layer, 2, random).masked((byte) 0, (byte) 0);
                var first =
                        Batch.random(layer, 3, random)
                                .masked((byte) 1, (byte) 0, (byte) -1)
                                .averaged(0);
                var second = Batch.random(layer, 40, random).averaged(7).scaled(8);
                var third = Batch.random(layer, 1, random).scaled(0).averaged(300);
                for (var batch : List.of(none, first, second, none, third)) {
                    engine.accumulate(0, batch.on(device, layer));
                }
                engine.commit(Step.ACCEPTED.on(device));
                expected.update(1024, first, second, third);
            }
            expected.assertEquals(engine, 0);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aRefusedStepADiscardAndMaskedRowsChangeNothing(Setup setup) {
        var random = new Random(3);
        try (var device = setup.device()) {
            var layer = Layers.layer(device, "layer", 4, 5, true, random);
            var engine = device.open(new KroneckerPlan(List.of(layer), DECAY));
            var expected = new Expected(layer);
            var batch = Batch.random(layer, 9, random);
            engine.accumulate(0, batch.on(device, layer));
            engine.commit(Step.ACCEPTED.on(device));
            expected.update(1, batch);

            engine.accumulate(0, Batch.random(layer, 3, random).on(device, layer));
            engine.commit(Step.REFUSED.on(device));
            engine.accumulate(0, Batch.random(layer, 3, random).on(device, layer));
            engine.discard();
            engine.commit(Step.ACCEPTED.on(device));
            engine.accumulate(
                    0, Batch.random(layer, 2, random).masked((byte) 0, (byte) 0).on(device, layer));
            engine.commit(new StepContext(true, 1, 1, 1));
            expected.assertEquals(engine, 0);
            assertThat(engine.factors().get(0).refused()).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatIsNotFiniteIsDroppedAndCounted(Setup setup) {
        var random = new Random(4);
        try (var device = setup.device()) {
            var bad = Layers.layer(device, "bad", 4, 70, true, random);
            var good = Layers.layer(device, "good", 4, 70, true, random);
            var engine = device.open(new KroneckerPlan(List.of(bad, good), DECAY));
            var expected = new Expected(good);
            for (float value : new float[] {Float.NaN, Float.POSITIVE_INFINITY, 1e30f}) {
                var batch = Batch.random(bad, 9, random);
                batch.inputs()[3 * 70 + 69] = value;
                engine.accumulate(0, batch.on(device, bad));
                engine.accumulate(0, Batch.random(bad, 9, random).on(device, bad));
                var other = Batch.random(good, 9, random);
                engine.accumulate(1, other.on(device, good));
                expected.update(1, other);
                engine.commit(Step.ACCEPTED.on(device));
            }
            expected.assertEquals(engine, 1);
            assertThat(engine.factors().get(0).updates()).isZero();
            assertThat(engine.factors().get(0).refused()).isEqualTo(3);
            assertThat(engine.average(0).toArray()).containsOnly(0);
        }
    }

    @ParameterizedTest
    @EnumSource
    void averagesAndCountsCanBeSet(Setup setup) {
        var random = new Random(5);
        try (var device = setup.device()) {
            var layer = Layers.layer(device, "layer", 2, 1, true, random);
            var engine = device.open(new KroneckerPlan(List.of(layer), DECAY));
            var expected = new Expected(layer);
            expected.updates = 6;
            expected.averages[0] = new double[] {2, 1, 1, 3};
            engine.average(0).set(2, 1, 1, 3);
            engine.restore(0, 6, 2);
            expected.assertEquals(engine, 0);
            var batch = Batch.random(layer, 9, random);
            engine.accumulate(0, batch.on(device, layer));
            engine.commit(Step.ACCEPTED.on(device));
            expected.update(1, batch);
            expected.assertEquals(engine, 0);
            assertThat(engine.factors().get(1).refused()).isEqualTo(2);
            var state = engine.average(1);
            assertThat(state.parameter()).isEqualTo("layer");
            assertThat(state.slot()).isEqualTo("kfac.output_factor");
            assertThat(engine.inverse(0).slot()).isEqualTo("kfac.input_inverse");
            assertThat(state.shape().dimensions()).containsExactly(2L, 2L);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FFM_FORWARD", "JCUDA_FORWARD"})
    void wrongMemoryAndAMissingLossScaleAreRefusedByName(Setup setup) {
        var random = new Random(6);
        try (var device = setup.device()) {
            var layer = Layers.layer(device, "the layer", 2, 3, true, random);
            var engine = device.open(new KroneckerPlan(List.of(layer), DECAY));
            var right = Batch.random(layer, 4, random).on(device, layer);
            var host = new HostMemory(MemorySegment.ofArray(new float[12]));
            assertThatThrownBy(
                            () ->
                                    engine.accumulate(
                                            0,
                                            new Contribution(
                                                    host,
                                                    right.outputGradients(),
                                                    Optional.empty(),
                                                    4,
                                                    OptionalDouble.empty(),
                                                    OptionalDouble.of(1))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("the layer", "inputs", "host");
            assertThatThrownBy(
                            () ->
                                    engine.accumulate(
                                            0,
                                            new Contribution(
                                                    right.inputs(),
                                                    right.outputGradients(),
                                                    Optional.empty(),
                                                    5,
                                                    OptionalDouble.empty(),
                                                    OptionalDouble.of(1))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContainingAll("the layer", "inputs", "60", "48");
            assertThatThrownBy(
                            () ->
                                    engine.accumulate(
                                            0,
                                            Batch.random(layer, 4, random)
                                                    .scaled(0)
                                                    .on(device, layer)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("the layer", "loss scale");
            engine.close();
            assertThatThrownBy(() -> engine.accumulate(0, right))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        }
    }
}
