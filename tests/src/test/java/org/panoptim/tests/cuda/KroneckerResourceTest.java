package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.backend.Backend;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.driver.CublasStatus;
import org.panoptim.cuda.driver.CudaBlas;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.CudaUnavailableException;
import org.panoptim.cuda.driver.RecordingDriver;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.kfac.engine.FactorEngines;
import org.panoptim.kfac.engine.FisherAverage;
import org.panoptim.kfac.engine.FisherPlan;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.kfac.engine.Preconditioning;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.spi.Shares;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.testkit.VirtualGpu;
import org.panoptim.tests.cuda.Layers.Batch;
import org.panoptim.tests.cuda.Layers.Step;

import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** What engines of Kronecker factors open is closed, whenever memory runs out. */
@Tag("virtual-gpu")
class KroneckerResourceTest {

    private static final int CUBLAS_STATUS_NOT_INITIALIZED = 1;

    /** Does some of everything. */
    private static void work(RecordingDriver driver) {
        var random = new Random(41);
        try (var device = new Device(driver)) {
            var layer = Layers.layer(device, "layer", 2, 3, true, random);
            var factors = device.open(new KroneckerPlan(List.of(layer), 0.9));
            var fisher = device.open(new FisherPlan(List.of(layer), FisherAverage.REFERENCE, 0.9));
            var batch = Batch.random(layer, 8, random).on(device, layer);
            var step = Step.ACCEPTED.on(device);
            factors.accumulate(0, batch);
            factors.commit(step);
            fisher.accumulate(0, batch);
            fisher.commit(step);
            factors.invert(
                    List.of(
                            new Inversion(0, 1, new InversionMethod.Cholesky(true)),
                            new Inversion(1, 1, new InversionMethod.Cholesky(false))));
            factors.adopt(List.of(0, 1));
            factors.invert(List.of(new Inversion(0, 2, new InversionMethod.Newton(0.1, 1e-3, 5))));
            factors.precondition(step, List.of(new Preconditioning(0, 1)), 1);
            assertThat(factors.klCoefficient()).isPresent();
        }
    }

    @ParameterizedTest
    @EnumSource
    void nothingIsLeftOpen(Implementation implementation) {
        var driver = new RecordingDriver(implementation.driver());
        long before = VirtualGpu.live("allocations");
        work(driver);
        assertThat(driver.report()).isEmpty();
        assertThat(VirtualGpu.live("allocations")).isEqualTo(before);
    }

    @ParameterizedTest
    @EnumSource
    void wheneverMemoryRunsOutNothingIsLeftOpen(Implementation implementation) {
        for (var call : List.of("cuMemAllocAsync", "cuMemHostAlloc", "cuEventCreate")) {
            int failures = 0;
            for (int after = 1; failures == after - 1; after++) {
                var driver = new RecordingDriver(implementation.driver());
                VirtualGpu.fail(call, FrameworkCalls.OUT_OF_MEMORY, after);
                try {
                    work(driver);
                } catch (CudaException e) {
                    failures++;
                } finally {
                    VirtualGpu.fail(call, 0, 0);
                }
                assertThat(driver.report()).as("failure %d of %s", after, call).isEmpty();
            }
            assertThat(failures).as(call).isPositive();
        }
    }

    @ParameterizedTest
    @EnumSource
    void factorsThatCannotBeSharedOutStayWhole(Implementation implementation) {
        for (var call :
                List.of("cuMemAllocAsync", "cuMemcpyDtoDAsync_v2", "cuMemcpyHtoDAsync_v2")) {
            int failures = 0;
            for (int after = 1; failures == after - 1; after++) {
                var driver = new RecordingDriver(implementation.driver());
                try (var device = new Device(driver)) {
                    failures += shareOut(device, call, after);
                }
                assertThat(driver.report()).as("failure %d of %s", after, call).isEmpty();
            }
            assertThat(failures).as(call).isPositive();
        }
    }

    /** Shares factors out, at last; how often that has failed. */
    private static int shareOut(Device device, String call, int after) {
        var layer = Layers.layer(device, "layer", 2, 3, false, new Random(1));
        var factors = device.open(new KroneckerPlan(List.of(layer), 0.9));
        factors.accumulate(0, Batch.random(layer, 8, new Random(2)).on(device, layer));
        factors.commit(Step.ACCEPTED.on(device));
        var average = factors.average(0).toArray();
        var team = LocalTeam.of(1, Duration.ofSeconds(1)).getFirst();
        var shares = Shares.of(team, Map.of(layer.weight(), 0));
        long before = VirtualGpu.live("allocations");
        int failures = 0;
        VirtualGpu.fail(call, FrameworkCalls.OUT_OF_MEMORY, after);
        try {
            factors.share(shares);
        } catch (CudaException e) {
            failures++;
            assertThat(factors.isShared()).isFalse();
        } finally {
            VirtualGpu.fail(call, 0, 0);
        }
        if (failures > 0) {
            factors.share(shares);
        }
        assertThat(factors.isShared()).isTrue();
        // Waits, so that everything is freed by now.
        assertThat(factors.average(0).toArray()).isEqualTo(average);
        assertThat(VirtualGpu.live("allocations")).isEqualTo(before);
        return failures;
    }

    @ParameterizedTest
    @EnumSource
    void aBackendIsNotClosedUnderItsFactors(Implementation implementation) {
        try (var device = implementation.device()) {
            var layer = Layers.layer(device, "layer", 2, 3, true, new Random(1));
            var factors = device.open(new KroneckerPlan(List.of(layer), 0.9));
            assertThatThrownBy(device.backend()::close)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("used");
            factors.close();
            factors.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    void withoutCublasThePlanIsRefusedWithTheReason(Implementation implementation) {
        try (var device = implementation.device();
                var backend =
                        CudaBackend.open(
                                "cuda",
                                implementation.driver(),
                                () -> {
                                    throw new CudaUnavailableException(
                                            "libcublas is not there", List.of("here", "and there"));
                                },
                                CudaOptions.defaults())) {
            var layer = Layers.layer(device, "layer", 2, 3, true, new Random(1));
            assertThatThrownBy(
                            () ->
                                    FactorEngines.of(backend)
                                            .open(new KroneckerPlan(List.of(layer), 0.9)))
                    .isInstanceOf(UnsupportedPlanException.class)
                    .hasMessageContaining("libcublas is not there (here; and there)");
            assertThat(FactorEngines.of(backend).explain())
                    .containsExactly("none, since libcublas is not there", "here", "and there");
        }
    }

    @Test
    void aCublasThatDoesNotFitTheDriverIsAsGoodAsNone() {
        try (var device = Implementation.FFM.device();
                var backend =
                        CudaBackend.open(
                                "cuda",
                                device.driver(),
                                KroneckerResourceTest::blasThatFails,
                                CudaOptions.defaults())) {
            var layer = Layers.layer(device, "layer", 2, 3, true, new Random(1));
            assertThatThrownBy(
                            () ->
                                    FactorEngines.of(backend)
                                            .open(new KroneckerPlan(List.of(layer), 0.9)))
                    .isInstanceOf(UnsupportedPlanException.class)
                    .hasMessageContaining(
                            "does not work with this driver and device: cublas call create");
            assertThat(FactorEngines.of(backend).explain())
                    .singleElement()
                    .asString()
                    .startsWith("none, since cuBLAS is found, but does not work");
        }
    }

    /** Every call returns that the library was not initialized. */
    private static CudaBlas blasThatFails() {
        return (CudaBlas)
                Proxy.newProxyInstance(
                        CudaBlas.class.getClassLoader(),
                        new Class<?>[] {CudaBlas.class},
                        (_, method, _) -> {
                            throw CublasStatus.failure(
                                    "cublas call " + method.getName(),
                                    CUBLAS_STATUS_NOT_INITIALIZED);
                        });
    }

    @Test
    void whichCublasItIsCanBeAsked() {
        try (var ffm = Backend.named("cuda-ffm");
                var jcuda = Backend.named("cuda-jcuda")) {
            assertThat(FactorEngines.of(ffm).explain())
                    .containsExactly("cuBLAS 13.1.0 through FFM");
            assertThat(FactorEngines.of(jcuda).explain())
                    .containsExactly("cuBLAS 12.6.0 through JCublas 12.6.0");
        }
    }
}
