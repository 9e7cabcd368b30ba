package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.matrix.Inverted;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Inverses of factors, and what is said of their errors. */
@Tag("virtual-gpu")
class KroneckerInvertTest {

    private static final InversionMethod.Cholesky SINGLE = new InversionMethod.Cholesky(false);
    private static final InversionMethod.Cholesky DOUBLE = new InversionMethod.Cholesky(true);

    /** An engine whose factors have these sizes, two a layer. */
    static KroneckerEngine open(Device device, int... sizes) {
        var layers = new ArrayList<KroneckerLayer>();
        for (int i = 0; i < sizes.length; i += 2) {
            layers.add(Layers.layer(device, "l" + i, sizes[i + 1], sizes[i], false, new Random(i)));
        }
        return device.open(new KroneckerPlan(layers, 0.9));
    }

    /** Checks the error against plain loops; gives the candidate. */
    static float[] check(
            KroneckerEngine engine, Inversion inversion, Inverted result, float[] factor, int n) {
        assertThat(result.status()).isEqualTo(Inverted.Status.INVERTED);
        engine.adopt(List.of(inversion.factor()));
        var inverse = engine.inverse(inversion.factor()).toArray();
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < i; j++) {
                assertThat(inverse[i * n + j]).isEqualTo(inverse[j * n + i]);
            }
        }
        double error = Doubles.error(factor, inversion.damping(), inverse, n);
        assertThat(error).as("size %d", n).isLessThanOrEqualTo(result.certifiedError());
        return inverse;
    }

    @ParameterizedTest
    @EnumSource
    void inversesOfManySizesInOneCall(Setup setup) {
        int[] sizes = {1, 2, 3, 63, 64, 65, 128, 129, 200, 224, 225, 300};
        var random = new Random(7);
        try (var device = setup.device()) {
            var engine = open(device, sizes);
            var factors = new float[sizes.length][];
            var inversions = new ArrayList<Inversion>();
            double[] conditions = {1, 10, 1e3, 1e2};
            for (int i = 0; i < sizes.length; i++) {
                factors[i] = Doubles.positive(random, sizes[i], conditions[i % 4]);
                engine.average(i).set(factors[i]);
                inversions.add(new Inversion(i, i % 3 == 0 ? 1e-4 : 0, SINGLE));
            }
            var results = engine.invert(inversions);
            for (int i = 0; i < sizes.length; i++) {
                check(engine, inversions.get(i), results.get(i), factors[i], sizes[i]);
                assertThat(results.get(i).certifiedError())
                        .as("size %d", sizes[i])
                        .isLessThan(3e-6 * conditions[i % 4] + 1e-4);
                assertThat(results.get(i).condition())
                        .isBetween(1 - 1e-6, 20 * Math.sqrt(sizes[i]) * conditions[i % 4]);
                assertThat(engine.average(i).toArray()).containsExactly(factors[i]);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FFM_FORWARD", "JCUDA_RANDOM"})
    void aLargerFactorInEitherPrecision(Setup setup) {
        var random = new Random(8);
        int n = 450;
        try (var device = setup.device()) {
            var engine = open(device, n, 100);
            var large = Doubles.positive(random, n, 1e6);
            var small = Doubles.positive(random, 100, 1e6);
            engine.average(0).set(large);
            engine.average(1).set(small);
            for (var method : List.of(SINGLE, DOUBLE)) {
                var inversions =
                        List.of(new Inversion(1, 0, DOUBLE), new Inversion(0, 1e-7, method));
                var results = engine.invert(inversions);
                check(engine, inversions.get(0), results.get(0), small, 100);
                check(engine, inversions.get(1), results.get(1), large, n);
                assertThat(results.get(0).certifiedError()).isLessThan(0.1);
                assertThat(results.get(1).certifiedError())
                        .isLessThan(method.doublePrecision() ? 0.1 : 1);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void rowsOfVeryUnequalSizeAreScaled(Setup setup) {
        int n = 70;
        var random = new Random(9);
        try (var device = setup.device()) {
            var engine = open(device, n, 1);
            var factor = Doubles.positive(random, n, 100);
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    factor[i * n + j] *= (float) Math.scalb(1.0, (i % 5 + j % 5 - 4) * 10);
                }
            }
            engine.average(0).set(factor);
            var inversion = new Inversion(0, 0, SINGLE);
            var result = engine.invert(List.of(inversion)).get(0);
            check(engine, inversion, result, factor, n);
            assertThat(result.certifiedError()).isLessThan(1e-3);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatHasNoInverseIsRefusedAndLeavesOthersAlone(Setup setup) {
        int n = 70;
        var random = new Random(10);
        try (var device = setup.device()) {
            var engine = open(device, n, n, n, n, n, n, n, n);
            var good = Doubles.positive(random, n, 10);
            for (int i = 0; i < 8; i++) {
                engine.average(i).set(good);
            }
            var zero = new float[n * n];
            engine.average(1).set(zero);
            var withNaN = good.clone();
            withNaN[69 * n + 3] = Float.NaN;
            withNaN[3 * n + 69] = Float.NaN;
            engine.average(2).set(withNaN);
            var withInfinity = good.clone();
            withInfinity[5 * n + 5] = Float.POSITIVE_INFINITY;
            engine.average(3).set(withInfinity);
            // Of rank one.
            var ones = new float[n * n];
            Arrays.fill(ones, 1);
            engine.average(4).set(ones);
            engine.average(5).set(ones);
            var indefinite = good.clone();
            indefinite[66 * n + 66] = -1;
            engine.average(6).set(indefinite);
            var nanOnDiagonal = good.clone();
            nanOnDiagonal[0] = Float.NaN;
            engine.average(7).set(nanOnDiagonal);
            var before = engine.inverse(1).toArray();
            for (var method : List.of(SINGLE, DOUBLE)) {
                var inversions =
                        List.of(
                                new Inversion(0, 0, method),
                                new Inversion(1, 0, method),
                                new Inversion(2, 0, method),
                                new Inversion(3, 0, method),
                                new Inversion(4, 0, method),
                                new Inversion(5, 1, method),
                                new Inversion(6, 0, method),
                                new Inversion(7, 0, method));
                var results = engine.invert(inversions);
                check(engine, inversions.get(0), results.get(0), good, n);
                check(engine, inversions.get(5), results.get(5), ones, n);
                assertThat(results.subList(1, 5))
                        .extracting(Inverted::status)
                        .containsExactly(
                                Inverted.Status.NOT_POSITIVE_DEFINITE,
                                Inverted.Status.NOT_FINITE,
                                Inverted.Status.NOT_FINITE,
                                Inverted.Status.NOT_POSITIVE_DEFINITE);
                assertThat(results.get(6).status())
                        .isEqualTo(Inverted.Status.NOT_POSITIVE_DEFINITE);
                assertThat(results.get(7).status()).isEqualTo(Inverted.Status.NOT_FINITE);
                assertThat(results.get(1).certifiedError()).isInfinite();
            }
            assertThat(engine.inverse(1).toArray()).containsExactly(before);
            assertThat(engine.invert(List.of(new Inversion(1, 0.25, SINGLE))).get(0).condition())
                    .isEqualTo(1);
            engine.adopt(List.of(1));
            var inverse = engine.inverse(1).toArray();
            for (int i = 0; i < n * n; i++) {
                assertThat(inverse[i]).isEqualTo(i % (n + 1) == 0 ? 4f : 0f);
            }
            engine.adoptIdentity(List.of(1, 2));
            assertThat(engine.inverse(1).toArray()[n + 1]).isEqualTo(1);
            assertThat(engine.inverse(2).toArray()[n]).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource
    void newtonStartsFromTheInverseInUse(Setup setup) {
        int n = 90;
        var random = new Random(11);
        try (var device = setup.device()) {
            var engine = open(device, n, n);
            var first = Doubles.positive(random, n, 100);
            var other = Doubles.positive(random, n, 100);
            engine.average(0).set(first);
            engine.average(1).set(other);
            engine.invert(List.of(new Inversion(0, 1e-3, SINGLE), new Inversion(1, 0, SINGLE)));
            engine.adopt(List.of(0, 1));
            var moved = first.clone();
            for (int i = 0; i < n * n; i++) {
                moved[i] = 0.5f * first[i] + 0.5f * other[i];
            }
            engine.average(0).set(moved);
            var inversion = new Inversion(0, 1e-3, new InversionMethod.Newton(0.5, 1e-2, 20));
            // The other is far off, and has two iterations.
            engine.average(1).set(Doubles.positive(new Random(12), n, 1e5));
            var hopeless = new Inversion(1, 0, new InversionMethod.Newton(0.9, 1e-3, 2));
            var results = engine.invert(List.of(inversion, hopeless));
            assertThat(results.get(0).certifiedError()).isLessThan(1e-2);
            assertThat(results.get(0).iterations()).isBetween(2, 12);
            assertThat(results.get(1).status()).isEqualTo(Inverted.Status.NOT_CONVERGED);
            check(engine, inversion, results.get(0), moved, n);
            var bad = moved.clone();
            bad[7] = Float.NaN;
            engine.average(0).set(bad);
            assertThat(engine.invert(List.of(inversion)).get(0).status())
                    .isEqualTo(Inverted.Status.NOT_FINITE);
            // Nothing to start from.
            engine.average(0).set(moved);
            engine.inverse(0).set(new float[n * n]);
            assertThat(engine.invert(List.of(inversion)).get(0).status())
                    .isEqualTo(Inverted.Status.NOT_CONVERGED);
        }
    }
}
