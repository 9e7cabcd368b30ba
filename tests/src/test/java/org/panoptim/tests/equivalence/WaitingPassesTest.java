package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdaptiveClip;
import org.panoptim.rule.Centralize;
import org.panoptim.rule.Companion;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.LookSAM;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SVRG;
import org.panoptim.rule.Slot;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Passes that go before a step change nothing before one that is refused, on any backend. */
class WaitingPassesTest {

    private static final float[] VALUES = {1, 2, 3, 4, 5, 6};
    private static final float[] GRADIENTS = {3, -1, 2, 5, 1, -2};

    private static final List<Companion> COMPANIONS =
            List.of(
                    new Centralize(),
                    AdaptiveClip.withClip(0.01),
                    Hypergradient.withBeta(0.01),
                    new LookSAM(0.1, 2, 0.5),
                    new SVRG());

    /** An optimizer with all of them, one step old, that has recorded gradients for the next. */
    private static final class Prepared {

        final Parameter parameter;
        final MemorySegment gradient;
        final Optimizer optimizer;

        Prepared(BackendFixture fixture) {
            gradient = fixture.floats(GRADIENTS);
            parameter =
                    Parameter.of("p", Shape.of(2, 3), fixture.floats(VALUES)).gradient(gradient);
            var builder =
                    fixture.builder(SGD.withLearningRate(0.25))
                            .group("all", List.of(parameter))
                            .nonFinite(NonFinitePolicy.SKIP);
            COMPANIONS.forEach(builder::companion);
            optimizer = fixture.build(builder);
            optimizer.run(SVRG.SNAPSHOT);
            optimizer.run(LookSAM.PERTURB);
            optimizer.run(LookSAM.RESTORE);
            optimizer.step();
            fresh();
            optimizer.run(SVRG.VISIT);
            optimizer.run(SVRG.LEAVE);
            optimizer.run(SVRG.RECORD);
        }

        /** Gradients as they were before passes have rewritten them. */
        void fresh() {
            MemorySegment.copy(GRADIENTS, 0, gradient, ValueLayout.JAVA_FLOAT, 0, GRADIENTS.length);
        }

        void stepWith(float last) {
            fresh();
            gradient.setAtIndex(ValueLayout.JAVA_FLOAT, GRADIENTS.length - 1, last);
            optimizer.step();
        }

        List<String> contents() {
            var all = new ArrayList<String>();
            all.add(optimizer.report().learningRates().toString());
            all.add(Arrays.toString(BackendFixture.values(parameter)));
            for (var companion : COMPANIONS) {
                for (var slot : companion.slots(parameter.shape())) {
                    if (slot.isKept() && slot.extent().isOfParameter()) {
                        all.add(slot.name() + ": " + contents(slot));
                    }
                }
            }
            return all;
        }

        private String contents(Slot slot) {
            var state = optimizer.state("p", slot.name());
            return slot.extent() == Slot.Extent.TENSOR
                    ? String.valueOf(state.value())
                    : Arrays.toString(state.toArray());
        }
    }

    @Test
    void aRefusedStepIsAsIfItHadNotBeenTried() {
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject)) {
                var tried = new Prepared(fixture);
                var untried = new Prepared(fixture);
                var before = tried.contents();
                for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
                    tried.stepWith(bad);
                    assertThat(tried.gradient.toArray(ValueLayout.JAVA_FLOAT))
                            .as("%s", subject)
                            .containsExactly(3, -1, 2, 5, 1, bad);
                    assertThat(tried.contents()).as("%s", subject).isEqualTo(before);
                }
                assertThat(tried.optimizer.report().skipped()).isEqualTo(2);
                tried.stepWith(7);
                untried.stepWith(7);
                assertThat(tried.contents())
                        .as("%s", subject)
                        .isEqualTo(untried.contents())
                        .isNotEqualTo(before);
                assertThat(tried.gradient.toArray(ValueLayout.JAVA_FLOAT))
                        .as("%s: rewritten again", subject)
                        .isEqualTo(untried.gradient.toArray(ValueLayout.JAVA_FLOAT))
                        .isNotEqualTo(new float[] {3, -1, 2, 5, 1, 7});
            }
        }
    }
}
