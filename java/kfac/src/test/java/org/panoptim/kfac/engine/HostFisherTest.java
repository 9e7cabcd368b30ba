package org.panoptim.kfac.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.kfac.engine.HostLayers.ACCEPTED;
import static org.panoptim.kfac.engine.HostLayers.REFUSED;
import static org.panoptim.kfac.engine.HostLayers.bytes;
import static org.panoptim.kfac.engine.HostLayers.floats;
import static org.panoptim.kfac.engine.HostLayers.layer;
import static org.panoptim.kfac.engine.HostLayers.maskedRows;
import static org.panoptim.kfac.engine.HostLayers.read;
import static org.panoptim.kfac.engine.HostLayers.rows;
import static org.panoptim.kfac.engine.HostLayers.scaledRows;

import org.assertj.core.data.Offset;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.spi.StepContext;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * AdaFisher's diagonals of two layers: "a" of 2 inputs and 2 outputs with a bias, and "b" of 3
 * inputs and one output without.
 */
class HostFisherTest {

    private static final Offset<Float> ROUNDING = within(1e-6f);

    private final AtomicInteger closed = new AtomicInteger();
    private final HostFisher engine = open(FisherAverage.NORMALISED_EMA);

    private HostFisher open(FisherAverage average) {
        var plan =
                new FisherPlan(
                        List.of(layer("a", 2, 2, true), layer("b", 1, 3, false)), average, .5);
        return new HostFisher(plan, closed::incrementAndGet);
    }

    @AfterEach
    void close() {
        engine.close();
    }

    private float[] average(int factor) {
        return engine.average(factor).toArray();
    }

    private static float[] values(Memory memory) {
        return read(((HostMemory) memory).segment());
    }

    private static void assertClose(float[] actual, double... expected) {
        var floats = new float[expected.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) expected[i];
        }
        assertThat(actual).containsExactly(floats, ROUNDING);
    }

    /** The mean squares are (1, 4, 1) of the inputs and (4, 1)·10⁻⁶ of the output gradients. */
    private static Contribution first() {
        return rows(1, floats(1, 2), floats(2e-3, 1e-3));
    }

    /** The mean squares are (9, 25, 1) of the inputs and (1, 9)·10⁻⁶ of the output gradients. */
    private static Contribution second() {
        return rows(1, floats(3, 5), floats(1e-3, 3e-3));
    }

    private void assertFirst() {
        // ĥ = (d − min d) / (max d − min d + 10⁻⁶).
        assertClose(average(0), 0, 1, 0);
        assertClose(average(1), .75, 0);
    }

    @Test
    void theFirstUpdateReplacesTheOnes() {
        assertClose(average(0), 1, 1, 1);
        engine.accumulate(0, first());
        engine.commit(ACCEPTED);
        assertFirst();
        assertClose(values(engine.weight(0)), 0, .75, 0, 0);
        assertClose(values(engine.bias(0)), 0, 0);
        assertThat(engine.updates()).containsExactly(1, 0);
    }

    @Test
    void laterUpdatesGetTheirShare() {
        engine.accumulate(0, first());
        engine.commit(ACCEPTED);
        engine.accumulate(0, second());
        engine.commit(ACCEPTED);
        // Of the second of two updates with γ = ½ the share is ⅔.
        assertClose(average(0), 2 / 3.0 * 8 / 24, 1, 0);
        assertClose(average(1), .75 / 3, 2 / 3.0 * 8 / 9);
    }

    @Test
    void theAuthorsAverageKeepsATenthOfTheDecay() {
        try (var authors = open(FisherAverage.REFERENCE)) {
            authors.accumulate(0, first());
            authors.commit(ACCEPTED);
            assertClose(authors.average(1).toArray(), .05 + .5 * .75, .05);
            authors.accumulate(0, second());
            authors.commit(ACCEPTED);
            double output = .05 * (.05 + .5 * .75);
            assertClose(authors.average(1).toArray(), output, .05 * .05 + .5 * 8 / 9);
        }
    }

    @Test
    void theWeightsOfAnAverageWithoutBiasSumToOne() {
        var average = FisherAverage.NORMALISED_EMA;
        assertThat(average.keep(.5, 1)).isZero();
        assertThat(average.add(.5, 2)).isCloseTo(2 / 3.0, within(1e-15));
        assertThat(average.keep(.5, 2)).isCloseTo(1 / 3.0, within(1e-15));
    }

    @Test
    void microBatchesCountByTheirRows() {
        engine.accumulate(1, rows(1, floats(1, 2, 3), floats(1)));
        engine.accumulate(1, rows(3, floats(1, 0, 1, 2, 1, 0, 3, 2, 1), floats(1, 2, 3)));
        engine.commit(ACCEPTED);
        // Four times the mean squares: 1 + 1 + 4 + 9, 4 + 0 + 1 + 4, 9 + 1 + 0 + 1.
        assertClose(average(2), 1, 0, 2 / 6.0);
    }

    @Test
    void theLossScaleOfTheRowsIsUndone() {
        engine.accumulate(0, scaledRows(1, floats(1, 2), floats(2, 1), 1e3));
        engine.commit(ACCEPTED);
        assertFirst();
    }

    @Test
    void theCurvatureIsMultipliedByTheLossScaleOfTheStep() {
        engine.accumulate(0, first());
        engine.commit(new StepContext(true, 1, 1 / 4.0, 1));
        assertFirst();
        assertThat(values(engine.weight(0)))
                .containsExactly(0, 4 * average(0)[1] * average(1)[0], 0, 0);
    }

    @Test
    void theInputOfABiasIsOne() {
        engine.accumulate(0, rows(2, floats(0, .5, 0, .5), floats(2e-3, 1e-3, 2e-3, 1e-3)));
        engine.commit(ACCEPTED);
        assertClose(average(0), 0, .25, 1);
        assertClose(values(engine.bias(0)), .75, 0);
    }

    @Test
    void rowsThatAreMaskedOutDoNotCount() {
        var inputs = floats(1, 2, Double.NaN, 9, 1, 2);
        var gradients = floats(2e-3, 1e-3, 9, Double.NaN, 2e-3, 1e-3);
        engine.accumulate(0, maskedRows(3, inputs, gradients, bytes(1, 0, -1)));
        engine.commit(ACCEPTED);
        assertFirst();
    }

    @Test
    void aContributionOfNoRowsIsNoUpdateButWritesTheCurvatureForTheStep() {
        engine.accumulate(0, maskedRows(1, floats(1, 2), floats(2e-3, 1e-3), bytes(0)));
        engine.commit(new StepContext(true, 1, .125, 1));
        assertThat(engine.updates()).containsExactly(0, 0);
        assertClose(average(0), 1, 1, 1);
        assertClose(values(engine.weight(0)), 8, 8, 8, 8);
        assertClose(values(engine.bias(0)), 8, 8);
    }

    @Test
    void aContributionThatIsNotFiniteIsDroppedAndLeavesNothingBehind() {
        engine.accumulate(0, rows(1, floats(1, Double.NaN), floats(1, 2)));
        engine.commit(ACCEPTED);
        engine.accumulate(0, rows(1, floats(1, 2), floats(Double.POSITIVE_INFINITY, 2)));
        engine.commit(ACCEPTED);
        assertClose(average(0), 1, 1, 1);
        assertClose(average(1), 1, 1);
        engine.accumulate(0, first());
        engine.commit(ACCEPTED);
        assertFirst();
        assertThat(engine.factors().get(0).updates()).isEqualTo(1);
        assertThat(engine.factors().get(0).refused()).isEqualTo(2);
    }

    @Test
    void aRefusedStepDropsWhatWasAccumulated() {
        engine.accumulate(0, second());
        engine.commit(new StepContext(false, 0, .125, 1));
        assertClose(values(engine.weight(0)), 1, 1, 1, 1);
        engine.accumulate(0, first());
        engine.commit(ACCEPTED);
        assertFirst();
        assertThat(engine.updates()).containsExactly(1, 0);
    }

    @Test
    void whatIsDiscardedDoesNotCount() {
        engine.accumulate(0, second());
        engine.discard();
        engine.commit(new StepContext(true, 1, .125, 1));
        assertClose(values(engine.weight(0)), 1, 1, 1, 1);
        engine.accumulate(0, second());
        engine.discard();
        engine.accumulate(0, first());
        engine.commit(ACCEPTED);
        assertFirst();
    }

    /**
     * Accumulates what another thread closes while it is read: the output gradients, behind many
     * inputs.
     *
     * @param others what the same step was shown before
     */
    private void failHalfWay(Runnable others) {
        int count = 1 << 20;
        var inputs = floats(new double[2 * count]);
        Throwable failure;
        do {
            engine.discard();
            others.run();
            var arena = Arena.ofShared();
            var gradients = arena.allocate(2L * Float.BYTES * count, Float.BYTES);
            var closing =
                    CompletableFuture.runAsync(
                            arena::close,
                            CompletableFuture.delayedExecutor(1, TimeUnit.MILLISECONDS));
            failure = catchThrowable(() -> engine.accumulate(0, rows(count, inputs, gradients)));
            closing.join();
        } while (failure == null || !"Already closed".equals(failure.getMessage()));
    }

    @Test
    void aContributionThatFailsHalfWayLeavesNothingBehind() {
        failHalfWay(() -> {});
        engine.commit(new StepContext(true, 1, .125, 1));
        assertThat(engine.updates()).containsExactly(0, 0);
        assertClose(values(engine.weight(0)), 1, 1, 1, 1);
    }

    @Test
    void aContributionThatFailsHalfWayLeavesTheOthersOfTheStep() {
        failHalfWay(() -> engine.accumulate(0, first()));
        engine.commit(ACCEPTED);
        assertThat(engine.updates()).containsExactly(1, 0);
        assertFirst();
    }

    @Test
    void aCommitThatIsUndoneCanBeRepeated() {
        engine.accumulate(0, first());
        engine.commit(ACCEPTED);
        engine.accumulate(0, second());
        engine.accumulate(1, rows(1, floats(1, 2, 3), floats(1)));
        engine.commit(ACCEPTED);
        var once = List.of(average(0), average(1), average(2), average(3));

        engine.undo();
        assertThat(engine.updates()).containsExactly(1, 0);
        assertFirst();
        assertClose(average(2), 1, 1, 1);
        assertClose(average(3), 1);

        engine.commit(ACCEPTED);
        assertThat(engine.updates()).containsExactly(2, 1);
        assertThat(List.of(average(0), average(1), average(2), average(3)))
                .usingElementComparator(Arrays::compare)
                .isEqualTo(once);
    }

    @Test
    void undoingGoesBackToTheBeginning() {
        engine.accumulate(0, first());
        engine.commit(ACCEPTED);
        engine.begin();
        engine.undo();
        assertFirst();
    }

    @Test
    void aRefusedStepCanBeUndone() {
        engine.accumulate(0, first());
        engine.commit(REFUSED);
        engine.undo();
        engine.commit(ACCEPTED);
        assertFirst();
    }

    @Test
    void theTraceIsTheSumOfTheAverage() {
        engine.average(2).set(.5f, -2, 4);
        engine.restore(1, 7, 3);
        assertThat(engine.factors())
                .containsExactly(
                        new FactorState(3, 0, 0),
                        new FactorState(2, 0, 0),
                        new FactorState(2.5, 7, 3),
                        new FactorState(1, 7, 3));
    }

    @Test
    void restoringDropsWhatWasAccumulated() {
        engine.accumulate(1, rows(1, floats(1, 2, 3), floats(1)));
        engine.restore(1, 7, 3);
        engine.commit(ACCEPTED);
        assertThat(engine.updates()).containsExactly(0, 7);
    }

    @Test
    void averagesAreNamedByLayerAndSide() {
        var last = engine.average(2);
        assertThat(last.parameter()).isEqualTo("b");
        assertThat(last.slot()).isEqualTo("fisher.input");
        assertThat(last.shape()).isEqualTo(Shape.of(3));
        assertThat(engine.average(1).parameter()).isEqualTo("a");
        assertThat(engine.average(1).slot()).isEqualTo("fisher.output");
        assertThat(engine.average(1).shape()).isEqualTo(Shape.of(2));
    }

    @Test
    void aLayerWithoutBiasHasNoCurvatureForIt() {
        assertThatThrownBy(() -> engine.bias(1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("layer 'b' has no bias");
    }

    @Test
    void closingFreesTheMemoryOnce() {
        var curvature = ((HostMemory) engine.weight(0)).segment();
        engine.close();
        engine.close();
        assertThat(curvature.scope().isAlive()).isFalse();
        assertThat(closed).hasValue(1);
    }

    static Stream<Consumer<HostFisher>> uses() {
        return Stream.of(
                engine -> engine.accumulate(0, first()),
                HostFisher::begin,
                engine -> engine.commit(ACCEPTED),
                HostFisher::updates,
                HostFisher::factors,
                engine -> engine.weight(0),
                engine -> engine.bias(0),
                engine -> engine.average(0).toArray());
    }

    @ParameterizedTest
    @MethodSource("uses")
    void itIsOfNoUseOnceClosed(Consumer<HostFisher> use) {
        engine.close();
        assertThatThrownBy(() -> use.accept(engine))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the diagonals are closed");
    }
}
