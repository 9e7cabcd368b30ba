package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** Links of documents lead to files of the project, and to headings that are there. */
class DocumentLinksTest {

    private static final Pattern FENCED = Pattern.compile("(?ms)^( *)```.*?^\\1```$");
    private static final Pattern INLINE_CODE = Pattern.compile("`[^`\n]*`");
    private static final Pattern LINK =
            Pattern.compile("\\]\\(([^)\\s]+)\\)|\\b(?:href|src|srcset)=\"([^\"]+)\"");
    private static final Pattern HEADING = Pattern.compile("(?m)^#{1,6} +(.+?) *$");
    private static final Pattern ELSEWHERE = Pattern.compile("[a-z]+:.*");

    private static List<String> documents() throws IOException {
        return Project.files(".md");
    }

    @ParameterizedTest
    @MethodSource("documents")
    void linksLeadSomewhere(String document) throws IOException {
        var file = Project.root().resolve(document);
        for (var link : links(Files.readString(file))) {
            if (ELSEWHERE.matcher(link).matches()) {
                continue;
            }
            var parts = link.split("#", 2);
            var target = parts[0].isEmpty() ? file : file.resolveSibling(parts[0]).normalize();
            assertThat(target).as("link %s of %s", link, document).exists();
            if (parts.length == 2) {
                assertThat(anchors(Files.readString(target)))
                        .as("headings where link %s of %s leads to", link, document)
                        .contains(parts[1]);
            }
        }
    }

    @Test
    void linksAreFoundOutsideOfCode() {
        assertThat(
                        links(
                                """
                                See [`code`](a.md#b), ![a picture](b.svg) and `[no](c.md)`.
                                <img src="d.svg" width="1">
                                ```
                                [no](e.md)
                                ```
                                """))
                .containsExactly("a.md#b", "b.svg", "d.svg");
    }

    @Test
    void anchorsAreThoseOfGitHub() {
        assertThat(
                        anchors(
                                """
                                # K-FAC, and `Adam`
                                ## The step
                                ```
                                # no heading
                                ```
                                ## The step
                                """))
                .containsExactly("k-fac-and-adam", "the-step", "the-step-1");
    }

    private static List<String> links(String text) {
        var prose = INLINE_CODE.matcher(FENCED.matcher(text).replaceAll("")).replaceAll("");
        return LINK.matcher(prose)
                .results()
                .map(match -> match.group(1) == null ? match.group(2) : match.group(1))
                .toList();
    }

    private static List<String> anchors(String text) {
        var counts = new HashMap<String, Integer>();
        return HEADING.matcher(FENCED.matcher(text).replaceAll(""))
                .results()
                .map(match -> match.group(1).toLowerCase(Locale.ROOT))
                .map(title -> title.replaceAll("[^\\p{L}\\p{N} _-]", "").replace(' ', '-'))
                .map(
                        anchor -> {
                            int earlier = counts.merge(anchor, 1, Integer::sum) - 1;
                            return earlier == 0 ? anchor : anchor + "-" + earlier;
                        })
                .toList();
    }
}
