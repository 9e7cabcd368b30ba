package org.panoptim.cli.terminal;

import java.util.ArrayList;
import java.util.List;

/** Text in lines of a width, each after the first as far in as the first one's text begins. */
public final class Paragraph {

    private Paragraph() {}

    /**
     * Items with commas between them; none is broken, so that one alone may be wider.
     *
     * @param start what stands before the first
     */
    public static List<String> ofItems(String start, List<String> items, int width) {
        var pieces = new ArrayList<String>();
        for (int i = 0; i < items.size(); i++) {
            pieces.add(items.get(i) + (i + 1 < items.size() ? "," : ""));
        }
        return filled(start, pieces, width);
    }

    /** Words with spaces between them. */
    public static List<String> ofWords(String start, String words, int width) {
        return filled(start, List.of(words.split(" ")), width);
    }

    private static List<String> filled(String start, List<String> pieces, int width) {
        var lines = new ArrayList<String>();
        var line = new StringBuilder(start);
        boolean begun = false;
        for (var piece : pieces) {
            if (begun && line.length() + 1 + piece.length() > width) {
                lines.add(line.toString());
                line.setLength(0);
                line.append(" ".repeat(start.length()));
                begun = false;
            }
            line.append(begun ? " " : "").append(piece);
            begun = true;
        }
        lines.add(line.toString());
        return lines;
    }
}
