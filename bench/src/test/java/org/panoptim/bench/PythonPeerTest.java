package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** PyTorch in Python takes the same steps; without it the reason is given. */
class PythonPeerTest {

    private static final List<Shape> SHAPES = List.of(Shape.of(30, 7), Shape.of(5));

    /** PyTorch orders operations otherwise, and sums norms in another order. */
    private static final float ROUNDING = 2e-6f;

    @ParameterizedTest
    @EnumSource(mode = Mode.EXCLUDE, names = "LOSS_SCALE")
    void itTakesTheStepsOfTheReference(Scenario scenario) {
        var here = AvailablePeers.find(DeviceKind.CPU);
        assumeTrue(
                here.descriptions().keySet().containsAll(PythonPeer.NAMES),
                () -> here.leftOut().toString());
        try (var arena = Arena.ofConfined();
                var backend = Backend.named("reference")) {
            var parameters = new ArrayList<Parameter>();
            for (var shape : SHAPES) {
                var value = arena.allocate(ValueLayout.JAVA_FLOAT, shape.elements());
                var gradient = arena.allocate(ValueLayout.JAVA_FLOAT, shape.elements());
                parameters.add(
                        Parameter.of("p" + parameters.size(), shape, value).gradient(gradient));
            }
            var builder =
                    Optimizer.builder(AdamW.defaults()).group("all", parameters).backend(backend);
            if (scenario == Scenario.CLIP_STEP_ZERO) {
                builder.clipGlobalNorm(1).zeroGradients(true);
            }
            for (var name : PythonPeer.NAMES) {
                fill(parameters);
                try (var optimizer = builder.build();
                        var peer = new PythonPeer(name, SHAPES, 1, DeviceKind.CPU)) {
                    for (int step = 0; step < 3; step++) {
                        optimizer.step();
                        assertThat(peer.run(scenario)).isPositive();
                    }
                    compare(peer, parameters, scenario);
                    peer.refill();
                    assertThat(peer.gradient(0, 50)).isEqualTo(50 / 48f - 1);
                }
            }
        }
    }

    private static void fill(List<Parameter> parameters) {
        for (var parameter : parameters) {
            var value = ((HostMemory) parameter.value()).segment();
            var gradient = ((HostMemory) parameter.gradient().orElseThrow()).segment();
            for (int i = 0; i < parameter.elements(); i++) {
                value.setAtIndex(ValueLayout.JAVA_FLOAT, i, i % 101 / 50f - 1);
                gradient.setAtIndex(ValueLayout.JAVA_FLOAT, i, i % 97 / 48f - 1);
            }
        }
    }

    private static void compare(PythonPeer peer, List<Parameter> parameters, Scenario scenario) {
        for (int tensor = 0; tensor < parameters.size(); tensor++) {
            var value = ((HostMemory) parameters.get(tensor).value()).segment();
            for (long i = 0; i < parameters.get(tensor).elements(); i++) {
                assertThat(peer.value(tensor, i))
                        .as("element %d of tensor %d", i, tensor)
                        .isCloseTo(value.getAtIndex(ValueLayout.JAVA_FLOAT, i), within(ROUNDING));
                if (scenario == Scenario.CLIP_STEP_ZERO) {
                    assertThat(peer.gradient(tensor, i)).isZero();
                }
            }
        }
    }

    @Test
    void anInterpreterWithoutPyTorchIsToldFromOneWithIt() {
        // Reads a line and ends, as Python does where a module is missing.
        var former = System.getProperty(PythonPeer.PYTHON);
        System.setProperty(PythonPeer.PYTHON, "false");
        try {
            assertThat(AvailablePeers.find(DeviceKind.CPU).leftOut())
                    .contains("PyTorch in Python: false ended with: no output");
        } finally {
            restore(former);
        }
    }

    @Test
    void onAGpuPyTorchIsAskedForCudaAndThePeersOfTheJvmAreLeftOut() {
        // Says what it was started with, and ends.
        var former = System.getProperty(PythonPeer.PYTHON);
        System.setProperty(PythonPeer.PYTHON, "echo");
        try {
            var here = AvailablePeers.find(DeviceKind.GPU);
            assertThat(here.descriptions()).isEmpty();
            assertThat(here.leftOut())
                    .hasSize(2)
                    .anyMatch(line -> line.endsWith("--device cuda"))
                    .contains("peers on the JVM: measured on the processor alone");
            assertThat(AvailablePeers.find(DeviceKind.CPU).leftOut())
                    .anyMatch(line -> line.endsWith("--device cpu"));
        } finally {
            restore(former);
        }
    }

    @Test
    void onTheVirtualDeviceNoPeerIsLookedFor() {
        assertThat(AvailablePeers.find(DeviceKind.VIRTUAL_GPU).descriptions()).isEmpty();
        assertThat(AvailablePeers.find(DeviceKind.VIRTUAL_GPU).leftOut()).hasSize(2);
    }

    @Test
    void withoutAnInterpreterTheReasonIsNamed() {
        var former = System.getProperty(PythonPeer.PYTHON);
        System.setProperty(PythonPeer.PYTHON, "no-such-python");
        try {
            assertThat(AvailablePeers.find(DeviceKind.CPU).leftOut())
                    .contains("PyTorch in Python: there is no no-such-python to start");
        } finally {
            restore(former);
        }
    }

    private static void restore(@Nullable String former) {
        if (former == null) {
            System.clearProperty(PythonPeer.PYTHON);
        } else {
            System.setProperty(PythonPeer.PYTHON, former);
        }
    }
}
