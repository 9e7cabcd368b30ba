package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.cuda.CudaProviders;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.CudaUnavailableException;
import org.panoptim.rule.SGD;
import org.panoptim.testkit.VirtualGpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

/** A driver is given the image of the kernels that it takes. */
@Tag("virtual-gpu")
class OlderDriverTest {

    private static final String PROPERTY = "panoptim.kernels";

    private static final int FAT_BINARY = 0xba55ed50;

    private String before;

    /** The jar of kernels is to be asked, which a build without nvcc leaves empty. */
    @BeforeEach
    void askTheJar() {
        assumeThat(Optimizer.class.getClassLoader().getResource("META-INF/kernels/panoptim.fatbin"))
                .as("the jar's kernels")
                .isNotNull();
        before = System.clearProperty(PROPERTY);
    }

    @AfterEach
    void putBack() {
        VirtualGpu.version(0);
        VirtualGpu.fail("cuModuleLoadData", 0, 0);
        if (before != null) {
            System.setProperty(PROPERTY, before);
        }
    }

    /** A driver that passes every call on, and keeps the image that is loaded. */
    private static CudaDriver watched(CudaDriver driver, AtomicReference<MemorySegment> image) {
        return (CudaDriver)
                Proxy.newProxyInstance(
                        CudaDriver.class.getClassLoader(),
                        new Class<?>[] {CudaDriver.class},
                        (_, method, arguments) -> {
                            if (method.getName().equals("loadModule")) {
                                var loaded = (MemorySegment) arguments[0];
                                image.set(
                                        MemorySegment.ofArray(
                                                loaded.toArray(ValueLayout.JAVA_BYTE)));
                            }
                            try {
                                return method.invoke(driver, arguments);
                            } catch (InvocationTargetException e) {
                                throw e.getCause();
                            }
                        });
    }

    private static MemorySegment loadedOn(Implementation implementation) {
        var image = new AtomicReference<MemorySegment>();
        try (var device = new Device(watched(implementation.driver(), image))) {
            var value = device.floats(3);
            var parameter = device.parameter("p", value).gradient(device.floats(1).memory());
            var optimizer =
                    device.build(
                            Optimizer.builder(SGD.withLearningRate(1))
                                    .group("all", List.of(parameter)));
            optimizer.step();
            assertThat(Device.get(value)).containsExactly(2);
        }
        return image.get();
    }

    @ParameterizedTest
    @CsvSource({"FFM, 12000", "FFM, 12040", "FFM, 12090", "JCUDA, 12040"})
    void anOlderDriverGetsPtxThatItCompiles(Implementation implementation, int version) {
        VirtualGpu.version(version);
        var text = loadedOn(implementation).getString(0);
        assertThat(text.lines().filter(line -> line.startsWith(".version")))
                .containsExactly(".version 8.0");
        assertThat(text).contains(".target sm_80", ".entry panoptim_update_adamw_f32_f32_f32");
    }

    @ParameterizedTest
    @CsvSource({"FFM, 13000", "FFM, 13010", "JCUDA, 13000"})
    void aDriverOfTheToolkitsVersionGetsMachineCode(Implementation implementation, int version) {
        VirtualGpu.version(version);
        assertThat(loadedOn(implementation).get(ValueLayout.JAVA_INT_UNALIGNED, 0))
                .isEqualTo(FAT_BINARY);
    }

    @ParameterizedTest
    @EnumSource
    void whatTheDoctorPrintsSaysWhatIsLoadedAndHowLongThatTakes(Implementation implementation) {
        VirtualGpu.version(12040);
        assertThat(CudaProviders.probe("cuda", implementation::driver).tried())
                .contains("driver: serves CUDA 12.4")
                .anySatisfy(
                        line ->
                                assertThat(line)
                                        .startsWith("kernels: jar, META-INF/kernels/panoptim.ptx")
                                        .contains("some seconds", "cache"));
        VirtualGpu.version(13000);
        assertThat(CudaProviders.probe("cuda", implementation::driver).tried())
                .contains("kernels: jar, META-INF/kernels/panoptim.fatbin");
    }

    @ParameterizedTest
    @EnumSource
    void aDriverBelowTheMinimumIsRefused(Implementation implementation) {
        VirtualGpu.version(11080);
        assertThatThrownBy(implementation::device)
                .isInstanceOf(CudaUnavailableException.class)
                .hasMessageContaining("serves CUDA 11.8, but at least 12.0 is needed");
        var status = CudaProviders.probe("cuda", implementation::driver);
        assertThat(status.available()).isFalse();
        assertThat(status.tried()).contains("kernels: jar, META-INF/kernels/panoptim.fatbin");
    }

    @ParameterizedTest
    @CsvSource({
        "221, libnvidia-ptxjitcompiler.so.1",
        "223, CUDA_DISABLE_PTX_JIT",
    })
    void aDriverThatCannotCompileSaysWhy(int code, String remedy) {
        VirtualGpu.version(12040);
        VirtualGpu.fail("cuModuleLoadData", code, 1);
        assertThatThrownBy(Implementation.FFM::device)
                .isInstanceOf(CudaException.class)
                .hasMessageContainingAll("cuModuleLoadData", remedy);
    }
}
