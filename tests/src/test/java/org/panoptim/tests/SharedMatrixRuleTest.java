package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.rule.AdaptiveClip;
import org.panoptim.rule.Muon;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tests.equivalence.TestBetween;
import org.panoptim.tests.equivalence.TestOrthogonal;

import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/** Members of a team take steps of rules on matrices, each of those that it owns. */
@Tag("testing-library")
class SharedMatrixRuleTest {

    static Stream<UpdateRule> rules() {
        return Stream.of(
                new TestOrthogonal(0.1, 0.5, false),
                new TestOrthogonal(0.1, 0.5, true),
                new TestOrthogonal(0.1, 0.5, false, true),
                Muon.withLearningRate(0.1),
                Muon.withLearningRate(0.1).withSteps(2).withMatchRmsAdamw(true));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void theNumberOfMembersChangesNoBit(UpdateRule rule) throws Exception {
        SharedSteps.of(rule).requireEqual();
    }

    @ParameterizedTest
    @MethodSource("rules")
    void norWithACompanion(UpdateRule rule) throws Exception {
        SharedSteps.of(rule)
                .with(
                        builder -> builder.companion(AdaptiveClip.defaults()),
                        (optimizer, _) -> optimizer.step())
                .requireEqual();
    }

    @Test
    void everyMemberComputesWithItsOwnMatricesAlone() throws Exception {
        var matrices = new ConcurrentHashMap<Thread, Integer>();
        var rule =
                new TestBetween(
                        (phase, work) -> {
                            if (phase == 1) {
                                var thread = Thread.currentThread();
                                matrices.merge(thread, work.slot(0).count(), Integer::sum);
                            }
                        });
        SharedSteps.of(rule).on("reference", 4);

        // Of seven with elements, in two steps.
        assertThat(matrices.values()).containsExactlyInAnyOrder(4, 4, 4, 2);
    }
}
