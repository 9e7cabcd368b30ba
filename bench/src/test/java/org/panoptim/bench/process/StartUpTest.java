package org.panoptim.bench.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

import java.io.IOException;
import java.util.List;

class StartUpTest {

    private static final String KERNELS = "panoptim.kernels";

    @Test
    void everyBackendIsTimedWithoutACacheAndWithOne() throws IOException {
        var runs = StartUp.measure(List.of("reference", "simd"), 1, StartUp.Driver.VIRTUAL);

        assertThat(runs)
                .extracting(run -> run.backend() + (run.cached() ? ", cached" : ""))
                .containsExactly("reference", "reference, cached", "simd", "simd, cached");
        assertThat(runs)
                .allSatisfy(
                        run -> {
                            assertThat(run.opened()).isPositive();
                            assertThat(run.built()).isGreaterThan(run.opened());
                            assertThat(run.stepped()).isGreaterThan(run.built());
                            assertThat(run.wall()).isGreaterThan(run.stepped());
                        });
    }

    /** The kernels of a device are not those of the virtual one, and the other way round. */
    @Test
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void theVirtualDeviceHasKernelsOfItsOwn() throws IOException {
        var kernels = System.setProperty(KERNELS, "of another device");
        System.setProperty(FreshJava.VIRTUAL_KERNELS, kernels);
        try {
            var runs = StartUp.measure(List.of("cuda-ffm"), 1, StartUp.Driver.VIRTUAL);
            assertThat(runs).hasSize(2);
            assertThatThrownBy(
                            () -> StartUp.measure(List.of("cuda-ffm"), 1, StartUp.Driver.INHERITED))
                    .hasMessageContaining("of another device");
        } finally {
            System.setProperty(KERNELS, kernels);
            System.clearProperty(FreshJava.VIRTUAL_KERNELS);
        }
    }

    @Test
    void aProcessThatFailsIsReportedWithWhatItSaid() {
        assertThatThrownBy(() -> StartUp.measure(List.of("abacus"), 1, StartUp.Driver.VIRTUAL))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the first step of backend abacus failed")
                .hasMessageContaining("exit status 1")
                .hasMessageContaining("there is no backend 'abacus'; those on the path are ");
    }
}
