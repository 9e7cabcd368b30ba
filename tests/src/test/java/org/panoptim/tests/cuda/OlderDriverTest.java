package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.cuda.CudaProviders;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.driver.CudaUnavailableException;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;
import org.panoptim.testkit.VirtualGpu;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;

/** A driver is given the image of the kernels that it takes. */
@Tag("virtual-gpu")
class OlderDriverTest {

    private static final String PROPERTY = "panoptim.kernels";

    private static final int FAT_BINARY = 0xba55ed50;

    private String before;

    /** The kernels of the jar are needed, which a build without nvcc leaves empty. */
    @BeforeEach
    void askTheJar() {
        assumeThat(Optimizer.class.getClassLoader().getResource("META-INF/kernels/step.fatbin"))
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

    /** A driver that passes every call on, and keeps the images that are loaded. */
    private static CudaDriver watched(CudaDriver driver, List<MemorySegment> images) {
        return (CudaDriver)
                Proxy.newProxyInstance(
                        CudaDriver.class.getClassLoader(),
                        new Class<?>[] {CudaDriver.class},
                        (_, method, arguments) -> {
                            if (method.getName().equals("loadModule")) {
                                var loaded = (MemorySegment) arguments[0];
                                images.add(
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

    private static List<MemorySegment> loadedOn(Implementation implementation) {
        var images = new ArrayList<MemorySegment>();
        try (var device = new Device(watched(implementation.driver(), images))) {
            step(device, SGD.withLearningRate(1));
        }
        return images;
    }

    private static void step(Device device, UpdateRule... rules) {
        var builder = Optimizer.builder(rules[0]);
        for (int i = 0; i < rules.length; i++) {
            var parameter = device.parameter("p" + i, device.floats(3));
            parameter.gradient(device.floats(1).memory());
            builder.group("group " + i, List.of(parameter), rules[i]);
        }
        device.build(builder).step();
    }

    @Test
    void aPlanLoadsTheImagesOfItsOwnRules() {
        var images = new ArrayList<MemorySegment>();
        try (var device = new Device(watched(Implementation.FFM.driver(), images))) {
            assertThat(images).as("what every step needs").hasSize(1);
            step(device, SGD.withLearningRate(1), SGD.withLearningRate(1).withMomentum(0.9));
            assertThat(images).as("SGD's").hasSize(2);
            step(device, AdamW.defaults(), SGD.withLearningRate(1), Lion.defaults());
            assertThat(images).as("AdamW's and Lion's").hasSize(4);
            step(device, AdamW.defaults().withAmsgrad(true));
            assertThat(images).as("with AMSGrad it is the same").hasSize(4);
        }
    }

    @ParameterizedTest
    @CsvSource({"FFM, 12000", "FFM, 12040", "FFM, 12090", "JCUDA, 12040"})
    void anOlderDriverGetsPtxThatItCompiles(Implementation implementation, int version) {
        VirtualGpu.version(version);
        var texts = loadedOn(implementation).stream().map(image -> image.getString(0)).toList();
        assertThat(texts)
                .allSatisfy(
                        text ->
                                assertThat(text.lines().filter(line -> line.startsWith(".version")))
                                        .containsExactly(".version 8.0"));
        assertThat(texts.getFirst()).contains(".target sm_80", ".entry panoptim_measure");
        assertThat(texts.getLast()).contains(".target sm_80", ".entry panoptim_update_sgd(");
    }

    @ParameterizedTest
    @CsvSource({"FFM, 13000", "FFM, 13010", "JCUDA, 13000"})
    void aDriverOfTheToolkitsVersionGetsMachineCode(Implementation implementation, int version) {
        VirtualGpu.version(version);
        assertThat(loadedOn(implementation))
                .hasSize(2)
                .allSatisfy(
                        image ->
                                assertThat(image.get(ValueLayout.JAVA_INT_UNALIGNED, 0))
                                        .isEqualTo(FAT_BINARY));
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
                                        .startsWith("kernels: jar, PTX:")
                                        .contains("takes seconds", "cache"));
        VirtualGpu.version(13000);
        assertThat(CudaProviders.probe("cuda", implementation::driver).tried())
                .contains("kernels: jar, machine code, a rule's when it is first used");
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
        assertThat(status.tried())
                .contains("kernels: jar, machine code, a rule's when it is first used");
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
