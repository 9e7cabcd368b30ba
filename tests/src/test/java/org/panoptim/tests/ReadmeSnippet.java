package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;

/**
 * Code of a test that README or another page shows: what stands between its marks.
 *
 * @param source the test's file
 */
public record ReadmeSnippet(String source) {

    /** The snippet of a test. */
    public static ReadmeSnippet of(Class<?> test) {
        return new ReadmeSnippet(
                "tests/src/test/java/" + test.getName().replace('.', '/') + ".java");
    }

    /** Line breaks and indents aside: the formatter's are not those of a page. */
    public void assertShown() throws IOException {
        assertShownIn("README.md");
    }

    /**
     * As {@link #assertShown}, of another page.
     *
     * @param page its file
     */
    public void assertShownIn(String page) throws IOException {
        var text = Files.readString(Project.root().resolve(source));
        var snippet = between(text, "// snippet:" + "start", "// snippet:" + "end");
        var pageText = Files.readString(Project.root().resolve(page));
        var shown = between(pageText, "<!-- snippet: " + source + " -->\n```java", "```");
        assertThat(withoutSpace(shown)).isEqualTo(withoutSpace(snippet));
    }

    private static String between(String text, String start, String end) {
        int from = text.indexOf(start);
        assertThat(from).as("where '%s' stands", start).isNotNegative();
        int to = text.indexOf(end, from + start.length());
        assertThat(to).as("where '%s' stands after it", end).isNotNegative();
        return text.substring(from + start.length(), to);
    }

    private static String withoutSpace(String text) {
        return text.replaceAll("\\s", "");
    }
}
