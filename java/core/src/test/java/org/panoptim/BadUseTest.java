package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.curvature;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.vector;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.backend.Backend;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.parameter.Tensors;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SophiaG;
import org.panoptim.schedule.MomentumSchedule;
import org.panoptim.schedule.Schedule;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.function.DoubleSupplier;

/** Bad use is refused with what, where, what was expected and what came; nothing is changed. */
class BadUseTest {

    private final Backend backend = Backend.named("reference");
    private final Parameter a = vector("a", 1, 2);
    private final Parameter b = vector("b", 3, 4);

    @AfterEach
    void close() {
        backend.close();
    }

    private Optimizer.Builder<AdamW> builder() {
        return Optimizer.builder(AdamW.defaults())
                .group("first", List.of(a))
                .group("second", List.of(b))
                .backend(backend);
    }

    private static void assertIllegalState(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(IllegalStateException.class).hasMessage(message);
    }

    private static void assertIllegalArgument(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }

    @Test
    void aClosedOptimizerRefusesEveryCall() {
        var optimizer = builder().build();
        optimizer.close();
        optimizer.close(); // harmless
        var message = "the optimizer is closed";
        assertIllegalState(optimizer::step, message);
        assertIllegalState(optimizer::zeroGrad, message);
        assertIllegalState(optimizer::report, message);
        assertIllegalState(optimizer::lossScale, message);
        assertIllegalState(() -> optimizer.freeze("first"), message);
        assertIllegalState(() -> optimizer.unfreeze("first"), message);
        assertIllegalState(() -> optimizer.learningRate("first", 1), message);
        assertIllegalState(() -> optimizer.rule("first", AdamW.defaults()), message);
        assertIllegalState(
                () -> optimizer.add(new ParameterGroup("x", AdamW.defaults(), List.of())), message);
        assertIllegalState(() -> optimizer.state("a", "exp_avg"), message);
        assertIllegalState(() -> optimizer.save(Path.of("never")), message);
        assertIllegalState(() -> optimizer.load(Path.of("never")), message);
    }

    @Test
    void aClosedArenaIsNamedAndNothingIsChanged() {
        gradient(a, 1, 1);
        try (var optimizer = builder().build()) {
            var arena = Arena.ofConfined();
            b.gradient(arena.allocate(ValueLayout.JAVA_FLOAT, 2));
            arena.close();
            var bytes = Tensors.values(a);
            var message =
                    "parameter 'b': the arena of its gradient is closed; set another one, or take"
                            + " it away with clearGradient()";
            assertIllegalState(optimizer::step, message);
            assertIllegalState(optimizer::zeroGrad, message);
            assertThat(Tensors.values(a)).containsExactly(bytes);
            assertThat(Tensors.gradientValues(a)).containsExactly(1, 1);
            assertThat(optimizer.report().step()).isZero();
            assertThat(optimizer.report().counts()).isEqualTo(Map.of("a", 0L, "b", 0L));
            // With another gradient it goes on.
            gradient(b, 1, 1);
            optimizer.step();
            assertThat(optimizer.report().step()).isEqualTo(1);
        }
    }

    @Test
    void aClosedArenaOfAValueOrCurvatureIsNamed() {
        var arena = Arena.ofConfined();
        var value = Parameter.of("v", Shape.of(2), arena.allocate(ValueLayout.JAVA_FLOAT, 2));
        try (var optimizer =
                Optimizer.builder(SophiaG.defaults())
                        .group("all", List.of(a, value))
                        .backend(backend)
                        .build()) {
            gradient(a, 1, 1);
            var other = Arena.ofConfined();
            a.curvature(other.allocate(ValueLayout.JAVA_FLOAT, 2));
            other.close();
            assertIllegalState(
                    optimizer::step,
                    "parameter 'a': the arena of its curvature is closed; set another one, or"
                            + " take it away with clearCurvature()");
            a.clearCurvature();
            arena.close();
            assertIllegalState(optimizer::step, "parameter 'v': the arena of its value is closed");
            assertThat(optimizer.report().step()).isZero();
        }
    }

    @Test
    void anArenaOfAnotherThreadIsNamed() throws InterruptedException {
        var segments = new CompletableFuture<MemorySegment>();
        var done = new CountDownLatch(1);
        var owner =
                Thread.ofPlatform()
                        .start(
                                () -> {
                                    try (var arena = Arena.ofConfined()) {
                                        segments.complete(
                                                arena.allocate(ValueLayout.JAVA_FLOAT, 2));
                                        done.await();
                                    } catch (InterruptedException e) {
                                        Thread.currentThread().interrupt();
                                    }
                                });
        try (var optimizer = builder().build()) {
            gradient(a, 1, 1);
            b.gradient(segments.join());
            assertIllegalState(
                    optimizer::step,
                    "parameter 'b': the arena of its gradient is confined to a thread other than "
                            + Thread.currentThread().getName()
                            + "; set another one, or take it away with clearGradient()");
            assertThat(optimizer.report().step()).isZero();
            assertThat(Tensors.values(a)).containsExactly(1, 2);
        } finally {
            done.countDown();
            owner.join();
        }
    }

    @Test
    void overlappingParametersAreNamed() {
        var array = MemorySegment.ofArray(new float[6]);
        var first = Parameter.of("first", Shape.of(4), array.asSlice(0, 16));
        var second = Parameter.of("second", Shape.of(3), array.asSlice(12, 12));
        assertIllegalArgument(
                () ->
                        Optimizer.builder(SGD.defaults())
                                .group("one", List.of(second))
                                .group("two", List.of(first))
                                .backend(backend)
                                .build(),
                "the value of parameter 'first' and the value of parameter 'second' overlap");
    }

    @Test
    void overlapInNativeMemoryIsFoundAcrossGroupsAndArenas() {
        try (var arena = Arena.ofConfined()) {
            var memory = arena.allocate(ValueLayout.JAVA_FLOAT, 8);
            var same = Tensors.memoryAt(memory.address(), 32);
            var first = Parameter.of("first", Shape.of(8), memory);
            var inside = Parameter.of("inside", Shape.of(1), same.asSlice(16, 4));
            try (var optimizer =
                    Optimizer.builder(SGD.defaults())
                            .group("one", List.of(first, a))
                            .backend(backend)
                            .build()) {
                var before = Snapshot.of(optimizer);
                assertIllegalArgument(
                        () ->
                                optimizer.add(
                                        new ParameterGroup(
                                                "two", SGD.defaults(), List.of(b, inside))),
                        "the value of parameter 'first' and the value of parameter 'inside'"
                                + " overlap");
                assertThat(Snapshot.of(optimizer)).isEqualTo(before);
            }
        }
    }

    @Test
    void neighboursAndEmptyTensorsDoNotOverlap() {
        var array = MemorySegment.ofArray(new float[6]);
        var parameters =
                List.of(
                        Parameter.of("left", Shape.of(3), array.asSlice(0, 12)),
                        Parameter.of("empty", Shape.of(0), array.asSlice(4, 0)),
                        Parameter.of("right", Shape.of(3), array.asSlice(12, 12)),
                        vector("elsewhere", 1, 2, 3, 4, 5, 6));
        try (var optimizer =
                Optimizer.builder(SGD.defaults())
                        .group("all", parameters)
                        .backend(backend)
                        .build()) {
            optimizer.step();
            assertThat(optimizer.report().step()).isEqualTo(1);
        }
    }

    @Test
    void overlapOnADeviceIsFoundBeforeTheBackendIsAsked() {
        var first = Parameter.of("first", Shape.of(4), new DeviceMemory(0x1000, 16));
        var second = Parameter.of("second", Shape.of(4), new DeviceMemory(0x100c, 16));
        assertIllegalArgument(
                () ->
                        Optimizer.builder(SGD.defaults())
                                .group("all", List.of(second, first))
                                .backend(backend)
                                .build(),
                "the value of parameter 'first' and the value of parameter 'second' overlap");
    }

    @Test
    void namesOfGroupsAndParametersAreUnique() {
        assertIllegalArgument(
                () ->
                        Optimizer.builder(SGD.defaults())
                                .group("same", List.of(a))
                                .group("same", List.of(b))
                                .backend(backend)
                                .build(),
                "two groups are named 'same'");
        assertIllegalArgument(
                () ->
                        Optimizer.builder(SGD.defaults())
                                .group("one", List.of(a))
                                .group("two", List.of(tensor("a", Shape.of(), 1)))
                                .backend(backend)
                                .build(),
                "two parameters are named 'a'");
        try (var optimizer = builder().build()) {
            var before = Snapshot.of(optimizer);
            assertIllegalArgument(
                    () -> optimizer.add(new ParameterGroup("first", SGD.defaults(), List.of())),
                    "two groups are named 'first'");
            assertIllegalArgument(
                    () -> optimizer.add(new ParameterGroup("third", SGD.defaults(), List.of(a))),
                    "two parameters are named 'a'");
            assertThat(Snapshot.of(optimizer)).isEqualTo(before);
        }
    }

    @Test
    void aGroupsNameIsNotEmpty() {
        assertIllegalArgument(
                () -> builder().group("", List.of()), "a group's name must not be empty");
    }

    @Test
    void curvatureForARuleThatTakesNoneIsNamed() {
        gradient(a, 1, 1);
        curvature(b, 1, 1);
        try (var optimizer = builder().build()) {
            var before = Snapshot.of(optimizer);
            assertIllegalState(
                    optimizer::step, "parameter 'b' has curvature, but its rule takes none");
            assertThat(Snapshot.of(optimizer)).isEqualTo(before);
        }
    }

    @Test
    void aStepThatIsRefusedForBadUseKeepsTheCurvatureForTheNext() {
        var bad = new boolean[1];
        try (var optimizer =
                Optimizer.builder(SophiaG.defaults())
                        .group("all", List.of(a, b))
                        .schedule(Schedule.of(_ -> bad[0] ? Double.NaN : 1))
                        .zeroGradients(true)
                        .backend(backend)
                        .build()) {
            curvature(a, 4, 9);
            a.gradient(MemorySegment.ofArray(new float[] {1, 1}).asReadOnly());
            assertThatThrownBy(optimizer::step).hasMessageContaining("read-only");
            assertThat(a.hasCurvature()).as("a gradient that cannot be zeroed").isTrue();
            gradient(a, 1, 1);
            bad[0] = true;
            assertThatThrownBy(optimizer::step).hasMessageContaining("factor");
            assertThat(a.hasCurvature()).as("a schedule that answers with nonsense").isTrue();
            bad[0] = false;
            optimizer.step();
            assertThat(optimizer.state("a", "hessian").toArray()[1]).isPositive();
            assertThat(a.hasCurvature()).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, -0.5, Double.POSITIVE_INFINITY})
    void aScheduleThatAnswersWithNonsenseIsNamedWithTheStep(double factor) {
        assertNonsenseAtStepThree(
                Schedule.of(step -> step == 3 ? factor : 1),
                "the schedule's factor must be finite and at least 0, but is "
                        + factor
                        + " at step 3");
    }

    @Test
    void aScheduleThatMakesALearningRateTooLargeForFloat32IsNamedWithGroupAndStep() {
        assertNonsenseAtStepThree(
                Schedule.of(step -> step == 3 ? 1e40 : 1),
                "the schedule's factor 1.0E40 at step 3 is too large for group 'first': AdamW:"
                        + " learningRate must be in [0, 2^100], but is 1.0000000000000001E37");
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.5, 1, 1 - 0x1p-53, Double.POSITIVE_INFINITY})
    void aScheduleWhoseMomentumIsNonsenseIsNamedWithTheStep(double momentum) {
        var schedule = new MomentumSchedule(step -> step == 3 ? momentum : 0.5);
        assertNonsenseAtStepThree(
                schedule,
                "the schedule's momentum must be in [0, 1) or NaN, but is "
                        + momentum
                        + " at step 3");
    }

    private void assertNonsenseAtStepThree(Schedule schedule, String message) {
        try (var optimizer =
                builder()
                        .schedule(schedule)
                        .zeroGradients(true)
                        .lossScale(LossScale.dynamic())
                        .build()) {
            for (int step = 1; step <= 2; step++) {
                gradient(a, 1, 1);
                optimizer.step();
            }
            gradient(a, 1, 1);
            var before = Snapshot.of(optimizer);
            assertIllegalState(optimizer::step, message);
            assertThat(Snapshot.of(optimizer)).isEqualTo(before);
        }
    }

    @Test
    void whatAScheduleThrowsReachesTheCallerAndChangesNothing() {
        var failure = new ArithmeticException("of the user's own");
        DoubleSupplier thrower =
                () -> {
                    throw failure;
                };
        gradient(a, 1, 1);
        try (var optimizer = builder().schedule(Schedule.of(_ -> thrower.getAsDouble())).build()) {
            var before = Snapshot.of(optimizer);
            assertThatThrownBy(optimizer::step).isSameAs(failure);
            assertThat(Snapshot.of(optimizer)).isEqualTo(before);
        }
    }

    @Test
    void twoThreadsAtOnceAreBothNamed() throws InterruptedException {
        var entered = new CountDownLatch(1);
        var leave = new CountDownLatch(1);
        gradient(a, 1, 1);
        try (var optimizer =
                builder()
                        .transform(
                                _ -> {
                                    entered.countDown();
                                    try {
                                        leave.await();
                                    } catch (InterruptedException e) {
                                        Thread.currentThread().interrupt();
                                    }
                                })
                        .build()) {
            var worker = Thread.ofPlatform().name("the first").start(optimizer::step);
            entered.await();
            var me = Thread.currentThread().getName();
            var message =
                    "the optimizer belongs to one thread at a time, but thread "
                            + me
                            + " called it while thread the first was using it";
            var calls = new ArrayList<ThrowingCallable>();
            calls.add(optimizer::step);
            calls.add(optimizer::report);
            calls.add(optimizer::close);
            calls.add(() -> optimizer.freeze("first"));
            for (var call : calls) {
                assertIllegalState(call, message);
            }
            leave.countDown();
            worker.join();
            // One after the other is fine.
            assertThat(optimizer.report().step()).isEqualTo(1);
        }
    }

    @Test
    void aBackendInUseCannotBeClosed() {
        var own = Backend.named("reference");
        var first = Optimizer.builder(SGD.defaults()).backend(own).build();
        var second = Optimizer.builder(SGD.defaults()).backend(own).build();
        assertIllegalState(
                own::close,
                "backend reference is still used by 2 optimizer(s), buffer(s) or engine(s); close"
                        + " them first");
        first.close();
        first.close(); // does not count twice
        assertIllegalState(
                own::close,
                "backend reference is still used by 1 optimizer(s), buffer(s) or engine(s); close"
                        + " them first");
        second.step();
        second.close();
        own.close();
        own.close(); // harmless
    }

    @Test
    void aClosedBackendIsRefused() {
        var own = Backend.named("reference");
        own.close();
        var builder = Optimizer.builder(SGD.defaults()).backend(own);
        assertIllegalState(builder::build, "backend reference is closed");
    }

    @Test
    void aBackendIsNotHeldByAnOptimizerThatCouldNotBeBuilt() {
        var own = Backend.named("reference");
        var device = Parameter.of("d", Shape.of(1), new DeviceMemory(0x1000, 4));
        var builder = Optimizer.builder(SGD.defaults()).group("all", List.of(device)).backend(own);
        assertThatThrownBy(builder::build)
                .isInstanceOf(UnsupportedPlanException.class)
                .hasMessage(
                        "backend reference: the value of parameter 'd' lies in device memory, which"
                                + " Java cannot read");
        own.close();
    }

    @Test
    void deviceMemoryIsRefusedByABackendThatCannotReachIt() {
        try (var optimizer = builder().build()) {
            gradient(b, 1, 1);
            var device = Parameter.of("d", Shape.of(1), new DeviceMemory(0x1000, 4));
            var before = Snapshot.of(optimizer);
            assertThatThrownBy(
                            () ->
                                    optimizer.add(
                                            new ParameterGroup(
                                                    "more", SGD.defaults(), List.of(device))))
                    .isInstanceOf(UnsupportedPlanException.class);
            assertThat(Snapshot.of(optimizer)).isEqualTo(before);
            a.gradient(new DeviceMemory(0x1000, 8));
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(UnsupportedPlanException.class)
                    .hasMessage(
                            "backend reference: the gradient of parameter 'a' lies in device"
                                    + " memory, which Java cannot read");
            a.clearGradient();
            assertThat(Snapshot.of(optimizer)).isEqualTo(before);
        }
    }
}
