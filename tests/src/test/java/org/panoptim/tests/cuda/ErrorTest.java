package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.kfac.engine.Preconditioning;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.testkit.VirtualGpu;
import org.panoptim.tests.cuda.Layers.Step;

import java.util.List;
import java.util.Map;
import java.util.Random;

/** What errors of the driver do to the backend, and what they tell. */
@Tag("virtual-gpu")
class ErrorTest {

    /** Errors that destroy a context, by CUDA's numbers. */
    private static final Map<Integer, String> STICKY =
            Map.ofEntries(
                    Map.entry(214, "CUDA_ERROR_ECC_UNCORRECTABLE"),
                    Map.entry(220, "CUDA_ERROR_NVLINK_UNCORRECTABLE"),
                    Map.entry(226, "CUDA_ERROR_CONTAINED"),
                    Map.entry(700, "CUDA_ERROR_ILLEGAL_ADDRESS"),
                    Map.entry(702, "CUDA_ERROR_LAUNCH_TIMEOUT"),
                    Map.entry(710, "CUDA_ERROR_ASSERT"),
                    Map.entry(714, "CUDA_ERROR_HARDWARE_STACK_ERROR"),
                    Map.entry(715, "CUDA_ERROR_ILLEGAL_INSTRUCTION"),
                    Map.entry(716, "CUDA_ERROR_MISALIGNED_ADDRESS"),
                    Map.entry(717, "CUDA_ERROR_INVALID_ADDRESS_SPACE"),
                    Map.entry(718, "CUDA_ERROR_INVALID_PC"),
                    Map.entry(719, "CUDA_ERROR_LAUNCH_FAILED"),
                    Map.entry(721, "CUDA_ERROR_TENSOR_MEMORY_LEAK"),
                    Map.entry(810, "CUDA_ERROR_MPS_CLIENT_TERMINATED"),
                    Map.entry(911, "CUDA_ERROR_EXTERNAL_DEVICE"));

    private static final Map<Integer, String> PASSING =
            Map.of(
                    2, "CUDA_ERROR_OUT_OF_MEMORY",
                    701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
                    999, "CUDA_ERROR_UNKNOWN");

    @AfterEach
    void forget() {
        VirtualGpu.fail("cuLaunchKernel", 0, 0);
        VirtualGpu.fail("cuStreamSynchronize", 0, 0);
        VirtualGpu.fail("panoptimVirtualSubmit", 0, 0);
    }

    private static Optimizer optimizer(Device device, Parameter parameter) {
        return device.build(Optimizer.builder(AdamW.defaults()).group("all", List.of(parameter)));
    }

    private static Parameter parameter(Device device) {
        return device.parameter("p", device.floats(1)).gradient(device.floats(1).memory());
    }

    @ParameterizedTest
    @EnumSource
    void anErrorThatDestroysTheContextMakesTheBackendUnusable(Implementation implementation) {
        STICKY.forEach(
                (code, name) -> {
                    try (var device = implementation.device()) {
                        var optimizer = optimizer(device, parameter(device));
                        VirtualGpu.fail("cuLaunchKernel", code, 1);
                        assertThatThrownBy(optimizer::step)
                                .isInstanceOf(CudaException.class)
                                .hasMessageContainingAll("cuLaunchKernel", name);
                        assertThatThrownBy(optimizer::step)
                                .as(name)
                                .isInstanceOf(IllegalStateException.class)
                                .hasMessageContainingAll("unusable", "start anew", name);
                    }
                });
    }

    @ParameterizedTest
    @EnumSource
    void anErrorThatPassesDoesNot(Implementation implementation) {
        try (var device = implementation.device()) {
            var optimizer = optimizer(device, parameter(device));
            PASSING.forEach(
                    (code, name) -> {
                        VirtualGpu.fail("cuLaunchKernel", code, 1);
                        assertThatThrownBy(optimizer::step)
                                .isInstanceOf(CudaException.class)
                                .hasMessageContaining(name);
                        optimizer.step();
                        assertThat(optimizer.report().accepted()).isTrue();
                    });
        }
    }

    @ParameterizedTest
    @EnumSource
    void anUnknownErrorIsFollowedUpByAskingTheContext(Implementation implementation) {
        try (var device = implementation.device()) {
            var optimizer = optimizer(device, parameter(device));
            VirtualGpu.fail("cuLaunchKernel", 999, 1);
            VirtualGpu.fail("cuStreamSynchronize", 719, 1);
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(CudaException.class)
                    .hasMessageContainingAll(
                            "cuLaunchKernel", "CUDA_ERROR_LAUNCH_FAILED", "CUDA_ERROR_UNKNOWN");
            assertThatThrownBy(optimizer::step).hasMessageContaining("unusable");
        }
    }

    /** Lets a product of cuBLAS fail, and returns the caller's exception. */
    private static CudaException failedProduct(Device device, int code, Runnable again) {
        var layer = Layers.layer(device, "layer", 2, 3, true, new Random(1));
        var factors = device.open(new KroneckerPlan(List.of(layer), 0.9));
        factors.inverse(0).set(Doubles.positive(new Random(2), layer.inputFactor(), 10));
        factors.inverse(1).set(Doubles.positive(new Random(3), layer.outputs(), 10));
        var step = Step.ACCEPTED.on(device);
        Runnable work = () -> factors.precondition(step, List.of(new Preconditioning(0, 1)), 1);
        VirtualGpu.fail("panoptimVirtualSubmit", code, 1);
        var error = catchThrowableOfType(CudaException.class, work::run);
        if (again == null) {
            work.run();
        } else {
            assertThatThrownBy(work::run).hasMessageContaining("unusable");
        }
        return error;
    }

    @ParameterizedTest
    @EnumSource
    void behindAFailureOfCublasTheErrorOfTheContextIsFound(Implementation implementation) {
        try (var device = implementation.device()) {
            var error = failedProduct(device, 700, () -> {});
            assertThat(error.errorName()).isEqualTo("CUDA_ERROR_ILLEGAL_ADDRESS");
            assertThat(error)
                    .hasMessageContainingAll("cublasSgemm", "CUBLAS_STATUS_EXECUTION_FAILED");
            assertThat(error.getSuppressed()).hasSize(1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aFailureOfCublasAloneLeavesTheBackendUsable(Implementation implementation) {
        try (var device = implementation.device()) {
            var error = failedProduct(device, 701, null);
            assertThat(error.errorName()).isEqualTo("CUBLAS_STATUS_EXECUTION_FAILED");
            assertThat(error.getSuppressed()).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource
    void aStepOnTheDefaultStreamDuringACaptureThatItMustWaitForSaysWhatToDo(
            Implementation implementation) {
        try (var device = implementation.device()) {
            var driver = device.driver();
            var optimizer = optimizer(device, parameter(device));
            long blocking = FrameworkCalls.createBlockingStream();
            driver.beginCapture(blocking);
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(CudaException.class)
                    .hasMessageContainingAll(
                            "cuStreamIsCapturing",
                            "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT (906)",
                            "waits for the legacy default stream is being captured",
                            "CudaOptions.withStream",
                            "CU_STREAM_NON_BLOCKING");
            // Neither the capture nor the backend is lost.
            driver.destroyGraph(driver.endCapture(blocking));
            driver.destroyStream(blocking);
            optimizer.step();
            assertThat(optimizer.report().step()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aStepBesideAnotherStreamsGlobalCaptureSaysWhatToDo(Implementation implementation) {
        try (var device = implementation.device()) {
            var driver = device.driver();
            var parameter = parameter(device);
            var optimizer = optimizer(device, parameter);
            long other = driver.createStream();
            FrameworkCalls.beginGlobalCapture(other);
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(CudaException.class)
                    .hasMessageContainingAll(
                            "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED (900)",
                            "a mode that forbids this call",
                            "CudaOptions.withStream",
                            "relaxed mode");
            assertThatThrownBy(() -> driver.endCapture(other)).isInstanceOf(CudaException.class);
            driver.destroyStream(other);
            optimizer.step();
            assertThat(optimizer.report().step()).isEqualTo(1);
        }
    }
}
