package org.panoptim.simd;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The names that a header of ours declares, found by patterns that fit how those are written.
 *
 * @param constants the macros that stand for numbers
 * @param functions the functions
 * @param structs the structures, each with its members in order
 */
record Header(List<String> constants, List<String> functions, Map<String, List<String>> structs) {

    private static final Pattern COMMENT = Pattern.compile("/\\*.*?\\*/", Pattern.DOTALL);
    private static final Pattern CONSTANT =
            Pattern.compile("^#define (PANOPTIM_\\w+) ", Pattern.MULTILINE);
    private static final Pattern STRUCT =
            Pattern.compile("typedef struct (\\w+) \\{(.*?)\\} \\1;", Pattern.DOTALL);
    private static final Pattern MEMBER = Pattern.compile("(\\w+)(\\[\\w+\\])?;");
    private static final Pattern FUNCTION =
            Pattern.compile("^[a-z][\\w ]*[ *](panoptim_\\w+)\\(", Pattern.MULTILINE);

    static Path folder() {
        return Checkout.root().resolve("native/include");
    }

    static Header read(String file) {
        try {
            var text = COMMENT.matcher(Files.readString(folder().resolve(file))).replaceAll("");
            var structs = new LinkedHashMap<String, List<String>>();
            STRUCT.matcher(text)
                    .results()
                    .forEach(match -> structs.put(match.group(1), names(MEMBER, match.group(2))));
            return new Header(names(CONSTANT, text), names(FUNCTION, text), structs);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<String> names(Pattern pattern, String text) {
        Stream<MatchResult> matches = pattern.matcher(text).results();
        return matches.map(result -> result.group(1)).toList();
    }
}
