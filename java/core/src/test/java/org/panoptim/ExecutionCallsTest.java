package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.curvature;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.TestDevice;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.step.NonFinitePolicy;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** What a backend may rely on: which calls an optimizer makes, and in what order. */
class ExecutionCallsTest {

    private final TestDevice device = new TestDevice();
    private final Parameter p = vector("p", 0, 0);

    @AfterEach
    void close() {
        device.close();
    }

    private Optimizer.Builder<SGD> builder() {
        return Optimizer.builder(SGD.withLearningRate(1)).group("all", List.of(p)).backend(device);
    }

    private void assertCalls(Runnable action, String... calls) {
        device.calls.clear();
        action.run();
        assertThat(device.calls).containsExactly(calls);
    }

    @Test
    void memoryIsTakenUpBeforeItIsUsedAndAgainOnlyOnceItWasSetAnew() {
        try (var optimizer = builder().build()) {
            gradient(p, 1, 1);
            assertCalls(optimizer::step, "bind", "step");
            assertCalls(optimizer::step, "step");
            gradient(p, 2, 2);
            assertCalls(optimizer::step, "bind", "step");
            assertCalls(optimizer::zeroGrad, "zero gradients");
            gradient(p, 2, 2);
            assertCalls(optimizer::zeroGrad, "bind", "zero gradients");
            assertCalls(() -> optimizer.capture().close(), "capture");
            gradient(p, 2, 2);
            assertCalls(() -> optimizer.capture().close(), "bind", "capture");
            p.clearGradient();
            assertCalls(optimizer::step, "bind", "step");
            assertCalls(() -> optimizer.learningRate("all", 2), "configure");
            assertCalls(optimizer::step, "bind", "step");
        }
    }

    @Test
    void aPassOverEveryParameterIsNotToldOfAGradientWhoseArenaWasClosed() {
        var confined = Arena.ofConfined();
        try (var optimizer = builder().companion(SAM.withRho(1)).build();
                var arena = Arena.ofConfined()) {
            p.gradient(confined.allocateFrom(ValueLayout.JAVA_FLOAT, 3, 4));
            assertCalls(() -> optimizer.run(SAM.PERTURB), "bind", "bind", "run perturb");
            confined.close();
            assertCalls(() -> optimizer.run(SAM.RESTORE), "bind", "bind", "run restore");
            assertThat(device.arenas.size()).isZero();
            p.gradient(arena.allocateFrom(ValueLayout.JAVA_FLOAT, 3, 4));
            assertCalls(optimizer::step, "bind", "bind", "step");
            assertThat(device.arenas.size()).isEqualTo(1);
            // As long as all are open, passes and steps take turns without being told again.
            assertCalls(() -> optimizer.run(SAM.PERTURB), "run perturb");
            assertCalls(() -> optimizer.run(SAM.RESTORE), "run restore");
            assertCalls(optimizer::step, "step");
        }
    }

    @Test
    void aCaptureTakesNoStepAndEachOfItsLaunchesDoes() {
        try (var optimizer = builder().build()) {
            gradient(p, 1, 2);
            try (var captured = optimizer.capture()) {
                assertThat(values(p)).containsExactly(0, 0);
                assertCalls(captured::launch, "launch");
                captured.launch();
                assertThat(values(p)).containsExactly(-2, -4);
            }
        }
    }

    @Test
    void curvatureThatNoRuleTakesIsRefusedBeforeAStepIsCaptured() {
        try (var optimizer = builder().build()) {
            curvature(gradient(p, 1, 1), 1, 1);
            assertCalls(
                    () ->
                            assertThatThrownBy(optimizer::capture)
                                    .isInstanceOf(IllegalStateException.class)
                                    .hasMessage(
                                            "parameter 'p' has curvature, but its rule takes"
                                                    + " none"));
        }
    }

    @Test
    void whileAFrameworkCapturesItsStepsAnOptimizerIsNotClosed() {
        var optimizer = builder().build();
        device.capturing = true;
        assertCalls(
                () ->
                        assertThatThrownBy(optimizer::close)
                                .isInstanceOf(IllegalStateException.class)
                                .hasMessageContainingAll("closed", "captured", "again"));
        gradient(p, 1, 1);
        assertCalls(optimizer::step, "bind", "step");
        device.capturing = false;
        assertCalls(optimizer::close, "close execution");
        device.capturing = true;
        assertCalls(optimizer::close);
    }

    @Test
    void whatCameOfAStepIsNotWaitedForUnlessSomebodyAsks() {
        try (var optimizer = builder().nonFinite(NonFinitePolicy.SKIP).statistics(true).build()) {
            gradient(p, 1, 1);
            assertCalls(optimizer::step, "bind", "step");
            assertCalls(optimizer::report, "outcome");
        }
    }
}
