package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.panoptim.Tensors.gradient;
import static org.panoptim.Tensors.vector;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.rule.AdamW;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepPlan;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** What fails half way and cannot be taken back makes the optimizer unusable, and says so. */
class UnusableOptimizerTest {

    private final Backend backend = Backend.named("reference");
    private final Parameter p = vector("p", 1, 2);
    private final Failing transform = new Failing();

    @TempDir Path folder;

    @AfterEach
    void close() {
        backend.close();
    }

    /** A transform that fails where it is told to. */
    private static final class Failing implements CurvatureTransform {

        final Set<String> at = new HashSet<>();
        final List<String> calls = new ArrayList<>();

        private void call(String name) {
            calls.add(name);
            if (at.contains(name)) {
                throw new ArithmeticException("planted in " + name);
            }
        }

        @Override
        public void check(StepPlan plan) {
            call("check");
        }

        @Override
        public void follow(StepPlan plan, Execution execution) {
            call("follow");
        }

        @Override
        public void release() {
            call("release");
        }

        @Override
        public boolean queuesOn(Backend backend) {
            return false;
        }

        @Override
        public void enqueue(DeviceStep step) {
            throw new AssertionError();
        }

        @Override
        public Map<String, String> metadata() {
            return Map.of();
        }

        @Override
        public List<StateTensor> states() {
            return List.of();
        }

        @Override
        public void checkMetadata(Map<String, String> metadata) {
            call("checkMetadata");
        }

        @Override
        public void restore(Map<String, String> metadata) {
            call("restore");
        }

        @Override
        public void transform(StepContext step) {
            if (at.contains("half")) {
                throw new PartialChangeException(
                        "a step failed half way", new ArithmeticException("planted"));
            }
            call("transform");
        }
    }

    private Optimizer build() {
        gradient(p, 1, 1);
        return Optimizer.builder(AdamW.defaults())
                .group("all", List.of(p))
                .transform(transform)
                .backend(backend)
                .build();
    }

    private void assertRefusesEverythingButClose(Optimizer optimizer, String why) {
        var file = folder.resolve("never");
        Stream.<ThrowingCallable>of(
                        optimizer::step,
                        optimizer::zeroGrad,
                        optimizer::report,
                        optimizer::lossScale,
                        optimizer::capture,
                        () -> optimizer.state("p", "exp_avg"),
                        () -> optimizer.freeze("all"),
                        () -> optimizer.learningRate("all", 1),
                        () -> optimizer.save(file),
                        () -> optimizer.load(file))
                .forEach(
                        call ->
                                assertThatThrownBy(call)
                                        .isInstanceOf(UnusableOptimizerException.class)
                                        .hasMessageContainingAll("unusable", why, "Close it")
                                        .hasCauseInstanceOf(ArithmeticException.class));
        optimizer.close();
        optimizer.close();
        assertThat(transform.calls).endsWith("release");
    }

    @Test
    void aTransformThatHasChangedWhatItCannotTakeBack() {
        var optimizer = build();
        transform.at.add("half");
        assertThatThrownBy(optimizer::step).isInstanceOf(UnusableOptimizerException.class);
        assertRefusesEverythingButClose(optimizer, "a step failed half way: planted");
    }

    @Test
    void aTransformThatCannotFollowAChange() {
        var optimizer = build();
        transform.at.add("follow");
        assertThatThrownBy(() -> optimizer.learningRate("all", 0.5))
                .isInstanceOf(UnusableOptimizerException.class);
        assertRefusesEverythingButClose(optimizer, "a change of its groups failed half way");
    }

    @Test
    void aTransformThatCannotTakeUpACheckpoint() throws Exception {
        for (var place : List.of("restore", "follow")) {
            var file = folder.resolve("file");
            var optimizer = build();
            optimizer.save(file);
            transform.at.add(place);
            assertThatThrownBy(() -> optimizer.load(file))
                    .isInstanceOf(UnusableOptimizerException.class)
                    .hasMessageContaining("planted in " + place);
            assertRefusesEverythingButClose(optimizer, "loading " + file + " failed half way");
            transform.at.clear();
        }
    }

    @Test
    void whatIsRefusedBeforeAnythingChangedDoesNotMakeIt() throws Exception {
        var file = folder.resolve("file");
        try (var optimizer = build()) {
            optimizer.step();
            optimizer.save(file);
            var before = Snapshot.of(optimizer);
            for (var place : List.of("check", "transform", "checkMetadata")) {
                transform.at.add(place);
                var thrown =
                        catchThrowable(
                                () -> {
                                    switch (place) {
                                        case "check" -> optimizer.learningRate("all", 0.5);
                                        case "transform" -> optimizer.step();
                                        default -> optimizer.load(file);
                                    }
                                });
                assertThat(thrown).hasMessageContaining("planted in " + place);
                assertThat(thrown).isNotInstanceOf(UnusableOptimizerException.class);
                transform.at.clear();
                assertThat(Snapshot.of(optimizer).trained()).isEqualTo(before.trained());
                assertThat(Snapshot.of(optimizer).report()).isEqualTo(before.report());
            }
        }
    }

    @Test
    void whatFailsInCloseKeepsNothingElseFromBeingFreed() {
        var optimizer = build();
        transform.at.add("release");
        assertThatThrownBy(optimizer::close).hasMessage("planted in release");
        // The backend refuses while an optimizer uses it.
        backend.close();
    }

    @Test
    void buildingThatFailsLeavesTheBackendFree() {
        transform.at.add("follow");
        assertThatThrownBy(this::build).hasMessage("planted in follow");
        backend.close();
    }
}
