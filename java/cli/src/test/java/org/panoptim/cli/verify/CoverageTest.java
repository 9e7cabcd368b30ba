package org.panoptim.cli.verify;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.testkit.scenario.CompanionScenarios;
import org.panoptim.testkit.scenario.RuleScenarios;
import org.panoptim.testkit.scenario.Scenario;

import java.util.List;
import java.util.stream.Stream;

class CoverageTest {

    private static Scenario titled(String title, Scenario like) {
        return new Scenario(title, like.settings(), like.groups(), like.actions());
    }

    @Test
    void whatEveryRuleRanThroughIsNamed() {
        assertThat(Coverage.conditions(RuleScenarios.all()))
                .contains("bfloat16, copies and averages", "odd sizes", "special values")
                .doesNotContain("defaults", "all together")
                .noneMatch(title -> title.contains("="));
    }

    @Test
    void whatOneRuleAloneRanThroughIsNot() {
        var sgd = RuleScenarios.of("sgd").toList().getLast();
        var lion = RuleScenarios.of("lion").toList().getLast();
        var scenarios =
                List.of(
                        titled("both", sgd),
                        titled("sgd alone", sgd),
                        titled("lion alone", lion),
                        titled("both", lion));

        assertThat(Coverage.conditions(scenarios)).containsExactly("both");
    }

    @Test
    void theExchangeOfCheckpointsIsNamedOnlyWhereThereIsOne() {
        var exchanged = RuleScenarios.of("sgd").toList().getLast();
        var plain = new Scenario("plain", exchanged.settings(), exchanged.groups(), List.of());

        assertThat(String.join(" ", Coverage.lines(List.of(exchanged), 80))).contains("saved");
        assertThat(String.join(" ", Coverage.lines(List.of(exchanged, plain), 80)))
                .doesNotContain("saved");
    }

    @Test
    void companionsAndThePassesThatRanAreNamed() {
        var all =
                Stream.concat(RuleScenarios.all().stream(), CompanionScenarios.all().stream())
                        .toList();
        assertThat(String.join(" ", Coverage.lines(all, 80)))
                .contains("Every companion ran beside adamw: clipped, with statistics; ")
                .contains("ran the passes eval, train, perturb, restore, ");
        assertThat(Coverage.lines(all, 80))
                .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(80));
    }

    @Test
    void whatRanIsNamedWhereNotAllDid() {
        assertThat(Coverage.lines(RuleScenarios.of("lion").toList(), 80))
                .contains("Besides variants of its settings, lion ran through:")
                .noneMatch(line -> line.contains("beside"));
        var cautious =
                CompanionScenarios.all().stream()
                        .filter(scenario -> scenario.subject().equals("cautious"))
                        .toList();
        assertThat(Coverage.lines(cautious, 80).getFirst())
                .startsWith("cautious ran beside adamw: ");
    }
}
