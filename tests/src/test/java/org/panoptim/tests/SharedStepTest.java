package org.panoptim.tests;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.Optimizer;
import org.panoptim.rule.AdaptiveClip;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.Centralize;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.Lookahead;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
import org.panoptim.rule.UpdateRule;

import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** One, two, four and eight members of a team take steps with the same bits. */
class SharedStepTest {

    static Stream<UpdateRule> rules() {
        return Rules.exact().stream();
    }

    @ParameterizedTest
    @MethodSource("rules")
    void theNumberOfMembersChangesNoBit(UpdateRule rule) throws Exception {
        SharedSteps.of(rule).requireEqual();
    }

    static Stream<UpdateRule> companions() {
        return Stream.of(
                Lookahead.defaults().withK(2),
                Cautious.ofUpdates(),
                new Centralize(),
                AdaptiveClip.defaults(),
                Hypergradient.defaults());
    }

    @ParameterizedTest
    @MethodSource("companions")
    void norWithCompanionsThatGoWithEveryStep(UpdateRule companion) throws Exception {
        requireEqualSteps(
                Rules.adamW(1e-2),
                builder -> builder.companion(companion),
                (optimizer, _) -> optimizer.step());
    }

    @Test
    void norWithPassesThatTakeGradientsOfTheirOwn() throws Exception {
        requireEqualSteps(
                Rules.adamW(1e-2),
                builder -> builder.companion(SAM.defaults()),
                (optimizer, differentiate) -> {
                    optimizer.run(SAM.PERTURB);
                    differentiate.run();
                    optimizer.run(SAM.RESTORE);
                    optimizer.step();
                });
    }

    @Test
    void norWithCurvatureThatWaitsForAPass() throws Exception {
        requireEqualSteps(
                Rules.sophiaG(1e-2),
                builder -> builder.companion(SAM.defaults()),
                (optimizer, differentiate) -> {
                    optimizer.run(SAM.PERTURB);
                    differentiate.run();
                    optimizer.run(SAM.RESTORE);
                    optimizer.step();
                });
    }

    @Test
    void norWithAveragesOfParameters() throws Exception {
        requireEqualSteps(
                Rules.scheduleFreeAdamW(1e-2),
                UnaryOperator.identity(),
                (optimizer, _) -> {
                    optimizer.step();
                    optimizer.run("eval");
                    optimizer.run("train");
                });
    }

    private static void requireEqualSteps(
            UpdateRule rule,
            UnaryOperator<Optimizer.Builder<?>> change,
            SharedSteps.Stepping stepping)
            throws Exception {
        SharedSteps.of(rule).with(change, stepping).requireEqual();
    }
}
