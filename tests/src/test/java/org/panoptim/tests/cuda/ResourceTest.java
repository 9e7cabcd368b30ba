package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.UnusableOptimizerException;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.RecordingDriver;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdamW;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.VirtualGpu;

import java.util.List;

/** Everything opened is closed once and in order, and errors say what and where. */
@Tag("virtual-gpu")
class ResourceTest {

    private static final AdamW RULE = AdamW.defaults();

    /** Does some of everything. */
    private static void work(RecordingDriver driver) {
        try (var device = new Device(driver)) {
            var parameter =
                    device.parameter("p", device.floats(1, 2))
                            .gradient(device.floats(3, 4).memory());
            var optimizer = device.build(Optimizer.builder(RULE).group("all", List.of(parameter)));
            var captured = device.capture(optimizer);
            captured.launch();
            optimizer.step();
            optimizer.add(
                    new ParameterGroup(
                            "more", RULE, List.of(device.parameter("q", device.floats(5)))));
            optimizer.step();
            device.capture(optimizer);
            captured.close();
        }
    }

    @ParameterizedTest
    @EnumSource
    void nothingIsLeftOpen(Implementation implementation) {
        var driver = new RecordingDriver(implementation.driver());
        work(driver);
        assertThat(driver.created()).isPositive();
        assertThat(driver.report()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void wheneverMemoryRunsOutNothingIsLeftOpen(Implementation implementation) {
        for (var call :
                List.of("cuMemAllocAsync", "cuMemHostAlloc", "cuStreamCreate", "cuEventCreate")) {
            int failures = 0;
            for (int after = 1; failures == after - 1; after++) {
                var driver = new RecordingDriver(implementation.driver());
                VirtualGpu.fail(call, FrameworkCalls.OUT_OF_MEMORY, after);
                try {
                    work(driver);
                } catch (CudaException e) {
                    failures++;
                    assertThat(e).hasMessageContainingAll(call, "CUDA_ERROR_OUT_OF_MEMORY");
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
    void aFailedLaunchNamesTheKernelAndItsGeometry(Implementation implementation) {
        try (var device = implementation.device()) {
            var parameter =
                    device.parameter("p", device.floats(1)).gradient(device.floats(1).memory());
            var optimizer = device.build(Optimizer.builder(RULE).group("all", List.of(parameter)));
            VirtualGpu.fail("cuLaunchKernel", FrameworkCalls.OUT_OF_RESOURCES, 2);
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(UnusableOptimizerException.class)
                    .hasMessageContainingAll(
                            "panoptim_update_adamw", "128", "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES");
        }
    }

    @ParameterizedTest
    @EnumSource
    void anIllegalAddressMakesTheBackendUnusableAndSaysSo(Implementation implementation) {
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
        var driver = new RecordingDriver(implementation.driver());
        work(driver);
        assertThat(driver.report()).isEmpty();
    }
}
