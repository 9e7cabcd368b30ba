package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** README's tables are those of the descriptors. */
class ReadmeRulesTest {

    private static final String BEGIN = "<!-- rules -->\n";
    private static final String END = "<!-- end of rules -->";

    @Test
    void theTablesAreWhatTheCommandWrites() throws IOException {
        var readme = Files.readString(Path.of("..", "..", "README.md"));
        int begin = readme.indexOf(BEGIN);
        int end = readme.indexOf(END);

        assertThat(begin).as(BEGIN).isNotNegative();
        assertThat(end).as(END).isGreaterThan(begin);
        assertThat(readme.substring(begin + BEGIN.length(), end))
                .as("scripts/readme-rules brings README up to date")
                .isEqualTo(Invocation.of("rules", "--markdown").out());
    }
}
