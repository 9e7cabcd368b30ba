package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.step.LossScale;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;

class AccumulationTest {

    private static Optimizer.Builder<SGD> builder(Accumulation accumulation) {
        return Optimizer.builder(SGD.withLearningRate(1))
                .companion(accumulation)
                .backend(Backend.named("reference"));
    }

    private static float gradientOf(Parameter parameter) {
        return ((org.panoptim.memory.HostMemory) parameter.gradient().orElseThrow())
                .segment()
                .get(ValueLayout.JAVA_FLOAT, 0);
    }

    private static void accumulate(Optimizer optimizer, Parameter p, float... gradients) {
        for (float each : gradients) {
            gradient(p, each);
            optimizer.run(Accumulation.ACCUMULATE);
        }
    }

    @Test
    void aStepTakesTheMeanOfTheMicroBatches() {
        var p = vector("p", 10);
        try (var optimizer = builder(Accumulation.defaults()).group("all", List.of(p)).build()) {
            accumulate(optimizer, p, 1, 2, 6);
            assertThat(values(p)).containsExactly(10);
            optimizer.step();
            assertThat(values(p)).containsExactly(7);
            assertThat(gradientOf(p)).isEqualTo(3);
            // The next step begins anew.
            accumulate(optimizer, p, 4, 0);
            optimizer.step();
            assertThat(values(p)).containsExactly(5);
        }
    }

    @Test
    void orOfTheirSum() {
        var p = vector("p", 10);
        try (var optimizer =
                builder(Accumulation.defaults().withMean(false)).group("all", List.of(p)).build()) {
            accumulate(optimizer, p, 1, 2, 6);
            optimizer.step();
            assertThat(values(p)).containsExactly(1);
        }
    }

    @Test
    void aStepWithoutMicroBatchesTakesItsGradient() {
        var p = vector("p", 10);
        gradient(p, 4);
        try (var optimizer = builder(Accumulation.defaults()).group("all", List.of(p)).build()) {
            optimizer.step();
            assertThat(values(p)).containsExactly(6);
        }
    }

    @Test
    void aMicroBatchWithoutAGradientCountsAsZero() {
        var p = vector("p", 10);
        try (var optimizer = builder(Accumulation.defaults()).group("all", List.of(p)).build()) {
            accumulate(optimizer, p, 8);
            p.clearGradient();
            optimizer.run(Accumulation.ACCUMULATE);
            gradient(p, 77);
            optimizer.step();
            assertThat(values(p)).containsExactly(6);
        }
    }

    @Test
    void aSumThatMissesAStepIsAMeanOverTheMicroBatchesOfBoth() {
        var p = vector("p", 10);
        var always = vector("always", 10);
        try (var optimizer =
                builder(Accumulation.defaults()).group("all", List.of(p, always)).build()) {
            gradient(always, 1);
            accumulate(optimizer, p, 1, 2);
            p.clearGradient();
            optimizer.step();
            assertThat(values(p)).containsExactly(10);
            gradient(always, 1);
            accumulate(optimizer, p, 3);
            optimizer.step();
            assertThat(values(p)).containsExactly(8);
            assertThat(values(always)).containsExactly(8);
            accumulate(optimizer, p, 4);
            optimizer.step();
            assertThat(values(p)).containsExactly(4);
        }
    }

    @Test
    void gradientsAreUnscaledAndGoBackAsTheyCame() {
        var p = vector("p", 10);
        try (var optimizer =
                builder(Accumulation.defaults())
                        .group("all", List.of(p))
                        .lossScale(LossScale.fixed(8))
                        .build()) {
            accumulate(optimizer, p, 8, 24);
            assertThat(optimizer.state("p", "gradient_sum").toArray()).containsExactly(4);
            optimizer.step();
            assertThat(gradientOf(p)).isEqualTo(16);
            assertThat(values(p)).containsExactly(8);
        }
    }

    @Test
    void whatIsAccumulatedIsPerturbedTogether() {
        var p = vector("p", 10);
        try (var optimizer =
                builder(Accumulation.defaults())
                        .companion(SAM.withRho(1))
                        .group("all", List.of(p))
                        .build()) {
            accumulate(optimizer, p, 1, 5);
            optimizer.run(Accumulation.RELEASE);
            optimizer.run(SAM.PERTURB);
            assertThat(values(p)).containsExactly(11);
            optimizer.run(SAM.RESTORE);
            accumulate(optimizer, p, 2, 4);
            optimizer.step();
            assertThat(values(p)).containsExactly(7);
        }
    }

    @Test
    void aReadOnlyGradientIsRefusedBeforeAnythingIsChanged() {
        var p = vector("p", 10);
        try (var optimizer = builder(Accumulation.defaults()).group("all", List.of(p)).build()) {
            accumulate(optimizer, p, 1);
            p.gradient(Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 5).asReadOnly());
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("'p'", "read-only", "release");
            assertThat(optimizer.state("p", "gradient_sum").toArray()).containsExactly(1);
            assertThat(values(p)).containsExactly(10);
        }
    }
}
