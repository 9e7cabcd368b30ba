package org.panoptim.kfac.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.kfac.engine.HostLayers.ACCEPTED;
import static org.panoptim.kfac.engine.HostLayers.floats;
import static org.panoptim.kfac.engine.HostLayers.layer;
import static org.panoptim.kfac.engine.HostLayers.read;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.matrix.Parallel;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * The gradients of two layers: "a" of 2 inputs and 2 outputs with a bias, and "b" of 4 inputs and
 * one output without.
 */
class HostGradientsTest {

    private static final double NO_CLIP = Double.POSITIVE_INFINITY;

    private final KroneckerLayer a = layer("a", 2, 2, true);
    private final KroneckerLayer b = layer("b", 1, 4, false);
    private final Parameter biasOfA = a.bias().orElseThrow();
    private final RecordingAlgebra algebra = new RecordingAlgebra();
    private final HostKronecker engine = open(List.of(a, b), Parallel.SERIAL);

    private HostKronecker open(List<KroneckerLayer> layers, Parallel parallel) {
        return new HostKronecker(new KroneckerPlan(layers, .5), algebra, parallel, () -> {});
    }

    @AfterEach
    void close() {
        engine.close();
    }

    private static float[] gradient(Parameter parameter) {
        return read(((HostMemory) parameter.gradient().orElseThrow()).segment());
    }

    private void setGradients() {
        a.weight().gradient(floats(1, 2, 3, 4));
        biasOfA.gradient(floats(5, 6));
        b.weight().gradient(floats(1, -2, 3, -4));
    }

    /** X_A of "a" is [[1, 0, 1], [0, 1, 0], [1, 0, 2]], all other inverses are the identity. */
    private void setInverses() {
        engine.adoptIdentity(List.of(1, 2, 3));
        engine.inverse(0).set(1, 0, 1, 0, 1, 0, 1, 0, 2);
    }

    @Test
    void whatTakesNoPartCountsAsZeroAndStays() {
        setInverses();
        setGradients();
        engine.precondition(ACCEPTED, List.of(new Preconditioning(0, 1)), NO_CLIP);
        assertThat(gradient(a.weight())).containsExactly(6, 2, 9, 4);
        assertThat(gradient(biasOfA)).containsExactly(11, 15);

        setGradients();
        engine.precondition(ACCEPTED, List.of(new Preconditioning(0, 1, true, false)), NO_CLIP);
        assertThat(gradient(a.weight())).containsExactly(1, 2, 3, 4);
        assertThat(gradient(biasOfA)).containsExactly(5, 6);

        setGradients();
        engine.precondition(ACCEPTED, List.of(new Preconditioning(0, 1, false, true)), NO_CLIP);
        assertThat(gradient(a.weight())).containsExactly(1, 2, 3, 4);
        assertThat(gradient(biasOfA)).containsExactly(10, 12);
    }

    @Test
    void onlyTheGradientsOfWhatTakesPartAreNeeded() {
        assertMissing(new Preconditioning(0, 1, true, true), "a", "a.weight");
        assertMissing(new Preconditioning(0, 1, true, false), "a", "a.weight");
        assertMissing(new Preconditioning(0, 1, false, true), "a", "a.bias");
        assertMissing(new Preconditioning(1, 1, true, true), "b", "b.weight");
        assertFine(new Preconditioning(1, 1, false, true));
        a.weight().gradient(floats(1, 2, 3, 4));
        assertMissing(new Preconditioning(0, 1, true, true), "a", "a.bias");
        assertFine(new Preconditioning(0, 1, true, false));
        a.weight().clearGradient();
        biasOfA.gradient(floats(1, 2));
        assertFine(new Preconditioning(0, 1, false, true));
        assertMissing(new Preconditioning(0, 1, true, true), "a", "a.weight");
    }

    private void assertMissing(Preconditioning wanted, String layer, String parameter) {
        assertThatThrownBy(() -> engine.check(List.of(wanted)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("layer '%s': parameter '%s' has no gradient", layer, parameter);
    }

    private void assertFine(Preconditioning wanted) {
        assertThatCode(() -> engine.check(List.of(wanted))).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 2})
    void thereMustBeSuchALayer(int layer) {
        assertThatThrownBy(() -> engine.check(List.of(new Preconditioning(layer, 1))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("there is no layer %d; there are 2", layer);
    }

    @Test
    void gradientsInMemoryOfADeviceAreRefused() {
        b.weight().gradient(new DeviceMemory(0x1000, 16));
        assertThatThrownBy(() -> engine.check(List.of(new Preconditioning(1, 1))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "layer 'b': the gradient of parameter 'b.weight' lies in device memory, but"
                                + " the backend computes on the host");
    }

    @Test
    void gradientsThatCannotBeRewrittenAreRefused() {
        b.weight().gradient(floats(1, 2, 3, 4).asReadOnly());
        assertRefused("the segment is read-only");
        try (var arena = Arena.ofConfined()) {
            b.weight().gradient(floats(arena, 1, 2, 3, 4));
        }
        assertRefused("its arena is closed");
        var ofAnother =
                CompletableFuture.supplyAsync(() -> floats(Arena.ofConfined(), 1, 2, 3, 4)).join();
        b.weight().gradient(ofAnother);
        assertRefused(
                "its arena is confined to a thread other than " + Thread.currentThread().getName());
    }

    /** By the check, and by a step whose gradients have become so since the check. */
    private void assertRefused(String why) {
        var message = "layer 'b': the gradient of parameter 'b.weight' cannot be rewritten: " + why;
        a.weight().gradient(floats(1, 2, 3, 4));
        biasOfA.gradient(floats(5, 6));
        var both = List.of(new Preconditioning(0, 1), new Preconditioning(1, 1));
        assertThatThrownBy(() -> engine.check(both))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(message);
        assertThatThrownBy(() -> engine.precondition(ACCEPTED, both, 1))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(message);
        assertThat(gradient(a.weight())).containsExactly(1, 2, 3, 4);
        assertThat(gradient(biasOfA)).containsExactly(5, 6);
    }

    @Test
    void ifOneGradientCannotBeWrittenAllAreAsBefore() {
        setInverses();
        setGradients();
        var arena = Arena.ofShared();
        b.weight().gradient(floats(arena, 1, 2, 3, 4));
        algebra.beforeMultiply =
                () -> {
                    if (arena.scope().isAlive()) {
                        arena.close();
                    }
                };
        var both = List.of(new Preconditioning(0, 1), new Preconditioning(1, 1));
        var failure = catchThrowable(() -> engine.precondition(ACCEPTED, both, NO_CLIP));
        assertThat(failure).isInstanceOf(IllegalStateException.class).hasMessage("Already closed");
        // That of the layer which cannot be put back either.
        assertThat(failure.getSuppressed()).hasSize(1);
        assertThat(gradient(a.weight())).containsExactly(1, 2, 3, 4);
        assertThat(gradient(biasOfA)).containsExactly(5, 6);
        assertThat(engine.klCoefficient()).isEmpty();
    }

    @Test
    void gradientsThatAThreadOwnsAreCopiedByNoOther() {
        var parallel = new OtherThread();
        var both = List.of(new Preconditioning(0, 1), new Preconditioning(1, 1));
        try (var arena = Arena.ofConfined();
                var shared = open(List.of(a, b), parallel)) {
            shared.adoptIdentity(List.of(0, 1, 2, 3));
            setGradients();
            // Read, multiplied and written.
            shared.precondition(ACCEPTED, both, NO_CLIP);
            assertThat(parallel.counts).containsExactly(2, 2, 2);
            biasOfA.gradient(floats(arena, 5, 6));
            shared.precondition(ACCEPTED, both, NO_CLIP);
            assertThat(parallel.counts).containsExactly(2, 2, 2, 2);
            assertThat(gradient(biasOfA)).containsExactly(5, 6);
            shared.precondition(ACCEPTED, List.of(new Preconditioning(0, 1, true, false)), NO_CLIP);
            assertThat(parallel.counts).endsWith(1, 1, 1);
        }
    }

    /** Of 2 inputs and 2 outputs without a bias. */
    private static final class Square {
        final KroneckerLayer layer = layer("square", 2, 2, false);

        /** The gradient is size · [[1, −1], [−1, 1]]. */
        void gradient(double size) {
            layer.weight().gradient(floats(size, -size, -size, size));
        }
    }

    /** [[a, b], [b, a]] with the row sum {@code sum}, and {@code difference = a − b}. */
    private static float[] inverse(double sum, double difference) {
        float diagonal = (float) ((sum + difference) / 2);
        float beside = (float) ((sum - difference) / 2);
        return new float[] {diagonal, beside, beside, diagonal};
    }

    /**
     * Rounding makes an error of {@code 2⁻²⁴ ‖X_A‖ ‖X_G‖ ‖∇‖}, of which {@code 2⁻⁹ ‖U‖} is let
     * pass: here, {@code ‖X_A‖ ‖X_G‖} may be 2¹⁵ times the eigenvalue of the gradient.
     */
    @ParameterizedTest
    @CsvSource({
        "128, 255, 1, false",
        "128, 256, 1, false",
        "128, 257, 1, true",
        "128, 255, 1024, false",
        "128, 257, 1024, true",
        "128, 255, .0009765625, false",
        "128, 257, .0009765625, true"
    })
    void whereRoundingWouldShowItIsComputedInDouble(
            double inputSum, double outputSum, double size, boolean inDouble) {
        var square = new Square();
        try (var engine = open(List.of(square.layer), Parallel.SERIAL)) {
            engine.inverse(0).set(inverse(inputSum * size, size));
            engine.inverse(1).set(inverse(outputSum / size, 1 / size));
            square.gradient(size);
            // U is the gradient, and ⟨U, ∇⟩ = 4 size².
            double clip = size * size;
            engine.precondition(ACCEPTED, List.of(new Preconditioning(0, 1)), clip);
            assertThat(algebra.multipliedInDouble).isEqualTo(inDouble ? 1 : 0);
            assertThat(engine.klCoefficient().orElseThrow()).isCloseTo(.5, within(1e-6));
            float half = (float) size / 2;
            assertThat(gradient(square.layer.weight()))
                    .containsExactly(new float[] {half, -half, -half, half}, within(half * 1e-5f));
        }
    }

    /**
     * Half of the product, of 4 numbers, may lose 4 · 2⁻¹²⁶ in each, which makes 2⁻¹²³ ‖X_G‖ in
     * all: too much of a half whose length is below 2⁻¹¹⁴.
     */
    @ParameterizedTest
    @CsvSource({"2, false", "1.0625, false", ".9375, true", ".5, true"})
    void whereHalfOfTheProductIsTooSmallItIsComputedInDouble(double times, boolean inDouble) {
        for (double outputInverse : new double[] {1024, 1 / 1024.0}) {
            algebra.multipliedInDouble = 0;
            engine.inverse(2).set(diagonal(4, 0x1p-57f));
            engine.inverse(3).set((float) outputInverse);
            // Its length is twice that of an element.
            double element = times * 0x1p-58;
            b.weight().gradient(floats(element, -element, element, -element));
            engine.precondition(ACCEPTED, List.of(new Preconditioning(1, 1)), NO_CLIP);
            assertThat(algebra.multipliedInDouble).isEqualTo(inDouble ? 1 : 0);
            float expected = (float) (element * 0x1p-57 * outputInverse);
            assertThat(gradient(b.weight()))
                    .containsExactly(expected, -expected, expected, -expected);
        }
    }

    private static float[] diagonal(int n, float value) {
        var matrix = new float[n * n];
        for (int i = 0; i < n; i++) {
            matrix[i * n + i] = value;
        }
        return matrix;
    }

    @Test
    void whatFloatsCannotHoldOnTheWayIsComputedInDouble() {
        engine.inverse(2).set(diagonal(4, 0x1p100f));
        engine.inverse(3).set(0x1p-100f);
        b.weight().gradient(floats(0x1p60, 0x1p61, 0, 0));
        engine.precondition(ACCEPTED, List.of(new Preconditioning(1, 1)), NO_CLIP);
        assertThat(gradient(b.weight())).containsExactly(0x1p60f, 0x1p61f, 0, 0);
    }

    @Test
    void anInverseThatIsSetAnewCountsWithItsOwnNorm() {
        var square = new Square();
        try (var engine = open(List.of(square.layer), Parallel.SERIAL)) {
            var wanted = List.of(new Preconditioning(0, 1));
            engine.adoptIdentity(List.of(0, 1));
            square.gradient(1);
            engine.precondition(ACCEPTED, wanted, NO_CLIP);
            assertThat(algebra.multipliedInDouble).isZero();
            engine.inverse(0).set(inverse(0x1p16, 1));
            engine.precondition(ACCEPTED, wanted, NO_CLIP);
            assertThat(algebra.multipliedInDouble).isEqualTo(1);
            engine.adoptIdentity(List.of(0));
            engine.precondition(ACCEPTED, wanted, NO_CLIP);
            assertThat(algebra.multipliedInDouble).isEqualTo(1);
        }
    }

    @Test
    void anInverseThatIsBackInUseCountsWithItsOwnNorm() {
        var square = new Square();
        try (var engine = open(List.of(square.layer), Parallel.SERIAL)) {
            var wanted = List.of(new Preconditioning(0, 1));
            engine.adoptIdentity(List.of(1));
            engine.inverse(0).set(inverse(0x1p16, 1));
            square.gradient(1);
            engine.begin();
            engine.adoptIdentity(List.of(0));
            engine.precondition(ACCEPTED, wanted, NO_CLIP);
            engine.undo();
            assertThat(algebra.multipliedInDouble).isZero();
            engine.precondition(ACCEPTED, wanted, NO_CLIP);
            assertThat(algebra.multipliedInDouble).isEqualTo(1);
        }
    }
}
