package org.panoptim.tests.curvature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.kfac.Batch;
import org.panoptim.kfac.FactorReport;
import org.panoptim.kfac.Kfac;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.VirtualGpu;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Random;

/**
 * OpenBLAS, which multiplies in float, comes to what the reference does with numbers that leave
 * floats little: the tests of core compare that one with arithmetic in double.
 */
class HardNumbersTest {

    private static final int INPUTS = 7;
    private static final int OUTPUTS = 4;

    /** A preconditioned gradient, and the sum of the errors that were certified. */
    private record Result(float[] gradient, double certified) {}

    @BeforeAll
    static void onTheHost() {
        assumeThat(VirtualGpu.isChosen()).isFalse();
    }

    private static float[] random(int count, long seed, double size) {
        var random = new Random(seed);
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (size * random.nextGaussian());
        }
        return values;
    }

    private static Result run(
            String backendName, int rows, double size, double lossScale, double damping) {
        var x = random(rows * INPUTS, 1, 1);
        var d = random(rows * OUTPUTS, 2, size * lossScale);
        var gradient = new float[OUTPUTS * INPUTS];
        for (int i = 0; i < OUTPUTS * INPUTS; i++) {
            double sum = 0;
            for (int row = 0; row < rows; row++) {
                sum += (double) d[row * OUTPUTS + i / INPUTS] * x[row * INPUTS + i % INPUTS];
            }
            gradient[i] = (float) (sum / lossScale);
        }
        var f = ValueLayout.JAVA_FLOAT;
        try (var arena = Arena.ofShared();
                var backend = Backend.named(backendName)) {
            var memory = arena.allocateFrom(f, gradient);
            var weight =
                    Parameter.of(
                                    "weight",
                                    Shape.of(OUTPUTS, INPUTS),
                                    arena.allocate(memory.byteSize(), 64))
                            .gradient(memory);
            try (var kfac =
                            Kfac.builder(backend)
                                    .layer("l", weight)
                                    .damping(damping)
                                    .klClip(Double.POSITIVE_INFINITY)
                                    .build();
                    var optimizer =
                            Optimizer.builder(SGD.withLearningRate(1))
                                    .group("all", java.util.List.of(weight))
                                    .transform(kfac)
                                    .backend(backend)
                                    .build()) {
                kfac.accumulate(
                        "l",
                        arena.allocateFrom(f, x),
                        arena.allocateFrom(f, d),
                        Batch.sum().withLossScale(lossScale));
                optimizer.step();
                double certified =
                        kfac.report().orElseThrow().factors().stream()
                                .mapToDouble(FactorReport::certifiedError)
                                .sum();
                return new Result(memory.toArray(f), certified);
            }
        }
    }

    private static void assertAgree(int rows, double size, double lossScale, double damping) {
        var reference = run("reference", rows, size, lossScale, damping);
        var actual = run("simd", rows, size, lossScale, damping);
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < OUTPUTS * INPUTS; i++) {
            difference += Math.pow(actual.gradient[i] - (double) reference.gradient[i], 2);
            norm += Math.pow(reference.gradient[i], 2);
        }
        assertThat(Math.sqrt(difference / norm))
                .as("%d rows of %.0e, damping %.0e", rows, size, damping)
                .isLessThan(Math.max(1e-4, actual.certified + reference.certified));
        assertThat(actual.certified).isLessThan(.25);
    }

    @Test
    void aBatchOfOneAtLittleDamping() {
        for (double damping : new double[] {1e-2, 1e-4, 1e-6, 1e-8}) {
            assertAgree(1, 1, 1, damping);
        }
    }

    @Test
    void outputGradientsWhoseSquaresFloatsCannotHold() {
        for (double size : new double[] {1e-12, 1e-20, 1e-25, 1e-30}) {
            assertAgree(16, size, 1, 1e-3);
        }
    }

    @Test
    void lossScalesWhoseSquaresFloatsCannotHold() {
        for (double scale : new double[] {0x1p-100, 0x1p40, 0x1p90}) {
            assertAgree(16, scale > 1 ? 1e-9 : 1e4, scale, 1e-3);
        }
    }
}
