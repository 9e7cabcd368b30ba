package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.kfac.Matrices.largestDifference;
import static org.panoptim.kfac.Matrices.spectrum;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.UnaryOperator;

/** What a refresh does with factors that are hard to invert; each is forced by its factor. */
class FallbackTest {

    private final Arena arena = Arena.ofConfined();
    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
        arena.close();
    }

    /** A square layer without bias whose factor of inputs can be set. */
    private final class Square implements AutoCloseable {
        final int n;
        final Parameter weight;
        final Kfac kfac;
        final Optimizer optimizer;

        Square(int n, UnaryOperator<Kfac.Builder> change) {
            this.n = n;
            weight =
                    Parameter.of(
                            "weight", Shape.of(n, n), arena.allocate((long) n * n * Float.BYTES));
            weight.gradient(arena.allocate((long) n * n * Float.BYTES));
            kfac =
                    change.apply(
                                    Kfac.builder(backend)
                                            .layer("l", weight)
                                            .piCorrection(false)
                                            .klClip(Double.POSITIVE_INFINITY))
                            .build();
            optimizer =
                    Optimizer.builder(SGD.withLearningRate(1))
                            .group("all", List.of(weight))
                            .transform(kfac)
                            .backend(backend)
                            .build();
            contribute(Matrices.random(3, n, 1));
        }

        void contribute(double[][] inputs) {
            var gradients = Matrices.random(inputs.length, n, 2);
            kfac.accumulate(
                    "l",
                    Matrices.floats(arena, inputs),
                    Matrices.floats(arena, gradients),
                    Batch.sum());
            optimizer.step();
        }

        StateTensor inputs(String what) {
            return kfac.states().stream()
                    .filter(state -> state.slot().equals("kfac.input_" + what))
                    .findFirst()
                    .orElseThrow();
        }

        /** Refreshes with this factor of inputs and reports on it. */
        FactorReport refresh(double[][] factor) {
            var flat = new float[n * n];
            Matrices.write(MemorySegment.ofArray(flat), factor);
            inputs("factor").set(flat);
            return kfac.refresh().factors().getFirst();
        }

        /** What a step leaves of a gradient that is the same everywhere. */
        double[][] step(double gradient) {
            var segment = ((HostMemory) weight.gradient().orElseThrow()).segment();
            Matrices.write(segment, filled(n, gradient));
            optimizer.step();
            return Matrices.read(segment, n, n);
        }

        double[][] inverse() {
            return Matrices.read(MemorySegment.ofArray(inputs("inverse").toArray()), n, n);
        }

        @Override
        public void close() {
            optimizer.close();
            kfac.close();
        }
    }

    private static double[][] filled(int n, double value) {
        var matrix = new double[n][n];
        for (var row : matrix) {
            java.util.Arrays.fill(row, value);
        }
        return matrix;
    }

    @Test
    void aZeroFactorIsTheDampingAlone() {
        try (var square = new Square(4, builder -> builder.damping(.25))) {
            var report = square.refresh(filled(4, 0));
            assertThat(report.fallback()).isEqualTo(Fallback.NONE);
            assertThat(largestDifference(square.inverse(), Matrices.damped(filled(4, 0), 2)))
                    .isLessThan(1e-6);
        }
    }

    @Test
    void aSingularFactorIsInvertedWithItsDamping() {
        try (var square = new Square(4, builder -> builder.damping(1e-4))) {
            var report = square.refresh(filled(4, 1));
            assertThat(report.fallback()).isEqualTo(Fallback.NONE);
            assertThat(report.damping()).isEqualTo(.01);
            var expected = Matrices.inverse(Matrices.damped(filled(4, 1), .01));
            assertThat(largestDifference(square.inverse(), expected)).isLessThan(1e-3);
        }
    }

    @Test
    void aFactorOfOneElementIsItsReciprocal() {
        try (var square = new Square(1, builder -> builder.damping(1))) {
            assertThat(square.refresh(filled(1, 3)).fallback()).isEqualTo(Fallback.NONE);
            assertThat(square.inverse()[0][0]).isEqualTo(.25);
        }
    }

    @Test
    void moreDampingIsTriedWhereTheErrorIsTooLarge() {
        // Eigenvalues down to 1e-12: rounding to float alone makes it indefinite. √γ is 1e-6.
        try (var square = new Square(24, builder -> builder.damping(1e-12).tolerance(2e-3))) {
            var report = square.refresh(spectrum(24, 1e12, 3));
            assertThat(report.fallback()).isEqualTo(Fallback.LARGER_DAMPING);
            assertThat(report.damping()).isGreaterThan(9e-6);
            assertThat(report.certifiedError()).isLessThan(2e-3);
        }
    }

    @Test
    void theInverseBeforeIsKeptWhereNothingHelps() {
        try (var square = new Square(4, builder -> builder.damping(1e-4))) {
            square.refresh(spectrum(4, 10, 1));
            var before = square.inverse();
            for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY}) {
                var report = square.refresh(filled(4, bad));
                assertThat(report.fallback()).isEqualTo(Fallback.PREVIOUS_INVERSE);
                assertThat(report.certifiedError()).isInfinite();
                assertThat(square.inverse()).isDeepEqualTo(before);
            }
            assertThat(square.refresh(filled(4, Double.NaN)).staleRefreshes()).isEqualTo(3);
            assertThat(square.refresh(spectrum(4, 10, 1)).staleRefreshes()).isZero();
        }
    }

    @Test
    void aLayerWithoutAnInverseBeforeStandsStill() {
        // No inverse meets this tolerance, so there never was one.
        try (var square = new Square(4, builder -> builder.tolerance(Double.MIN_VALUE))) {
            var report = square.refresh(filled(4, Double.NaN));
            assertThat(report.fallback()).isEqualTo(Fallback.ZERO);
            assertThat(square.kfac.report().orElseThrow().withoutInverse()).containsExactly("l");
            assertThat(square.step(1)).isDeepEqualTo(filled(4, 0));
        }
    }

    @Test
    void theIdentityStandsInWhereThatIsAskedFor() {
        try (var square =
                new Square(
                        4,
                        builder ->
                                builder.tolerance(Double.MIN_VALUE)
                                        .withoutInverse(WithoutInverse.IDENTITY))) {
            var report = square.refresh(filled(4, Double.NaN));
            assertThat(report.fallback()).isEqualTo(Fallback.IDENTITY);
            assertThat(square.inverse()).isDeepEqualTo(Matrices.damped(filled(4, 0), 1));
            assertThat(square.kfac.layersWithoutInverse()).containsExactly("l");
            assertThat(square.step(1)).isDeepEqualTo(filled(4, 1));
        }
    }

    @Test
    void noNanOfAFactorReachesAParameter() {
        try (var square = new Square(4, builder -> builder)) {
            square.refresh(filled(4, Double.NaN));
            var gradient = ((HostMemory) square.weight.gradient().orElseThrow()).segment();
            gradient.fill((byte) 0);
            gradient.setAtIndex(ValueLayout.JAVA_FLOAT, 5, 1);
            square.optimizer.step();
            var value = ((HostMemory) square.weight.value()).segment();
            for (int i = 0; i < 16; i++) {
                assertThat(value.getAtIndex(ValueLayout.JAVA_FLOAT, i)).isFinite();
            }
        }
    }

    @Test
    void newtonsMethodStartsFromTheInverseInUseAndReachesItsError() {
        try (var square =
                new Square(32, builder -> builder.damping(1e-2).warmNewton(1e-3).factorDecay(.9))) {
            square.contribute(Matrices.random(64, 32, 5));
            assertThat(square.kfac.refresh().factors().getFirst().newtonIterations()).isZero();
            square.contribute(Matrices.random(64, 32, 6));
            square.contribute(Matrices.random(64, 32, 7));
            var report = square.kfac.refresh().factors().getFirst();
            assertThat(report.newtonIterations()).isPositive();
            assertThat(report.fallback()).isEqualTo(Fallback.NONE);
            assertThat(report.certifiedError()).isLessThanOrEqualTo(1e-3);
        }
    }

    @Test
    void whereNewtonsMethodDoesNotReachItsErrorTheFactorisationDoes() {
        try (var square = new Square(32, builder -> builder.damping(1e-2).warmNewton(1e-3))) {
            square.contribute(Matrices.random(64, 32, 5));
            square.kfac.refresh();
            // Larger than what the average can have become: its eigenvalues exceed all bounds.
            var report = square.refresh(Matrices.scale(1e7, spectrum(32, 1e5, 3)));
            assertThat(report.fallback()).isEqualTo(Fallback.CHOLESKY);
            assertThat(report.newtonIterations()).isZero();
            assertThat(report.certifiedError()).isLessThan(.25);
        }
    }
}
