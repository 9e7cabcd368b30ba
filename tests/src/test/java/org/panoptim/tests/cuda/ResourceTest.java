package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.DeviceMemory;
import org.panoptim.Optimizer;
import org.panoptim.Parameter;
import org.panoptim.ParameterGroup;
import org.panoptim.Shape;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.RecordingDriver;
import org.panoptim.rule.AdamW;

import java.util.List;

/** Everything opened is closed once and in order, and errors say what and where. */
@Tag("virtual-gpu")
class ResourceTest {

    private static final AdamW RULE = AdamW.defaults();

    private static RecordingDriver work(Implementation implementation) throws Exception {
        var device = implementation.device();
        try (device) {
            var parameter =
                    device.parameter("p", device.floats(1, 2))
                            .gradient(device.floats(3, 4).memory());
            var optimizer =
                    device.build(Optimizer.builder(RULE).group("all", List.of(parameter)));
            var captured = optimizer.capture();
            captured.launch();
            optimizer.step();
            optimizer.add(
                    new ParameterGroup(
                            "more", RULE, List.of(device.parameter("q", device.floats(5)))));
            optimizer.step();
            device.keep(optimizer.capture());
            captured.close();
        }
        return device.driver();
    }

    @ParameterizedTest
    @EnumSource
    void nothingIsLeftOpen(Implementation implementation) throws Exception {
        assertThat(work(implementation).report()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void wheneverMemoryRunsOutNothingIsLeftOpen(Implementation implementation) throws Exception {
        int failures = 0;
        for (int after = 1; after < 40; after++) {
            for (var call : List.of("cuMemAllocAsync", "cuMemHostAlloc", "cuStreamCreate")) {
                VirtualDriver.fail(call, VirtualDriver.OUT_OF_MEMORY, after);
                try {
                    assertThat(work(implementation).report()).isEmpty();
                } catch (CudaException e) {
                    failures++;
                    assertThat(e).hasMessageContaining("CUDA_ERROR_OUT_OF_MEMORY");
                } finally {
                    VirtualDriver.fail(call, VirtualDriver.OUT_OF_MEMORY, 0);
                }
                assertThat(VirtualDriver.live("allocations"))
                        .as("after failure %d of %s", after, call)
                        .isZero();
            }
        }
        assertThat(failures).isPositive();
    }

    @ParameterizedTest
    @EnumSource
    void aFailedLaunchNamesTheKernelAndItsGeometry(Implementation implementation)
            throws Exception {
        try (var device = implementation.device()) {
            var parameter =
                    device.parameter("p", device.floats(1)).gradient(device.floats(1).memory());
            var optimizer =
                    device.build(Optimizer.builder(RULE).group("all", List.of(parameter)));
            VirtualDriver.fail("cuLaunchKernel", VirtualDriver.OUT_OF_RESOURCES, 2);
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(CudaException.class)
                    .hasMessageContainingAll(
                            "panoptim_update_adamw_f32_f32_f32",
                            "128",
                            "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES");
        }
    }

    @ParameterizedTest
    @EnumSource
    void anIllegalAddressMakesTheBackendUnusableAndSaysSo(Implementation implementation)
            throws Exception {
        var device = implementation.device();
        var backend = device.backend();
        var freed = backend.allocate(4096);
        var gone = (DeviceMemory) freed.memory();
        freed.close();
        var parameter =
                Parameter.of("p", Shape.of(1024), device.floats(new float[1024]).memory())
                        .gradient(gone);
        var optimizer = device.build(Optimizer.builder(RULE).group("all", List.of(parameter)));
        assertThatThrownBy(
                        () -> {
                            optimizer.step();
                            optimizer.report();
                        })
                .isInstanceOf(CudaException.class)
                .hasMessageContaining("CUDA_ERROR_ILLEGAL_ADDRESS");
        assertThatThrownBy(optimizer::step)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll("unusable", "CUDA_ERROR_ILLEGAL_ADDRESS");
        device.close();
        // The context ended with its last user, so a new one works.
        assertThat(work(implementation).report()).isEmpty();
    }
}
