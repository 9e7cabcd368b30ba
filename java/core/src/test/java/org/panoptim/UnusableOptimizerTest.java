package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.vector;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.schedule.ReduceOnPlateau;
import org.panoptim.spi.TestTransform;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** What fails half way and cannot be taken back makes the optimizer unusable, and says so. */
class UnusableOptimizerTest {

    private final Backend backend = Backend.named("reference");
    private final Parameter p = vector("p", 1, 2);
    private final TestTransform transform = new TestTransform();

    @TempDir Path folder;

    @AfterEach
    void close() {
        backend.close();
    }

    private Optimizer build() {
        gradient(p, 1, 1);
        return builder().build();
    }

    private Optimizer.Builder<AdamW> builder() {
        return Optimizer.builder(AdamW.defaults())
                .group("all", List.of(p))
                .transform(transform)
                .backend(backend);
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
        transform.failsAt.add("half");
        assertThatThrownBy(optimizer::step).isInstanceOf(UnusableOptimizerException.class);
        assertRefusesEverythingButClose(optimizer, "a step failed half way: planted");
    }

    @Test
    void aTransformThatCannotFollowAChange() {
        var optimizer = build();
        transform.failsAt.add("follow");
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
            transform.failsAt.add(place);
            assertThatThrownBy(() -> optimizer.load(file))
                    .isInstanceOf(UnusableOptimizerException.class)
                    .hasMessageContaining("planted in " + place);
            assertRefusesEverythingButClose(optimizer, "loading " + file + " failed half way");
            transform.failsAt.clear();
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
                transform.failsAt.add(place);
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
                transform.failsAt.clear();
                assertThat(Snapshot.of(optimizer).trained()).isEqualTo(before.trained());
                assertThat(Snapshot.of(optimizer).report()).isEqualTo(before.report());
            }
        }
    }

    @Test
    void whatFailsInCloseKeepsNothingElseFromBeingFreed() {
        var optimizer = build();
        transform.failsAt.add("release");
        assertThatThrownBy(optimizer::close).hasMessage("planted in release");
        // The backend refuses while an optimizer uses it.
        backend.close();
    }

    @Test
    void buildingThatFailsLeavesTheBackendFree() {
        transform.failsAt.add("follow");
        assertThatThrownBy(this::build).hasMessage("planted in follow");
        backend.close();
    }

    @Test
    void buildingThatFailsLeavesTheScheduleFree() {
        var builder = builder().schedule(ReduceOnPlateau.defaults());
        transform.failsAt.add("follow");
        assertThatThrownBy(builder::build).hasMessage("planted in follow");
        transform.failsAt.clear();
        builder.build().close();
    }
}
