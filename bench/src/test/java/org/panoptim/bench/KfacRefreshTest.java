package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.backend.Backend;
import org.panoptim.matrix.Inverted;
import org.panoptim.spi.StepPlan;

import java.util.List;

/** What the benchmark of K-FAC's refresh computes. */
class KfacRefreshTest {

    @ParameterizedTest
    @EnumSource
    void itComputesInverses(KfacRefresh.Method method) {
        itComputesInverses("simd", method);
    }

    @ParameterizedTest
    @EnumSource
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void itComputesInversesOnADevice(KfacRefresh.Method method) {
        itComputesInverses("cuda-ffm", method);
    }

    private static StepPlan withoutGroups() {
        return StepPlan.of(List.of());
    }

    private static void itComputesInverses(String backend, KfacRefresh.Method method) {
        var benchmark = new KfacRefresh();
        benchmark.model = FactorSizes.TINY;
        benchmark.backend = backend;
        benchmark.method = method;
        benchmark.open();
        try {
            var results = benchmark.refresh();
            assertThat(results).hasSize(4);
            assertThat(results)
                    .allSatisfy(
                            result ->
                                    assertThat(result.iterations() > 0)
                                            .isEqualTo(method == KfacRefresh.Method.NEWTON));
            assertThat(benchmark.opened().name()).isEqualTo(backend);
            var engine = benchmark.engine();
            try (var execution = benchmark.opened().open(withoutGroups())) {
                assertThat(engine.queuesOn(execution)).isEqualTo(!backend.equals("simd"));
            }
            engine.adopt(List.of(1));
            var factor = engine.average(1).toArray();
            var inverse = engine.inverse(1).toArray();
            double product = 0;
            for (int k = 0; k < 30; k++) {
                product += (factor[k] + (k == 0 ? .1 : 0)) * inverse[k];
            }
            assertThat(product).isCloseTo(1, within(1e-3));
        } finally {
            benchmark.close();
        }
    }

    @Test
    void anInverseThatIsNotGoodEnoughMeasuresNothing() {
        try (var backend = Backend.named("reference");
                var model = new KfacModel(FactorSizes.TINY, backend)) {
            var good = new Inverted(Inverted.Status.INVERTED, 1e-3, 2e-3, 10, 0);
            var bad = new Inverted(Inverted.Status.INVERTED, 1.1e-3, 2e-3, 10, 0);
            model.requireGoodEnough(List.of(good, good));
            assertThatThrownBy(() -> model.requireGoodEnough(List.of(good, bad)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("factor 1 of 30 rows");
            assertThatThrownBy(
                            () ->
                                    model.requireGoodEnough(
                                            List.of(Inverted.failed(Inverted.Status.NOT_FINITE))))
                    .hasMessageContaining("factor 0 of 21 rows");
        }
    }

    @Test
    void theModelsHaveTheirFactors() {
        assertThat(FactorSizes.RESNET50.layers()).hasSize(54);
        assertThat(cubes(FactorSizes.RESNET50)).isCloseTo(4.5e11, within(1e10));
        assertThat(FactorSizes.GPT2_SMALL.layers()).hasSize(48);
        assertThat(cubes(FactorSizes.GPT2_SMALL)).isCloseTo(8.7e11, within(1e10));
    }

    private static double cubes(FactorSizes model) {
        return model.layers().stream()
                .mapToDouble(
                        layer ->
                                Math.pow(layer.inputs() + (layer.bias() ? 1 : 0), 3)
                                        + Math.pow(layer.outputs(), 3))
                .sum();
    }
}
