package org.panoptim.testkit.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.backend.Backend;
import org.panoptim.rule.LineRule;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.step.NonFinitePolicy;

import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

class RuleScenariosTest {

    private final BackendUnderTest reference = new BackendUnderTest(Backend.named("reference"));

    @AfterEach
    void closeReference() {
        reference.backend().close();
    }

    static Stream<String> rules() {
        return Rules.all().stream().map(UpdateRule::name);
    }

    /** Runs all but what several runs are needed for. */
    private static void play(ScenarioRun run, Scenario scenario) {
        scenario.actions().stream()
                .filter(action -> !(action instanceof Scenario.SaveAndSwap))
                .forEach(run::apply);
    }

    /**
     * Without a gradient to begin with, these take no step, and so decay nothing either; one needs
     * a finite norm of it.
     */
    private static boolean standsStill(String rule, Scenario scenario) {
        return switch (scenario.title()) {
            case "zero gradients" -> Set.of("dadapt-adam", "dadapt-sgd").contains(rule);
            case "special values" -> rule.equals("dadapt-sgd");
            default -> false;
        };
    }

    @ParameterizedTest
    @MethodSource("rules")
    void everyScenarioChangesSomeParameter(String rule) {
        for (var scenario : RuleScenarios.of(rule).toList()) {
            if (standsStill(rule, scenario)) {
                continue;
            }
            try (var run = new ScenarioRun(scenario, reference)) {
                var before = run.snapshot().tensors();
                play(run, scenario);
                var after = run.snapshot().tensors();
                assertThat(before.keySet())
                        .as(scenario.toString())
                        .filteredOn(name -> name.startsWith("value of "))
                        .anyMatch(name -> !Arrays.equals(before.get(name), after.get(name)));
            }
        }
    }

    @Test
    void skippingScenariosSkipAndAcceptSteps() {
        var skipping =
                RuleScenarios.all().stream()
                        .filter(
                                scenario ->
                                        scenario.settings().policy() != NonFinitePolicy.PROPAGATE)
                        .toList();
        long ofMatrices = Rules.all().stream().filter(LineRule.class::isInstance).count();
        assertThat(skipping).hasSize((int) (3 * Rules.all().size() + ofMatrices));
        for (var scenario : skipping) {
            try (var run = new ScenarioRun(scenario, reference)) {
                play(run, scenario);
                assertThat(run.report().skipped()).as(scenario.toString()).isPositive();
                assertThat(run.report().step()).as(scenario.toString()).isPositive();
            }
        }
    }

    @Test
    void everyScenarioIsSavedAndLoadedByAnotherBackendOnItsWay() {
        assertThat(RuleScenarios.all())
                .allSatisfy(
                        scenario -> {
                            var actions = scenario.actions();
                            int swap = actions.indexOf(new Scenario.SaveAndSwap());
                            assertThat(swap).isPositive().isLessThan(actions.size() - 1);
                        });
    }

    @Test
    void anUnknownRuleHasNone() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RuleScenarios.of("quickest"))
                .withMessageContaining("quickest");
    }

    @Test
    void everySettingOfEveryRuleHasValuesThatTheRuleTakes() {
        for (var rule : Rules.all()) {
            for (var setting : Rules.settings(rule).keySet()) {
                for (var value : RuleVariants.values(rule, setting)) {
                    var changed =
                            RuleVariants.with(
                                    RuleVariants.of(rule.name()).getFirst().rule(),
                                    Map.of(setting, value));
                    assertThat(changed.name()).isEqualTo(rule.name());
                }
            }
        }
    }
}
