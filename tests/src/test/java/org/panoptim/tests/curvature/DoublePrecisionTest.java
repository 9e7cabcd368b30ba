package org.panoptim.tests.curvature;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.kfac.Batch;
import org.panoptim.kfac.Fallback;
import org.panoptim.kfac.Kfac;
import org.panoptim.kfac.RefreshReport;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/**
 * A factor that single precision inverts with too large an error, and double precision does not.
 */
class DoublePrecisionTest {

    private static final int N = 192;

    /** So small that raising it changes nothing compared with the eigenvalues of the factor. */
    private static final double DAMPING = 1e-20;

    static Stream<String> backends() {
        // The reference always computes in double.
        return CurvatureBackends.names().stream().filter(name -> !name.equals("reference"));
    }

    private static RefreshReport refresh(String backendName, double tolerance) {
        try (var backend = Backend.named(backendName);
                var value = backend.allocate(N * Float.BYTES);
                var gradient = backend.allocate(N * Float.BYTES);
                var inputs = backend.allocate(N * Float.BYTES);
                var outputs = backend.allocate(Float.BYTES)) {
            var weight = Parameter.of("weight", Shape.of(1, N), value.memory());
            weight.gradient(gradient.memory());
            try (var kfac =
                            Kfac.builder(backend)
                                    .layer("l", weight)
                                    .damping(DAMPING)
                                    .piCorrection(false)
                                    .tolerance(tolerance)
                                    .build();
                    var optimizer =
                            Optimizer.builder(SGD.withLearningRate(1))
                                    .group("all", List.of(weight))
                                    .transform(kfac)
                                    .backend(backend)
                                    .build()) {
                outputs.write(0, MemorySegment.ofArray(new float[] {1}));
                kfac.accumulate("l", inputs.memory(), outputs.memory(), Batch.sum());
                optimizer.step();
                var factor = DoubleMatrix.rounded(DoubleMatrix.spectrum(N, 1e6, 3));
                find(kfac, "kfac.input_factor").set(factor);
                return kfac.refresh();
            }
        }
    }

    private static StateTensor find(Kfac kfac, String slot) {
        return kfac.states().stream()
                .filter(state -> state.slot().equals(slot))
                .findFirst()
                .orElseThrow();
    }

    @ParameterizedTest
    @MethodSource("backends")
    void isInvertedInDoubleOnceLargerDampingDoesNotHelp(String backend) {
        ToDoubleFunction<RefreshReport> error =
                report -> report.factors().getFirst().certifiedError();
        var any = refresh(backend, 1e9);
        assertThat(any.factors().getFirst().fallback()).isEqualTo(Fallback.NONE);
        // The error of rounding the exact inverse to float is some times smaller than that of
        // computing in float; a tolerance between them leaves one way only.
        double tolerance = error.applyAsDouble(any) / 1.5;
        var report = refresh(backend, tolerance);
        assertThat(report.factors().getFirst().fallback()).isEqualTo(Fallback.DOUBLE_PRECISION);
        assertThat(error.applyAsDouble(report)).isLessThanOrEqualTo(tolerance);
    }
}
