package org.panoptim.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.memory.Buffer;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

class DeviceOrHostTest {

    /** A device's backend that runs nothing, but says what it was asked. */
    private static final class Device implements Backend {
        private final List<String> calls = new ArrayList<>();

        @Override
        public String name() {
            return "device";
        }

        @Override
        public String description() {
            return "a device";
        }

        @Override
        public Execution open(StepPlan plan) {
            calls.add("open");
            throw new UnsupportedPlanException(name(), "it runs nothing");
        }

        @Override
        public Buffer allocate(long byteSize) {
            calls.add("allocate");
            return Buffer.ofHost(byteSize);
        }

        @Override
        public void close() {
            calls.add("close");
        }
    }

    private final Device device = new Device();
    private final Backend both = new DeviceOrHost(device, Backend.named("reference"));

    @Test
    void parametersInHostMemoryGoToTheHost() {
        try (var arena = Arena.ofShared()) {
            var parameter =
                    Parameter.of("p", Shape.of(1), arena.allocate(4, 4))
                            .gradient(arena.allocate(4, 4));
            try (var optimizer =
                    Optimizer.builder(SGD.defaults())
                            .group("all", List.of(parameter))
                            .backend(both)
                            .build()) {
                optimizer.step();
                assertThat(optimizer.report().step()).isEqualTo(1);
            }
        }
        assertThat(device.calls).isEmpty();
    }

    @Test
    void parametersInDeviceMemoryGoToTheDevice() {
        var parameter = Parameter.of("p", Shape.of(1), new DeviceMemory(4096, 4));
        assertThatThrownBy(
                        () ->
                                Optimizer.builder(SGD.defaults())
                                        .group("all", List.of(parameter))
                                        .backend(both)
                                        .build())
                .isInstanceOf(UnsupportedPlanException.class)
                .hasMessageContaining("backend device");
    }

    @Test
    void itTellsBothAllocatesOnTheDeviceAndClosesBoth() {
        assertThat(both.name()).isEqualTo("device or reference");
        assertThat(both.description()).contains("a device", "plain Java");
        both.allocate(4).close();
        both.close();
        assertThat(device.calls).containsExactly("allocate", "close");
        assertThatThrownBy(
                        () ->
                                Optimizer.builder(SGD.defaults())
                                        .group("all", List.of())
                                        .backend(both)
                                        .build())
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
    }
}
