package org.panoptim.kfac.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.kfac.engine.HostLayers.ACCEPTED;
import static org.panoptim.kfac.engine.HostLayers.REFUSED;
import static org.panoptim.kfac.engine.HostLayers.bytes;
import static org.panoptim.kfac.engine.HostLayers.floats;
import static org.panoptim.kfac.engine.HostLayers.layer;
import static org.panoptim.kfac.engine.HostLayers.maskedRows;
import static org.panoptim.kfac.engine.HostLayers.rows;
import static org.panoptim.kfac.engine.HostLayers.scaledRows;

import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.backend.Backend;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.matrix.Inverted;
import org.panoptim.matrix.Parallel;
import org.panoptim.spi.StepPlan;
import org.panoptim.step.Clipping;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * Factors of two layers without bias: "a" of 2 inputs and one output, and "b" of 3 inputs and 2
 * outputs.
 */
class HostKroneckerTest {

    private static final Percentage ROUNDING = Percentage.withPercentage(1e-10);

    /** What is as small as this squared is lost in float. */
    private static final double TINY = 0x1p-110;

    private final AtomicInteger closed = new AtomicInteger();
    private final RecordingAlgebra algebra = new RecordingAlgebra();
    private final HostKronecker engine = open(Parallel.SERIAL);

    private HostKronecker open(Parallel parallel) {
        var plan = new KroneckerPlan(List.of(layer("a", 1, 2, false), layer("b", 2, 3, false)), .5);
        return new HostKronecker(plan, algebra, parallel, closed::incrementAndGet);
    }

    @AfterEach
    void close() {
        engine.close();
    }

    private float[] average(int factor) {
        return engine.average(factor).toArray();
    }

    private double trace(int factor) {
        return engine.factors().get(factor).trace();
    }

    @Test
    void rowsThatAreMaskedOutDoNotCount() {
        var inputs = floats(1, 2, Double.NaN, 9, 3, 4);
        engine.accumulate(0, maskedRows(3, inputs, floats(2, Double.NaN, 4), bytes(1, 0, -1)));
        engine.commit(ACCEPTED);
        assertThat(average(0)).containsExactly(5, 7, 7, 10);
        assertThat(average(1)).containsExactly(10);
    }

    @Test
    void ifNoRowIsMaskedOutAllCount() {
        engine.accumulate(0, maskedRows(2, floats(1, 2, 3, 4), floats(2, 4), bytes(1, 1)));
        engine.commit(ACCEPTED);
        assertThat(average(0)).containsExactly(5, 7, 7, 10);
        assertThat(average(1)).containsExactly(10);
    }

    /** The scales are powers of two, so that nothing is rounded. */
    @ParameterizedTest
    @ValueSource(doubles = {1, 0x1p30, 0x1p40, 0x1p-30, 0x1p-40})
    void theLossScaleIsUndoneHoweverLarge(double lossScale) {
        var inputs = floats(0, 0, 0, 0, 0, 0);
        var gradients = floats(lossScale, 2 * lossScale, 3 * lossScale, 4 * lossScale);
        engine.accumulate(1, scaledRows(2, inputs, gradients, lossScale));
        engine.commit(ACCEPTED);
        assertThat(average(3)).containsExactly(5, 7, 7, 10);
    }

    /** Sides of integers times a unit, of which the squares are too small for a float. */
    @ParameterizedTest
    @CsvSource({
        "0x1p0, 0x1p-110",
        "0x1p10, 0x1p-140",
        "0x1p30, 0x1p-140",
        "0x1p-30, 0x1p-140",
        "0x1p-40, 0x1p-140",
        "0x1p40, 0x1p-70"
    })
    void tracesAreKnownWhereFloatsCannotHoldTheSquares(double scale, double size) {
        tinyRows(scale, size, 1, 1, 2, 3);
        tinyRows(scale, size, 3, 1, 4, 2, 2, 1, 0, 3, 1, 2);
        engine.commit(ACCEPTED);
        // The sums of squares are 5 + 32 of inputs and 9 + 8 of output gradients, in 4 rows.
        double ofGradients = Math.pow(size / scale, 2);
        assertThat(trace(0)).isCloseTo(37 / 4.0 * TINY * TINY, ROUNDING);
        assertThat(trace(1)).isCloseTo(17 / 4.0 * ofGradients, ROUNDING);

        tinyRows(scale, size, 1, 3, 1, 5);
        tinyRows(scale, size, 1, 1, 2, 1);
        engine.commit(ACCEPTED);
        // Of the second of two updates with β = ½ the share is ⅔.
        assertThat(trace(0)).isCloseTo((37 / 4.0 / 3 + 15 / 2.0 * 2 / 3) * TINY * TINY, ROUNDING);
        assertThat(trace(1)).isCloseTo((17 / 4.0 / 3 + 26 / 2.0 * 2 / 3) * ofGradients, ROUNDING);
    }

    /** Each row has two inputs and an output gradient. */
    private void tinyRows(double lossScale, double unit, int count, double... values) {
        var inputs = new double[2 * count];
        var gradients = new double[count];
        for (int row = 0; row < count; row++) {
            inputs[2 * row] = TINY * values[3 * row];
            inputs[2 * row + 1] = TINY * values[3 * row + 1];
            gradients[row] = unit * values[3 * row + 2];
        }
        engine.accumulate(0, scaledRows(count, floats(inputs), floats(gradients), lossScale));
    }

    @Test
    void theTraceOfAnAverageThatWasSetIsItsOwn() {
        engine.average(0).set((float) TINY, 0, 0, (float) (2 * TINY));
        assertThat(trace(0)).isEqualTo(3 * TINY);
    }

    @Test
    void aTraceThatIsRestoredCountsWhereTheAveragesIsTiny() {
        engine.average(0).set(0x1p-101f, 0, 0, 0);
        engine.average(1).set(0x1p-100f);
        engine.restore(0, 3, 0);
        engine.restoreTrace(0, 0x1.8p-101);
        engine.restoreTrace(1, 0x1.8p-100);
        assertThat(engine.factors().subList(0, 2))
                .containsExactly(
                        new FactorState(0x1.8p-101, 3, 0), new FactorState(0x1p-100, 3, 0));
        engine.restore(0, 4, 1);
        assertThat(engine.factors().subList(0, 2))
                .containsExactly(new FactorState(0x1p-101, 4, 1), new FactorState(0x1p-100, 4, 1));
    }

    @Test
    void aCommitThatIsUndoneCanBeRepeated() {
        tinyRows(1, TINY, 1, 1, 2, 3);
        engine.commit(ACCEPTED);
        var first = engine.factors();
        tinyRows(1, TINY, 1, 4, 5, 6);
        engine.commit(ACCEPTED);
        var second = engine.factors();
        engine.undo();
        assertThat(engine.factors()).isEqualTo(first);
        engine.commit(ACCEPTED);
        assertThat(engine.factors()).isEqualTo(second);
    }

    @Test
    void undoingGoesBackToTheBeginning() {
        engine.accumulate(0, rows(1, floats(1, 2), floats(3)));
        engine.commit(ACCEPTED);
        var committed = engine.factors();
        engine.begin();
        engine.adoptIdentity(List.of(0));
        engine.undo();
        assertThat(engine.factors()).isEqualTo(committed);
        assertThat(engine.inverse(0).toArray()).containsOnly(0);
    }

    @Test
    void whatIsDiscardedOrRefusedDoesNotCount() {
        engine.accumulate(0, rows(1, floats(5, 6), floats(7)));
        engine.discard();
        engine.accumulate(0, rows(1, floats(5, 6), floats(7)));
        engine.commit(REFUSED);
        engine.accumulate(0, rows(1, floats(1, 2), floats(3)));
        engine.commit(ACCEPTED);
        assertThat(average(0)).containsExactly(1, 2, 2, 4);
        assertThat(average(1)).containsExactly(9);
        assertThat(engine.updates()).containsExactly(1, 0);
    }

    /** Only the pieces of a contribution that every thread may read are given to others. */
    @Test
    void rowsThatAThreadOwnsAreReadByNoOther() {
        var parallel = new OtherThread();
        try (var arena = Arena.ofConfined();
                var shared = open(parallel)) {
            shared.accumulate(0, rows(1, floats(1, 2), floats(arena, 3)));
            shared.accumulate(0, rows(1, floats(arena, 1, 2), floats(3)));
            shared.accumulate(0, rows(1, floats(arena, 1, 2), floats(arena, 3)));
            assertThat(parallel.counts).isEmpty();
            shared.accumulate(0, rows(1, floats(1, 2), floats(3)));
            assertThat(parallel.counts).containsExactly(2);
            shared.commit(ACCEPTED);
            assertThat(shared.average(0).toArray()).containsExactly(1, 2, 2, 4);
            assertThat(shared.average(1).toArray()).containsExactly(9);
        }
    }

    @Test
    void theLargestInverseIsBegunFirst() {
        engine.average(0).set(1, 0, 0, 1);
        engine.average(2).set(4, 0, 0, 0, 2, 0, 0, 0, 2);
        engine.average(3).set(1, 0, 0, Float.NaN);
        engine.average(1).set(1);
        var cholesky = new InversionMethod.Cholesky(false);
        var results =
                engine.invert(
                        List.of(
                                new Inversion(1, 0, cholesky),
                                new Inversion(0, 0, cholesky),
                                new Inversion(3, 0, cholesky),
                                new Inversion(2, 0, cholesky)));
        assertThat(algebra.inverted).containsExactly(3, 2, 1);
        assertThat(results)
                .extracting(Inverted::status)
                .containsExactly(
                        Inverted.Status.INVERTED,
                        Inverted.Status.INVERTED,
                        Inverted.Status.NOT_FINITE,
                        Inverted.Status.INVERTED);
        assertThat(results.get(3).condition()).isEqualTo(2);
    }

    @Test
    void noInverseIsComputedOfWhatIsAccumulated() {
        engine.accumulate(1, rows(1, floats(1, 2, 3), floats(4, 5)));
        var inversions = List.of(new Inversion(3, 1, new InversionMethod.Cholesky(false)));
        assertThatThrownBy(() -> engine.invert(inversions))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("layer 'b' holds contributions that no step has taken up yet");
    }

    @Test
    void statesAreNamedByLayerAndSide() {
        var average = engine.average(2);
        assertThat(average.parameter()).isEqualTo("b");
        assertThat(average.slot()).isEqualTo("kfac.input_factor");
        assertThat(average.shape()).isEqualTo(Shape.of(3, 3));
        var inverse = engine.inverse(3);
        assertThat(inverse.parameter()).isEqualTo("b");
        assertThat(inverse.slot()).isEqualTo("kfac.output_inverse");
        assertThat(inverse.shape()).isEqualTo(Shape.of(2, 2));
    }

    @Test
    void noDeviceDecidesOnTheStepsOfTheHost() {
        var plan = StepPlan.of(List.of()).withClipping(Clipping.globalNorm(1));
        try (var backend = Backend.named("reference");
                var execution = backend.open(plan)) {
            assertThat(engine.queuesOn(execution)).isFalse();
        }
        assertThatThrownBy(engine::decided)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("no device decides on the steps");
    }

    @Test
    void whatACertificateNeedsIsFreedWithIt() {
        engine.average(1).set(2);
        engine.invert(List.of(new Inversion(1, 0, new InversionMethod.Cholesky(false))));
        assertThat(algebra.memory)
                .isNotEmpty()
                .allSatisfy(segment -> assertThat(segment.scope().isAlive()).isFalse());
    }

    @Test
    void closingFreesTheMemoryOnce() {
        engine.accumulate(0, rows(1, floats(1, 2), floats(3)));
        engine.close();
        engine.close();
        assertThat(algebra.memory)
                .isNotEmpty()
                .allSatisfy(segment -> assertThat(segment.scope().isAlive()).isFalse());
        assertThat(closed).hasValue(1);
    }

    static Stream<Consumer<HostKronecker>> uses() {
        return Stream.of(
                engine -> engine.accumulate(0, rows(1, floats(1, 2), floats(3))),
                HostKronecker::begin,
                engine -> engine.commit(ACCEPTED),
                HostKronecker::updates,
                HostKronecker::factors,
                engine -> engine.invert(List.of()),
                engine -> engine.adopt(List.of()),
                engine -> engine.adoptIdentity(List.of()),
                engine -> engine.adoptZeros(List.of()),
                engine -> engine.check(List.of()),
                engine -> engine.precondition(ACCEPTED, List.of(), 1),
                engine -> engine.average(0).toArray(),
                engine -> engine.inverse(0).toArray());
    }

    @ParameterizedTest
    @MethodSource("uses")
    void itIsOfNoUseOnceClosed(Consumer<HostKronecker> use) {
        engine.close();
        assertThatThrownBy(() -> use.accept(engine))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the factors are closed");
    }
}
