package org.panoptim.testkit.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.backend.Backend;
import org.panoptim.rule.LineRule;
import org.panoptim.rule.Pass;
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
        return Rules.exact().stream().map(UpdateRule::name);
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
        long ofMatrices = Rules.exact().stream().filter(LineRule.class::isInstance).count();
        assertThat(skipping).hasSize((int) (3 * Rules.exact().size() + ofMatrices));
        for (var scenario : skipping) {
            try (var run = new ScenarioRun(scenario, reference)) {
                play(run, scenario);
                assertThat(run.report().skipped()).as(scenario.toString()).isPositive();
                assertThat(run.report().step()).as(scenario.toString()).isPositive();
            }
        }
    }

    @Test
    void everyPassOfEveryCompanionRunsAndChangesSomething() {
        for (var scenario : CompanionScenarios.all()) {
            try (var run = new ScenarioRun(scenario, reference);
                    var without = new ScenarioRun(alone(scenario), reference)) {
                play(run, scenario);
                play(without, alone(scenario));
                assertThat(run.report().step()).as(scenario.toString()).isPositive();
                if (!leavesNoTrace(scenario)) {
                    var expected = without.snapshot().tensors();
                    var found = run.snapshot().tensors();
                    assertThat(expected.keySet())
                            .as(scenario.toString())
                            .anyMatch(name -> !Arrays.equals(expected.get(name), found.get(name)));
                }
            }
        }
        var ran =
                CompanionScenarios.all().stream()
                        .flatMap(scenario -> scenario.actions().stream())
                        .filter(Scenario.Passes.class::isInstance)
                        .map(Scenario.Passes.class::cast)
                        .flatMap(
                                each ->
                                        Stream.concat(
                                                Stream.of(each.name()), each.closing().stream()))
                        .distinct();
        var requested =
                Rules.companions().stream()
                        .flatMap(companion -> companion.passes().stream())
                        .filter(pass -> pass.timing() == Pass.Timing.REQUESTED)
                        .map(Pass::name)
                        .distinct();
        assertThat(ran).containsExactlyInAnyOrderElementsOf(requested.toList());
    }

    /**
     * What moves parameters and moves them back, bit for bit; and where norms are not finite, by
     * which companions would go.
     */
    private static boolean leavesNoTrace(Scenario scenario) {
        return Set.of("sam", "average-swap").contains(scenario.subject())
                || scenario.title().startsWith("special values");
    }

    private static Scenario alone(Scenario scenario) {
        return new Scenario(
                scenario.title(),
                scenario.settings(),
                scenario.groups(),
                scenario.actions().stream()
                        .filter(action -> !(action instanceof Scenario.Passes))
                        .toList());
    }

    @Test
    void everyScenarioIsSavedAndLoadedByAnotherBackendOnItsWay() {
        assertThat(Stream.concat(RuleScenarios.all().stream(), CompanionScenarios.all().stream()))
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
    void aRuleThatBackendsAgreeOnWithinBoundsHasNone() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RuleScenarios.of("muon"))
                .withMessage(
                        "rule muon has no scenarios: backends agree on it within bounds, not bit"
                                + " for bit");
        assertThat(RuleScenarios.all().stream().map(Scenario::subject).distinct())
                .containsExactlyElementsOf(Rules.exact().stream().map(UpdateRule::name).toList())
                .doesNotContain("muon");
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
