package org.panoptim.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.logging.Logged;
import org.panoptim.parameter.Tensors;
import org.panoptim.rule.SGD;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** How a backend is found. The tests bring one along that is preferred to all and never works. */
class BackendsTest {

    /** A backend that cannot work here, found as a service of the tests. */
    public static final class Broken implements BackendProvider {

        private static boolean expected;

        /** What works in its place while a test says so. */
        private static Optional<Backend> device = Optional.empty();

        @Override
        public String name() {
            return "broken";
        }

        @Override
        public int preference() {
            return 1000;
        }

        @Override
        public BackendStatus probe() {
            return new BackendStatus(
                    name(),
                    device.isPresent(),
                    "made not to work",
                    List.of("tried this", "tried that"),
                    expected);
        }

        @Override
        public boolean usesHostMemory() {
            return device.isEmpty();
        }

        @Override
        public Backend open() {
            return device.orElseThrow(
                    () -> new BackendUnavailableException("backend broken: made not to work"));
        }
    }

    @Test
    void theMostPreferredThatWorksIsTaken() {
        try (var backend = Backend.best()) {
            assertThat(backend.name()).isEqualTo("reference");
            assertThat(backend.description()).isEqualTo("plain Java, one thread");
        }
    }

    @Test
    void whatWasPassedOverIsExplainedInOrder() {
        assertThat(Backends.names()).containsExactly("broken", "reference");
        assertThat(Backends.explain())
                .containsExactly(
                        new BackendStatus(
                                "broken",
                                false,
                                "made not to work",
                                List.of("tried this", "tried that")),
                        new BackendStatus(
                                "reference",
                                true,
                                "plain Java, one thread",
                                List.of("plain Java: always there")));
    }

    @Test
    void aBackendIsFoundByName() {
        try (var backend = Backend.named("reference")) {
            assertThat(backend.name()).isEqualTo("reference");
        }
    }

    @Test
    void anUnknownNameIsAnsweredWithTheKnownOnes() {
        assertThatThrownBy(() -> Backend.named("cuda"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("there is no backend 'cuda'; those on the path are broken, reference");
    }

    @Test
    void aBackendThatDoesNotWorkSaysSoWhenItIsAskedForByName() {
        assertThatThrownBy(() -> Backend.named("broken"))
                .isInstanceOf(BackendUnavailableException.class)
                .hasMessage("backend broken: made not to work");
    }

    @Test
    void anOptimizerWithoutABackendOpensTheBestAndClosesIt() {
        var optimizer = Optimizer.builder(SGD.defaults()).build();
        var backend = optimizer.backend();
        assertThat(backend.name()).isEqualTo("reference");
        optimizer.step();
        optimizer.close();
        assertThatThrownBy(() -> Optimizer.builder(SGD.defaults()).backend(backend).build())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("backend reference is closed");
    }

    @Test
    void aBackendThatWasHandedInStaysOpen() {
        try (var backend = Backend.named("reference")) {
            Optimizer.builder(SGD.defaults()).backend(backend).build().close();
            Optimizer.builder(SGD.defaults()).backend(backend).build().close();
        }
    }

    @Test
    void whereNativeCodeIsRequiredPlainJavaIsNoSubstitute() {
        assertThatThrownBy(() -> Backend.best(Require.NATIVE))
                .isInstanceOf(BackendUnavailableException.class)
                .hasMessage(
                        "no native backend works here: broken: made not to work (tried this;"
                                + " tried that)");
    }

    @Test
    void whereADeviceIsRequiredTheHostIsNoSubstitute() {
        assertThatThrownBy(() -> Backend.best(Require.DEVICE))
                .isInstanceOf(BackendUnavailableException.class)
                .hasMessage(
                        "no backend of a device works here: there is none on the path, only"
                                + " broken, reference");
    }

    @Test
    void aDeviceIsNotEnoughWhereMemoryOfTheHostNeedsNativeCodeToo() {
        withDevice(
                device -> {
                    assertThatThrownBy(() -> Backend.best(Require.NATIVE))
                            .isInstanceOf(BackendUnavailableException.class)
                            .hasMessageStartingWith(
                                    "no native backend for host memory works here: ");
                    assertThat(device.calls).containsExactly("close");
                });
    }

    @Test
    void wherePlainJavaWillDoADeviceHasItForMemoryOfTheHost() {
        withDevice(
                device -> {
                    try (var backend = Backend.best()) {
                        assertThat(backend.name()).isEqualTo("test device or reference");
                    }
                    assertThat(device.calls).containsExactly("close");
                });
    }

    private static void withDevice(Consumer<TestDevice> test) {
        var device = new TestDevice();
        device.usesHostMemory = false;
        Broken.device = Optional.of(device);
        try {
            test.accept(device);
        } finally {
            Broken.device = Optional.empty();
        }
    }

    @Test
    void whatOughtToWorkAndDoesNotIsSaidOnce() {
        Broken.expected = true;
        List<String> records;
        try {
            records =
                    Logged.warnings(
                            () -> {
                                Backend.best().close();
                                Backend.best().close();
                                Backends.bestForHostMemory().close();
                            });
        } finally {
            Broken.expected = false;
        }
        assertThat(records)
                .containsExactly(
                        "The backend broken does not work here, so reference is taken. broken: made"
                            + " not to work (tried this; tried that). To have an exception instead,"
                            + " use Backend.best(Require.NATIVE) or Backend.named(\"broken\").");
    }

    @Test
    void manyElementsInPlainJavaAreWarnedOfOnce() {
        var large = Tensors.vector("large", new float[100_001]);
        var small = Tensors.vector("small", new float[100_000]);
        var rule = SGD.withLearningRate(1);
        var lines =
                Logged.warnings(
                        () -> {
                            // Each its own, as Backend.best() gives them; other tests may have
                            // been warned of the backends that are on the path.
                            for (var each : List.of(small, large, large)) {
                                try (var backend =
                                        new Fallback(
                                                Backend.named("reference"), List.of("missing"))) {
                                    Optimizer.builder(rule)
                                            .group("all", List.of(each))
                                            .backend(backend)
                                            .build()
                                            .close();
                                }
                            }
                        });
        assertThat(lines)
                .containsExactly(
                        "An optimizer of 100001 elements runs in plain Java, which is several times"
                                + " as slow as native code. See why missing does not work here"
                                + " (Backends.explain() says it), or take"
                                + " Backend.named(\"reference\") if plain Java is wanted.");
        assertThat(
                        Logged.warnings(
                                () -> {
                                    try (var backend = Backend.named("reference")) {
                                        Optimizer.builder(rule)
                                                .group("all", List.of(large))
                                                .backend(backend)
                                                .build()
                                                .close();
                                    }
                                }))
                .isEmpty();
    }

    @Test
    void whereNothingFasterIsOnThePathTheWarningNamesAnArtifact() {
        var large = Tensors.vector("large", new float[100_001]);
        var rule = SGD.withLearningRate(1);
        assertThat(
                        Logged.warnings(
                                () -> {
                                    try (var backend =
                                            new Fallback(Backend.named("reference"), List.of())) {
                                        Optimizer.builder(rule)
                                                .group("all", List.of(large))
                                                .backend(backend)
                                                .build()
                                                .close();
                                    }
                                }))
                .singleElement()
                .asString()
                .contains("Add the artifact org.panoptim:panoptim-simd (Backends.explain()");
    }

    @Test
    void aStatusIsAValue() {
        var tried = new ArrayList<>(List.of("this"));
        var status = new BackendStatus("name", true, "summary", tried);
        tried.clear();
        assertThat(status.tried()).containsExactly("this");
    }
}
