package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;

/**
 * Code that a page shows: a whole program, or of a test or an example what is between its marks.
 *
 * @param source the file
 */
record Snippet(String source) {

    private static final String PROGRAM = "QuickStart.java";

    /** What stands before the code of a file that a page shows. */
    static final String START = "// snippet:" + "start";

    private static final String END = "// snippet:" + "end";

    /**
     * Whether a page shows it. Line breaks and indents may differ: the formatter's are not those of
     * a page.
     *
     * @param page its file
     */
    void assertShownIn(String page) throws IOException {
        var text = Files.readString(Project.root().resolve(source));
        var snippet = source.endsWith(PROGRAM) ? text : between(text, START, END);
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
