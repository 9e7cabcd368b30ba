package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** The pages for users of frameworks show code that tests of other modules compile and run. */
class PageSnippetsTest {

    private static final Pattern SHOWN = Pattern.compile("<!-- snippet: (\\S+) -->");
    private static final Pattern JAVA = Pattern.compile("```java");

    @ParameterizedTest
    @ValueSource(strings = {"docs/pytorch.md", "docs/djl.md", "docs/plain.md"})
    void pagesShowWhatIsCompiledAndRun(String page) throws IOException {
        var text = Files.readString(Project.root().resolve(page));
        var sources = SHOWN.matcher(text).results().map(MatchResult::group).toList();
        assertThat(sources).hasSameSizeAs(JAVA.matcher(text).results().toList()).isNotEmpty();
        for (var source : SHOWN.matcher(text).results().map(match -> match.group(1)).toList()) {
            assertThat(source).endsWith("Test.java");
            new ReadmeSnippet(source).assertShownIn(page);
        }
    }
}
