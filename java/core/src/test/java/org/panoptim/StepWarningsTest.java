package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.logging.Logged;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.UpdateRule;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** What is no error and yet hardly wanted is told once. */
class StepWarningsTest {

    private static Optimizer.Builder<UpdateRule> builder(UpdateRule rule, Parameter... parameters) {
        var builder = Optimizer.builder(rule).backend(Backend.named("reference"));
        return parameters.length == 0 ? builder : builder.group("all", List.of(parameters));
    }

    private static List<String> warnings(Optimizer optimizer, Runnable steps) {
        try (var _ = optimizer.backend();
                optimizer) {
            return Logged.warnings(steps::run);
        }
    }

    @Test
    void aStepWithoutAnyGradient() {
        var p = vector("p", 1);
        var optimizer = builder(AdamW.defaults(), p).build();
        var lines =
                warnings(
                        optimizer,
                        () -> {
                            optimizer.step();
                            optimizer.step();
                        });
        assertThat(lines)
                .containsExactly(
                        "A step is taken in which no parameter has a gradient, so it updates none;"
                                + " Parameter.gradient(…) hands one over before the step.");
    }

    @Test
    void anOptimizerWithoutParameters() {
        var optimizer = builder(AdamW.defaults()).build();
        assertThat(warnings(optimizer, optimizer::step))
                .containsExactly(
                        "An optimizer without parameters takes steps that change nothing; its"
                                + " builder's group(…) takes them.");
    }

    @Test
    void nothingIsToldOfAStepWithAGradient() {
        var p = vector("p", 1);
        var idle = vector("idle", 1);
        gradient(p, 1);
        var optimizer = builder(AdamW.defaults(), p, idle).build();
        assertThat(warnings(optimizer, optimizer::step)).isEmpty();
    }

    @Test
    void aThousandStepsOfSophiaWithoutCurvature() {
        var p = vector("p", 1);
        gradient(p, 1);
        var optimizer = builder(SophiaG.defaults(), p).build();
        assertThat(warnings(optimizer, () -> take(optimizer, 999))).isEmpty();
        var other = builder(SophiaG.defaults(), p).build();
        assertThat(warnings(other, () -> take(other, 2500)))
                .containsExactly(
                        "1000 steps were taken with a rule that takes curvature (Sophia), and no"
                                + " parameter had any; Parameter.curvature(…) hands it over every"
                                + " few steps.");
    }

    @Test
    void curvatureNowAndThenIsEnough() {
        var p = vector("p", 1);
        gradient(p, 1);
        var optimizer = builder(SophiaG.defaults(), p).build();
        assertThat(
                        warnings(
                                optimizer,
                                () -> {
                                    for (int round = 0; round < 3; round++) {
                                        take(optimizer, 900);
                                        p.curvature(MemorySegment.ofArray(new float[] {1}));
                                        optimizer.step();
                                    }
                                }))
                .isEmpty();
    }

    private static void take(Optimizer optimizer, int steps) {
        for (int step = 0; step < steps; step++) {
            optimizer.step();
        }
    }
}
