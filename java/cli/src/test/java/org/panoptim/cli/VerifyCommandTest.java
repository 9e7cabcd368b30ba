package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.testkit.scenario.Scenario;

import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

class VerifyCommandTest {

    /** Name, greatest difference, and as many scenarios as runs. */
    private static final Pattern ROW = Pattern.compile("(?m)^  ([a-z-]+) +0 +(\\d+) +\\2$");

    @Test
    void everyRuleAndCompanionHasScenarios() {
        assertThat(VerifyCommand.scenarios(List.of()).stream().map(Scenario::subject).distinct())
                .containsExactlyElementsOf(
                        Stream.concat(Rules.exact().stream(), Rules.companions().stream())
                                .map(UpdateRule::name)
                                .toList());
    }

    @Test
    void scenariosOfTheseRulesAreCompared() {
        var invocation =
                Invocation.of("verify", "--backend", "reference", "lion", "swats", "cautious");

        assertThat(invocation.err()).isEmpty();
        assertThat(invocation.status()).isZero();
        var rows =
                ROW.matcher(invocation.out())
                        .results()
                        .collect(Collectors.toMap(row -> row.group(1), row -> row.group(2)));
        assertThat(rows).containsOnlyKeys("lion", "swats", "cautious");
        assertThat(invocation.out().lines())
                .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(80));
        assertThat(invocation.out().replace('\n', ' '))
                .contains(
                        "in units in the last place of parameters and states (all NaNs count as one"
                                + " value): ");
        assertThat(invocation.out())
                .contains("reference (plain Java, one thread) ran every scenario.\n")
                .contains("lion, swats ran through:\n", "cautious ran beside adamw: ")
                .contains(
                        "All "
                                + rows.values().stream().mapToInt(Integer::parseInt).sum()
                                + " runs have the reference's bits.\n")
                .containsPattern("(?m)^  reference +\\d\\.\\de-\\d\\d +\\d\\.\\de-\\d\\d +27$")
                .endsWith("Every certificate of an inverse holds.\n");
    }

    @Test
    void anUnknownRuleIsRefused() {
        var invocation = Invocation.of("verify", "--backend", "reference", "lyon");

        assertThat(invocation.status()).isEqualTo(2);
        assertThat(invocation.err())
                .startsWith("panoptim verify: there is no rule 'lyon'; near it are lion")
                .hasLineCount(1);
        assertThat(invocation.out()).isEmpty();
    }

    @Test
    void aRuleOnMatricesIsComparedWithinBounds() {
        var alone = Invocation.of("verify", "--backend", "reference", "muon");
        assertThat(alone.status()).isZero();
        assertThat(alone.err()).isEmpty();
        assertThat(alone.out())
                .startsWith("Largest difference of a parameter from the reference backend's")
                .containsPattern("(?m)^  reference +muon +0\\.0e\\+00$")
                .contains(
                        "their states must have the same",
                        "\nEvery rule on matrices is within its bounds.\n")
                .doesNotContain("runs have the reference's bits");

        var both = Invocation.of("verify", "--backend", "reference", "lion", "muon");
        assertThat(both.status()).isZero();
        assertThat(both.out())
                .contains("lion ran through:\n", "within its bounds", "the reference's bits.\n");

        assertThat(Invocation.of("verify", "--backend", "reference", "lion").out())
                .doesNotContain("on matrices");
    }

    @Test
    void anUnknownBackendIsRefused() {
        var invocation = Invocation.of("verify", "--backend", "abacus");

        assertThat(invocation.status()).isEqualTo(2);
        assertThat(invocation.err())
                .startsWith("panoptim verify: --backend: there is no backend 'abacus'")
                .hasLineCount(1);
    }
}
