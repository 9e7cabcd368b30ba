package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.rule.Rules;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The tables of docs/rules.md are those of the descriptors, and README counts them. */
class RulesPageTest {

    private static final Path ROOT = Path.of("..", "..");
    private static final String BEGIN = "<!-- rules -->\n";
    private static final String END = "<!-- end of rules -->";

    @Test
    void theTablesAreWhatTheCommandWrites() throws IOException {
        var page = Files.readString(ROOT.resolve("docs/rules.md"));
        int begin = page.indexOf(BEGIN);
        int end = page.indexOf(END);

        assertThat(begin).as(BEGIN).isNotNegative();
        assertThat(end).as(END).isGreaterThan(begin);
        assertThat(page.substring(begin + BEGIN.length(), end))
                .as("scripts/docs-rules brings docs/rules.md up to date")
                .isEqualTo(Invocation.of("rules", "--markdown").out());
    }

    @Test
    void readmeCountsRulesAndCompanions() throws IOException {
        assertThat(Files.readString(ROOT.resolve("README.md")))
                .contains(
                        "%d rules and %d companions"
                                .formatted(Rules.all().size(), Rules.companions().size()));
    }
}
