package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;

import java.util.stream.Stream;

class VerifyCommandTest {

    @Test
    void everyRuleIsInTheTable() {
        var invocation = Invocation.of("verify", "--backend", "reference");

        assertThat(invocation.err()).isEmpty();
        assertThat(invocation.status()).isZero();
        Stream.concat(Rules.all().stream(), Rules.companions().stream())
                .map(UpdateRule::name)
                .forEach(
                        name ->
                                assertThat(invocation.out())
                                        .containsPattern("(?m)^  " + name + " +0 +(\\d+) +\\1$"));
        assertThat(invocation.out().lines())
                .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(80));
        assertThat(invocation.out().replace('\n', ' '))
                .contains(
                        "in units in the last place of parameters and states (all NaNs count as one"
                                + " value): ");
        assertThat(invocation.out())
                .contains("reference (plain Java, one thread) ran every scenario.\n")
                .contains("every rule ran through:\n", "Every companion ran beside adamw: ")
                .contains("Before every other step ran the passes eval, train, ")
                .contains(" runs have the reference's bits.\n")
                .containsPattern("(?m)^  reference +\\d\\.\\de-\\d\\d +\\d\\.\\de-\\d\\d +27$")
                .endsWith("Every certificate of an inverse holds.\n");
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
