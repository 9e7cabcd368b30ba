package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.backend.Backend;
import org.panoptim.rule.Rules;
import org.panoptim.testkit.scenario.BackendUnderTest;
import org.panoptim.testkit.scenario.Comparison;
import org.panoptim.testkit.scenario.RuleScenarios;
import org.panoptim.testkit.scenario.Scenario;
import org.panoptim.testkit.scenario.ScenarioRun;

import java.util.ArrayList;
import java.util.List;

/** Steps that are captured and replayed leave the reference's bits, as called ones do. */
@Tag("virtual-gpu")
class CapturedScenariosTest {

    /** So many scenarios of a rule share one turn. */
    private static final int SHARE = 24;

    /** Of every rule some, of each another part, so that all conditions come up. */
    private static List<Scenario> some(int turn) {
        var some = new ArrayList<Scenario>();
        var rules = Rules.exact();
        for (int i = 0; i < rules.size(); i++) {
            var ofRule = RuleScenarios.of(rules.get(i).name()).toList();
            for (int j = (i + turn) % SHARE; j < ofRule.size(); j += SHARE) {
                some.add(ofRule.get(j));
            }
        }
        return some;
    }

    @ParameterizedTest
    @EnumSource
    void everyRuleIsReplayedWithTheReferencesBits(Implementation implementation) {
        try (var device = implementation.device();
                var reference = new BackendUnderTest(Backend.named("reference"))) {
            var captured = captured(device);
            for (var scenario : some(implementation.ordinal() * SHARE / 2)) {
                assertThat(Comparison.of(scenario, reference, List.of(captured)))
                        .allSatisfy(
                                result -> assertThat(result.passed()).as("%s", result).isTrue());
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aStepIsCapturedOnceForGradientsThatStayWhereTheyLie(Implementation implementation) {
        try (var device = implementation.device()) {
            var scenario = RuleScenarios.of("lion").findFirst().orElseThrow();
            long steps =
                    scenario.actions().stream().filter(Scenario.Step.class::isInstance).count();
            assertThat(steps).isGreaterThan(2);
            try (var run = new ScenarioRun(scenario, captured(device))) {
                for (var action : scenario.actions()) {
                    if (!(action instanceof Scenario.SaveAndSwap)) {
                        run.apply(action);
                    }
                }
                assertThat(run.replays()).isEqualTo((int) steps - 1);
            }
        }
    }

    private static BackendUnderTest captured(Device device) {
        return new BackendUnderTest("captured", device.backend(), () -> {}, true);
    }
}
