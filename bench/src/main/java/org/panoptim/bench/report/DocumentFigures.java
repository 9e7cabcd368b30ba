package org.panoptim.bench.report;

import org.panoptim.bench.result.Results;
import org.panoptim.io.OutputFile;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Writes the figures of documents from files of results, so that they cannot drift from them:
 *
 * <ul>
 *   <li>what is between {@code <!-- figures: RESULTS -->} and {@code <!-- end of figures -->};
 *       after {@code RESULTS since OLD} it is what changed from the one file to the other;
 *   <li>what is between {@code <!-- picture: SVG from RESULTS: WORKLOAD, WORKLOAD -->} and {@code
 *       <!-- end of picture -->}, and the picture itself.
 * </ul>
 *
 * <p>All files are named from the folder of the document.
 */
public final class DocumentFigures {

    private static final Pattern FIGURES =
            Pattern.compile(
                    "(<!-- figures: (\\S+)(?: since (\\S+))? -->\n).*?(<!-- end of figures -->)",
                    Pattern.DOTALL);

    private static final Pattern PICTURE =
            Pattern.compile(
                    "(<!-- picture: (\\S+) from (\\S+): (.+?) -->\n).*?(<!-- end of picture -->)",
                    Pattern.DOTALL);

    private DocumentFigures() {}

    /**
     * Rewrites the figures of documents, and their pictures.
     *
     * @param arguments the documents
     */
    public static void main(String[] arguments) throws IOException {
        for (var argument : arguments) {
            var file = Path.of(argument).toAbsolutePath();
            var text = Files.readString(file);
            for (var picture : pictures(text, file.getParent()).entrySet()) {
                OutputFile.writeString(picture.getKey(), picture.getValue());
            }
            OutputFile.writeString(file, rewritten(text, file.getParent()));
        }
    }

    /**
     * A text with its figures written anew.
     *
     * @param folder from which the text names files
     */
    static String rewritten(String text, Path folder) throws IOException {
        return replaced(
                replaced(text, FIGURES, folder, DocumentFigures::figures),
                PICTURE,
                folder,
                DocumentFigures::caption);
    }

    /**
     * The pictures that a text shows, by their files.
     *
     * @param folder from which the text names files
     */
    static Map<Path, String> pictures(String text, Path folder) throws IOException {
        var pictures = new LinkedHashMap<Path, String>();
        for (var block : PICTURE.matcher(text).results().toList()) {
            pictures.put(folder.resolve(block.group(2)), picture(block, folder).svg());
        }
        return pictures;
    }

    private static String figures(MatchResult block, Path folder) throws IOException {
        var results = Results.read(folder.resolve(block.group(2)));
        var former = block.group(3);
        return former == null
                ? FigureTables.figures(results)
                : FigureTables.changes(Results.read(folder.resolve(former)), results);
    }

    private static String caption(MatchResult block, Path folder) throws IOException {
        var picture = picture(block, folder);
        return """
        <img src="%s" width="640" alt="%s">

        %s
        """
                .formatted(block.group(2), picture.alternative(), picture.caption());
    }

    private static SpeedPicture picture(MatchResult block, Path folder) throws IOException {
        return SpeedPicture.of(
                Results.read(folder.resolve(block.group(3))), List.of(block.group(4).split(", ")));
    }

    /** A text whose blocks have other contents between their first group and their last. */
    private static String replaced(String text, Pattern blocks, Path folder, Contents contents)
            throws IOException {
        var matcher = blocks.matcher(text);
        var result = new StringBuilder();
        while (matcher.find()) {
            var block = matcher.toMatchResult();
            var replacement =
                    block.group(1) + contents.of(block, folder) + block.group(block.groupCount());
            matcher.appendReplacement(result, Matcher.quoteReplacement(replacement));
        }
        return matcher.appendTail(result).toString();
    }

    /** What a block says. */
    @FunctionalInterface
    private interface Contents {
        String of(MatchResult block, Path folder) throws IOException;
    }
}
