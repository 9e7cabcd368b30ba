package org.panoptim.tests.curvature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.backend.Backend;
import org.panoptim.kfac.engine.FactorEngines;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.matrix.Inverted;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.VirtualGpu;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The certified error of an inverse is never below its error in double. */
class CertifiedInverseTest {

    private static final InversionMethod CHOLESKY = new InversionMethod.Cholesky(false);
    private static final InversionMethod IN_DOUBLE = new InversionMethod.Cholesky(true);

    static Stream<String> backends() {
        return CurvatureBackends.names().stream();
    }

    /** Factors of these sizes, in layers without bias of n inputs and one output. */
    private static final class Factors implements AutoCloseable {
        final Backend backend;
        final List<Buffer> buffers = new ArrayList<>();
        final KroneckerEngine engine;
        final int[] sizes;

        Factors(String backendName, int... sizes) {
            this.sizes = sizes;
            backend = Backend.named(backendName);
            var layers = new ArrayList<KroneckerLayer>();
            for (int i = 0; i < sizes.length; i++) {
                var buffer = backend.allocate((long) sizes[i] * Float.BYTES);
                buffers.add(buffer);
                var weight = Parameter.of("w" + i, Shape.of(1, sizes[i]), buffer.memory());
                layers.add(new KroneckerLayer("l" + i, weight, Optional.empty()));
            }
            engine = FactorEngines.of(backend).open(new KroneckerPlan(layers, .95));
        }

        void set(int layer, float[] factor) {
            engine.average(2 * layer).set(factor);
            engine.restore(layer, 1, 0);
        }

        float[] inverse(int layer) {
            return engine.inverse(2 * layer).toArray();
        }

        @Override
        public void close() {
            engine.close();
            buffers.forEach(Buffer::close);
            backend.close();
        }
    }

    private static void assertCertified(
            float[] factor, int n, double damping, Inverted result, float[] inverse) {
        var lower = DoubleMatrix.cholesky(factor, n, damping);
        if (lower == null) {
            // Rounding the factor to float has made it indefinite; nothing may pass for an inverse.
            assertThat(result.certifiedError()).isGreaterThan(.25);
            return;
        }
        if (result.status() != Inverted.Status.INVERTED) {
            assertThat(result.certifiedError()).isInfinite();
            return;
        }
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                assertThat(inverse[i * n + j]).isEqualTo(inverse[j * n + i]);
            }
        }
        assertThat(DoubleMatrix.error(lower, inverse))
                .as("n = %d", n)
                .isLessThanOrEqualTo(result.certifiedError());
    }

    private static void check(
            String backend,
            InversionMethod method,
            double condition,
            double damping,
            int... sizes) {
        try (var factors = new Factors(backend, sizes)) {
            var matrices = new ArrayList<float[]>();
            var inversions = new ArrayList<Inversion>();
            for (int i = 0; i < sizes.length; i++) {
                var spectrum = DoubleMatrix.spectrum(sizes[i], condition, 10L * sizes[i]);
                matrices.add(DoubleMatrix.rounded(spectrum));
                factors.set(i, matrices.get(i));
                inversions.add(new Inversion(2 * i, damping, method));
            }
            var results = factors.engine.invert(inversions);
            factors.engine.adopt(
                    IntStream.range(0, sizes.length)
                            .filter(i -> results.get(i).status() == Inverted.Status.INVERTED)
                            .mapToObj(i -> 2 * i)
                            .toList());
            for (int i = 0; i < sizes.length; i++) {
                assertCertified(
                        matrices.get(i), sizes[i], damping, results.get(i), factors.inverse(i));
                if (condition <= 1e4) {
                    assertThat(results.get(i).certifiedError()).isLessThan(.1);
                    // For a symmetric matrix no norm is below the largest eigenvalue.
                    double smallest = sizes[i] == 1 ? 1 : 1 / condition;
                    assertThat(results.get(i).condition())
                            .isGreaterThan(.9 * (1 + damping) / (smallest + damping));
                }
            }
        }
    }

    private static final int[] SMALL = {1, 2, 3, 7, 16, 31, 32, 33, 63, 64, 65, 100, 128, 129};
    private static final int[] MIDDLE = {192, 223, 224, 225, 256, 300};

    @ParameterizedTest
    @MethodSource("backends")
    void forSmallFactorsOfEveryCondition(String backend) {
        for (double condition : new double[] {1, 1e2, 1e4, 1e6, 1e8}) {
            check(backend, CHOLESKY, condition, 0, SMALL);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void forFactorsOnBothSidesOfABlocksMemory(String backend) {
        check(backend, CHOLESKY, 1e3, 0, MIDDLE);
        check(backend, CHOLESKY, 1e6, 1e-5, MIDDLE);
    }

    @ParameterizedTest
    @MethodSource("backends")
    void inDouble(String backend) {
        check(backend, IN_DOUBLE, 1e5, 0, 1, 33, 130, 225);
    }

    @Test
    void forLargeFactors() {
        assumeThat(VirtualGpu.isChosen()).isFalse();
        check("simd", CHOLESKY, 1e4, 1e-4, 769, 1100);
    }

    @ParameterizedTest
    @MethodSource("backends")
    void byNewtonsMethod(String backend) {
        for (int n : new int[] {5, 64, 130}) {
            try (var factors = new Factors(backend, n)) {
                double damping = 1e-2;
                var old = DoubleMatrix.spectrum(n, 1e3, 1);
                factors.set(0, DoubleMatrix.rounded(old));
                factors.engine.invert(List.of(new Inversion(0, damping, CHOLESKY)));
                factors.engine.adopt(List.of(0));
                var fresh = DoubleMatrix.spectrum(n, 1e3, 2);
                for (int i = 0; i < n; i++) {
                    for (int j = 0; j < n; j++) {
                        fresh[i][j] = .6 * old[i][j] + .4 * fresh[i][j];
                    }
                }
                var factor = DoubleMatrix.rounded(fresh);
                factors.set(0, factor);
                var newton = new InversionMethod.Newton(.59, 1e-3, 12);
                var result =
                        factors.engine
                                .invert(List.of(new Inversion(0, damping, newton)))
                                .getFirst();
                assertThat(result.status()).isEqualTo(Inverted.Status.INVERTED);
                assertThat(result.iterations()).isBetween(1, 12);
                assertThat(result.certifiedError()).isLessThanOrEqualTo(1e-3);
                factors.engine.adopt(List.of(0));
                assertCertified(factor, n, damping, result, factors.inverse(0));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void aFactorWithoutAnInverseFailsAloneAndSaysWhy(String backend) {
        int n = 130;
        try (var factors = new Factors(backend, n, n, n, 5)) {
            var good = DoubleMatrix.rounded(DoubleMatrix.spectrum(n, 10, 1));
            var nan = good.clone();
            nan[7 * n + 7] = Float.NaN;
            var indefinite = good.clone();
            indefinite[9] = 50;
            indefinite[9 * n] = 50;
            factors.set(0, nan);
            factors.set(1, indefinite);
            factors.set(2, good);
            factors.set(3, new float[25]);
            var results =
                    factors.engine.invert(
                            List.of(
                                    new Inversion(0, 1e-3, CHOLESKY),
                                    new Inversion(2, 1e-3, CHOLESKY),
                                    new Inversion(4, 1e-3, CHOLESKY),
                                    new Inversion(6, .5, CHOLESKY)));
            assertThat(results.get(0).status()).isEqualTo(Inverted.Status.NOT_FINITE);
            assertThat(results.get(1).status()).isEqualTo(Inverted.Status.NOT_POSITIVE_DEFINITE);
            assertThat(results.get(2).certifiedError()).isLessThan(1e-3);
            assertThat(results.get(3).certifiedError()).isLessThan(1e-3);
            factors.engine.adopt(List.of(4, 6));
            factors.engine.adoptIdentity(List.of(0));
            assertThat(factors.inverse(3)[0])
                    .isCloseTo(2, within((float) (2 * results.get(3).certifiedError())));
            assertThat(factors.inverse(0)[0]).isEqualTo(1);
            assertThat(factors.inverse(0)[1]).isZero();
        }
    }
}
