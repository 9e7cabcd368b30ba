package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.curvature;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.backend.TestDevice;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.schedule.Schedule;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.GradientTransform;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.TestTransform;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** What rewrites gradients between a step's acceptance and its update. */
class GradientTransformTest {

    private final Backend backend = Backend.named("reference");
    private final Parameter p = vector("p", 0, 0);
    private final List<StepContext> seen = new ArrayList<>();

    @AfterEach
    void close() {
        backend.close();
    }

    private Optimizer.Builder<SGD> builder(GradientTransform transform) {
        return Optimizer.builder(SGD.withLearningRate(1))
                .group("all", List.of(p))
                .transform(transform)
                .backend(backend);
    }

    /** Triples the gradient of an accepted step, and remembers what it saw. */
    private void triple(StepContext step) {
        seen.add(step);
        if (step.accepted()) {
            var segment = ((HostMemory) p.gradient().orElseThrow()).segment();
            for (int i = 0; i < 2; i++) {
                float value = segment.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, 3 * value);
            }
        }
    }

    @Test
    void theUpdateTakesWhatItLeaves() {
        try (var optimizer = builder(this::triple).build()) {
            gradient(p, 1, 2);
            optimizer.step();
            assertThat(values(p)).containsExactly(-3, -6);
            assertThat(gradientValues(p)).containsExactly(3, 6);
        }
    }

    @Test
    void clippingFollowsIt() {
        try (var optimizer = builder(this::triple).clipGlobalNorm(5).build()) {
            gradient(p, 3, 4); // of norm 5, and 15 afterwards
            optimizer.step();
            assertThat(optimizer.report().gradientNorm()).hasValue(15);
            assertThat(optimizer.report().clipCoefficient()).isEqualTo(5 / (15 + 1e-6));
            float coefficient = (float) (5 / 15.000001);
            assertThat(values(p)).containsExactly(-9 * coefficient, -12 * coefficient);
        }
    }

    @Test
    void itKnowsTheStepAndItsFactors() {
        try (var optimizer =
                builder(this::triple)
                        .lossScale(LossScale.fixed(4))
                        .schedule(Schedule.step(1, 0.5))
                        .build()) {
            gradient(p, 1, 1);
            optimizer.step();
            optimizer.step();
            assertThat(seen)
                    .containsExactly(
                            new StepContext(true, 1, 0.25, 1), new StepContext(true, 2, 0.25, 0.5));
        }
    }

    @Test
    void itSeesRefusalAndAcceptanceByTheGradientAsItCame() {
        try (var optimizer =
                builder(this::triple)
                        .lossScale(new LossScale.Dynamic(8, 2, 0.5, 100))
                        .nonFinite(NonFinitePolicy.SKIP)
                        .build()) {
            gradient(p, Float.NaN, 1);
            optimizer.step();
            // The scale that this step's gradient came with, though it has fallen by now.
            assertThat(seen).containsExactly(new StepContext(false, 0, 0.125, 1));
            assertThat(optimizer.lossScale()).isEqualTo(4);
            assertThat(values(p)).containsExactly(0, 0);
            gradient(p, 4, 8);
            optimizer.step();
            assertThat(seen.getLast()).isEqualTo(new StepContext(true, 1, 0.25, 1));
            assertThat(values(p)).containsExactly(-3, -6);
        }
    }

    @Test
    void whatItThrowsUndoesTheStep() {
        var failure = new ArithmeticException("singular");
        try (var optimizer =
                builder(
                                step -> {
                                    triple(step);
                                    if (step.step() == 2) {
                                        throw failure;
                                    }
                                })
                        .lossScale(new LossScale.Dynamic(1, 2, 0.5, 2))
                        .build()) {
            gradient(p, 1, 1);
            optimizer.step();
            var before = Snapshot.of(optimizer);
            assertThatThrownBy(optimizer::step).isSameAs(failure);
            var after = Snapshot.of(optimizer);
            assertThat(after.trained()).isEqualTo(before.trained());
            assertThat(after.report()).isEqualTo(before.report());
        }
    }

    @Test
    void aStepInWhichItReplacesAGradientOrCurvatureIsRefusedAndTheOldOneIsThereAgain() {
        var other = vector("q", 5, 6);
        for (Runnable replacement :
                List.<Runnable>of(
                        () -> gradient(p, 7, 8),
                        () -> curvature(p, 7, 8),
                        p::clearGradient,
                        () -> gradient(other, 7, 8))) {
            gradient(p, 1, 1);
            gradient(other, 2, 2);
            var gradients = List.of(p.gradient(), other.gradient());
            var addresses = addresses(p, other);
            try (var optimizer =
                    Optimizer.builder(SGD.withLearningRate(1))
                            .group("all", List.of(p, other))
                            .transform(_ -> replacement.run())
                            .lossScale(new LossScale.Dynamic(1, 2, 0.5, 1))
                            .backend(backend)
                            .build()) {
                var before = Snapshot.of(optimizer);
                assertThatThrownBy(optimizer::step)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining(
                                "the transform has replaced its gradient or curvature");
                assertThat(Snapshot.of(optimizer).trained()).isEqualTo(before.trained());
                assertThat(Snapshot.of(optimizer).report()).isEqualTo(before.report());
                assertThat(List.of(p.gradient(), other.gradient())).isEqualTo(gradients);
                assertThat(addresses(p, other)).isEqualTo(addresses);
                assertThat(p.hasCurvature()).isFalse();
            }
        }
    }

    private static List<Long> addresses(Parameter... parameters) {
        return Arrays.stream(parameters)
                .flatMap(each -> Stream.of(each.gradientAddress(), each.curvatureAddress()))
                .toList();
    }

    @Test
    void aDeviceQueuesItUnderTheSameConditions() {
        var transform = new TestTransform();
        try (var device = new TestDevice();
                var optimizer = builder(transform).backend(device).build()) {
            gradient(p, 1, 2);
            optimizer.step();
            var queued = (CurvatureTransform) device.plans.getFirst().transform().orElseThrow();

            var plan = device.plans.getFirst().withTransform(Optional.empty());
            try (var execution = device.open(plan);
                    var other = device.open(plan)) {
                assertThat(queued.queuesOn(execution)).isFalse();
                transform.queuesOn = execution;
                assertThat(queued.queuesOn(execution)).isTrue();
                assertThat(queued.queuesOn(other)).isFalse();
            }

            transform.calls.clear();
            queued.enqueue(new DeviceStep(1));
            assertThat(transform.calls).containsExactly("enqueue");

            transform.rewriting = () -> gradient(p, 7, 8);
            assertThatThrownBy(() -> queued.enqueue(new DeviceStep(1)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("the transform has replaced its gradient or curvature");
            assertThat(gradientValues(p)).containsExactly(1, 2);
        }
    }

    @Test
    void whatItReplacedIsThereAgainIfItThrowsToo() {
        var failure = new ArithmeticException("singular");
        try (var optimizer =
                builder(
                                _ -> {
                                    gradient(p, 7, 8);
                                    throw failure;
                                })
                        .build()) {
            gradient(p, 1, 2);
            assertThatThrownBy(optimizer::step).isSameAs(failure);
            assertThat(gradientValues(p)).containsExactly(1, 2);
        }
    }

    @Test
    void itCannotCallTheOptimizer() {
        var optimizers = new ArrayList<Optimizer>();
        try (var optimizer = builder(_ -> optimizers.getFirst().report()).build()) {
            optimizers.add(optimizer);
            gradient(p, 1, 1);
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "the optimizer was called from within one of its own calls, in thread "
                                    + Thread.currentThread().getName());
            // It is free again afterwards.
            assertThat(optimizer.report().step()).isZero();
        }
    }
}
