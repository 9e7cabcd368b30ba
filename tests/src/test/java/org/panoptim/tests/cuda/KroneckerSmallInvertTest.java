package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.matrix.Inverted;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Factors that a thread block inverts in its shared memory, compared with those that are too large.
 */
@Tag("virtual-gpu")
class KroneckerSmallInvertTest {

    private static final int SHARED_MEMORY_PER_BLOCK_OPTIN = 97;
    private static final InversionMethod.Cholesky SINGLE = new InversionMethod.Cholesky(false);
    private static final int[] SIZES = {1, 2, 31, 32, 33, 64, 65, 223, 224, 225};

    /** What is done to the factors of a test. */
    private enum Fault {
        NONE,
        ZERO,
        NAN,
        INDEFINITE;

        void on(float[] factor, int n) {
            switch (this) {
                case NONE -> {}
                case ZERO -> java.util.Arrays.fill(factor, 0);
                case NAN -> {
                    factor[n - 1] = Float.NaN;
                    factor[(n - 1) * n] = Float.NaN;
                }
                case INDEFINITE -> {
                    // Found at the last pivot: the two rows would have to be equal.
                    for (int i = 0; i < n; i++) {
                        factor[(n - 1) * n + i] = factor[i];
                    }
                    for (int i = 0; i < n; i++) {
                        factor[i * n + n - 1] = factor[(n - 1) * n + i];
                    }
                    factor[n * n - 1] = factor[0] * 0.5f;
                }
            }
        }

        Inverted.Status status(int n) {
            return switch (this) {
                case NONE, ZERO -> Inverted.Status.INVERTED;
                case NAN -> Inverted.Status.NOT_FINITE;
                case INDEFINITE ->
                        n == 1 ? Inverted.Status.INVERTED : Inverted.Status.NOT_POSITIVE_DEFINITE;
            };
        }
    }

    /** A driver that notes the kernels launched, of a device with so much shared memory or less. */
    private static CudaDriver noting(CudaDriver driver, int shared, List<String> launched) {
        return (CudaDriver)
                Proxy.newProxyInstance(
                        CudaDriver.class.getClassLoader(),
                        new Class<?>[] {CudaDriver.class},
                        (_, method, arguments) -> {
                            if (method.getName().equals("launch")) {
                                launched.add((String) arguments[1]);
                            }
                            try {
                                var result = method.invoke(driver, arguments);
                                boolean limited =
                                        method.getName().equals("deviceAttribute")
                                                && arguments[0].equals(
                                                        SHARED_MEMORY_PER_BLOCK_OPTIN);
                                return limited ? Math.min((int) result, shared) : result;
                            } catch (InvocationTargetException e) {
                                throw e.getCause();
                            }
                        });
    }

    private static void invertAll(Device device, List<String> launched) {
        var random = new Random(51);
        var engine = KroneckerInvertTest.open(device, SIZES);
        for (int shift = 0; shift < Fault.values().length; shift++) {
            var factors = new float[SIZES.length][];
            var inversions = new ArrayList<Inversion>();
            for (int i = 0; i < SIZES.length; i++) {
                var fault = Fault.values()[(i + shift) % Fault.values().length];
                factors[i] = Doubles.positive(random, SIZES[i], 100);
                fault.on(factors[i], SIZES[i]);
                engine.average(i).set(factors[i]);
                inversions.add(new Inversion(i, fault == Fault.ZERO ? 0.25 : 0, SINGLE));
            }
            launched.clear();
            var results = engine.invert(inversions);
            for (int i = 0; i < SIZES.length; i++) {
                int n = SIZES[i];
                var fault = Fault.values()[(i + shift) % Fault.values().length];
                assertThat(results.get(i).status())
                        .as("%s of size %d", fault, n)
                        .isEqualTo(fault.status(n));
                if (fault.status(n) == Inverted.Status.INVERTED) {
                    var inverse =
                            KroneckerInvertTest.check(
                                    engine, inversions.get(i), results.get(i), factors[i], n);
                    assertThat(results.get(i).certifiedError()).isLessThan(1e-3);
                    for (int j = 0; fault == Fault.ZERO && j < n * n; j++) {
                        assertThat(inverse[j]).isEqualTo(j % (n + 1) == 0 ? 4f : 0f);
                    }
                }
                assertThat(engine.average(i).toArray()).containsExactly(factors[i]);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void oneLaunchForTheSmallAndOneForTheLarge(Setup setup) {
        var launched = new ArrayList<String>();
        try (var device = setup.device(driver -> noting(driver, 101_376, launched))) {
            invertAll(device, launched);
            assertThat(launched)
                    .startsWith("panoptim_kfac_invert_small", "panoptim_kfac_invert_f32")
                    .filteredOn(name -> name.contains("invert"))
                    .hasSize(2);
        }
    }

    @ParameterizedTest
    @EnumSource(names = "FFM_FORWARD")
    void withLessSharedMemoryTheQueueTakesAll(Setup setup) {
        var launched = new ArrayList<String>();
        try (var device = setup.device(driver -> noting(driver, 65_536, launched))) {
            invertAll(device, launched);
            assertThat(launched)
                    .filteredOn(name -> name.contains("invert"))
                    .containsExactly("panoptim_kfac_invert_f32");
        }
    }
}
