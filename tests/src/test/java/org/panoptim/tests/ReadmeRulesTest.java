package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.rule.RuleSetting;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.util.List;
import java.util.stream.Collectors;

/**
 * README's table of rules is what the rules say of themselves; the failure prints the right one.
 */
class ReadmeRulesTest {

    private static final String HEAD =
            "| rule | class | settings, by PyTorch's names, with their defaults | source of formula"
                    + " and defaults |";

    private static final String COMPANIONS =
            "| companion | class | passes | settings, with their defaults | source of formula and"
                    + " defaults |";

    @Test
    void theTableOfRulesIsThatOfTheirDescriptors() throws IOException {
        var lines = Files.readAllLines(Project.root().resolve("README.md"));
        int first = lines.indexOf(HEAD);
        assertThat(first).as("the line '%s'", HEAD).isNotNegative();
        var table = lines.subList(first + 2, lines.size()).stream();
        assertThat(table.takeWhile(line -> line.startsWith("|")))
                .containsExactlyElementsOf(expected());
    }

    private static List<String> expected() {
        return Rules.all().stream().map(ReadmeRulesTest::row).toList();
    }

    @Test
    void theTableOfCompanionsIsThatOfTheirDescriptors() throws IOException {
        var lines = Files.readAllLines(Project.root().resolve("README.md"));
        int first = lines.indexOf(COMPANIONS);
        assertThat(first).as("the line '%s'", COMPANIONS).isNotNegative();
        var table = lines.subList(first + 2, lines.size()).stream();
        assertThat(table.takeWhile(line -> line.startsWith("|")))
                .containsExactlyElementsOf(
                        Rules.companions().stream().map(ReadmeRulesTest::companionRow).toList());
    }

    private static String companionRow(UpdateRule rule) {
        return "| `%s` | `%s` | %s | %s | %s |"
                .formatted(
                        rule.name(),
                        rule.getClass().getSimpleName(),
                        rule.passes().stream()
                                .map(pass -> "`" + pass.name() + "`")
                                .collect(Collectors.joining(", ")),
                        settings(rule),
                        rule.descriptor().source());
    }

    private static String settings(UpdateRule rule) {
        return rule.descriptor().settings().stream()
                .map(ReadmeRulesTest::setting)
                .collect(Collectors.joining(", "));
    }

    private static String row(UpdateRule rule) {
        return "| `%s` | `%s` | %s | %s |"
                .formatted(
                        rule.name(),
                        rule.getClass().getSimpleName(),
                        settings(rule),
                        rule.descriptor().source());
    }

    private static String setting(RuleSetting setting) {
        return "`" + setting.name() + "` " + value(setting.initial());
    }

    private static String value(Object initial) {
        return switch (initial) {
            case Boolean flag -> flag ? "on" : "off";
            case Double number when number.isInfinite() -> "∞";
            case Double number when number != 0 && Math.abs(number) < 0.01 -> scientific(number);
            case Double number ->
                    new BigDecimal(number.toString()).stripTrailingZeros().toPlainString();
            default -> initial.toString();
        };
    }

    /** As people write it: 1e-3, 2.5e-4. */
    private static String scientific(double number) {
        var decimal = new BigDecimal(Double.toString(number)).stripTrailingZeros();
        int exponent = decimal.precision() - decimal.scale() - 1;
        return decimal.movePointRight(-exponent).toPlainString() + "e" + exponent;
    }
}
