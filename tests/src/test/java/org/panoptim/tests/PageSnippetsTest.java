package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.regex.Pattern;

/** README and the pages for users show code that tests compile and run, and nothing else. */
class PageSnippetsTest {

    private static final Pattern SHOWN = Pattern.compile("<!-- snippet: (\\S+) -->");
    private static final Pattern JAVA = Pattern.compile("```java");

    /** A test, or a program that the example's own test runs. */
    private static final String COMPILED_AND_RUN =
            "\\S+Test\\.java|examples/\\w+/QuickStart\\.java|examples/\\S+Example\\.java";

    /** README, and in docs those in lower case; the others are for developers. */
    private static List<String> pages() throws IOException {
        return Project.files(".md").stream()
                .filter(file -> file.matches("README\\.md|docs/[a-z-]+\\.md"))
                .toList();
    }

    @ParameterizedTest
    @MethodSource("pages")
    void codeOfAPageIsCompiledAndRun(String page) throws IOException {
        var sources = sources(page);
        assertThat(JAVA.matcher(text(page)).results()).hasSameSizeAs(sources);
        for (var source : sources) {
            assertThat(source).matches(COMPILED_AND_RUN);
            new Snippet(source).assertShownIn(page);
        }
    }

    @Test
    void codeThatIsMarkedIsShown() throws IOException {
        var shown = new HashSet<String>();
        for (var page : pages()) {
            shown.addAll(sources(page));
        }
        var marked = new ArrayList<String>();
        for (var kind : List.of("Test.java", "Example.java")) {
            for (var file : Project.files(kind)) {
                if (text(file).contains(Snippet.START)) {
                    marked.add(file);
                }
            }
        }
        assertThat(marked).isNotEmpty().isSubsetOf(shown);
    }

    private static List<String> sources(String page) throws IOException {
        return SHOWN.matcher(text(page)).results().map(match -> match.group(1)).toList();
    }

    private static String text(String file) throws IOException {
        return Files.readString(Project.root().resolve(file));
    }
}
