package org.panoptim.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.testkit.scenario.CompanionScenarios;
import org.panoptim.testkit.scenario.RuleScenarios;
import org.panoptim.testkit.scenario.Scenario;

import java.util.HashMap;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

class RotationTest {

    private static final List<Scenario> SCENARIOS =
            Stream.concat(RuleScenarios.all().stream(), CompanionScenarios.all().stream()).toList();

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5, 8, 11})
    void everyRuleAndCompanionComesByEveryConfigurationOftenAndEveryScenarioBySome(int count) {
        var configurations = IntStream.range(0, count).boxed().toList();
        var rotation = new Rotation(SCENARIOS);
        var met = new HashMap<String, int[]>();

        for (var scenario : SCENARIOS) {
            var turn = rotation.turn(scenario, configurations);
            assertThat(turn).doesNotHaveDuplicates().isNotEmpty();
            var times = met.computeIfAbsent(scenario.subject(), _ -> new int[count]);
            turn.forEach(configuration -> times[configuration]++);
        }

        assertThat(met).hasSizeGreaterThan(40);
        met.forEach(
                (subject, times) ->
                        assertThat(IntStream.of(times).min().orElseThrow())
                                .as(subject)
                                .isGreaterThanOrEqualTo(
                                        Math.min(
                                                Rotation.LEAST,
                                                (int)
                                                        SCENARIOS.stream()
                                                                .filter(
                                                                        each ->
                                                                                each.subject()
                                                                                        .equals(
                                                                                                subject))
                                                                .count())));
    }

    @ParameterizedTest
    @ValueSource(strings = {"large tensors", "odd sizes", "bfloat16, copies and averages"})
    void everyConfigurationMeetsAConditionWithSeveralRules(String title) {
        var configurations = IntStream.range(0, 8).boxed().toList();
        var rotation = new Rotation(SCENARIOS);

        var times =
                SCENARIOS.stream()
                        .filter(scenario -> scenario.title().equals(title))
                        .flatMap(scenario -> rotation.turn(scenario, configurations).stream())
                        .collect(Collectors.groupingBy(each -> each, Collectors.counting()));

        assertThat(times).hasSize(8).allSatisfy((_, count) -> assertThat(count).isGreaterThan(5));
    }
}
