package org.panoptim.safetensors;

import java.util.List;

/** Turns text from a file into something short and safe to show in a message. */
final class Printable {
    private static final int LONGEST_TEXT = 120;
    private static final int MOST_DIMENSIONS = 16;

    private Printable() {}

    /** The text in double quotes. */
    static String quote(String text) {
        return '"' + text(text) + '"';
    }

    /** The text, shortened, with whatever does not print on one line written as an escape. */
    static String text(String text) {
        var result = new StringBuilder();
        int index = 0;
        while (index < text.length() && result.length() < LONGEST_TEXT) {
            int codePoint = text.codePointAt(index);
            if (prints(codePoint)) {
                result.appendCodePoint(codePoint);
            } else {
                result.append(String.format("\\u%04x", codePoint));
            }
            index += Character.charCount(codePoint);
        }
        if (index < text.length()) {
            result.append("… (").append(text.length()).append(" characters)");
        }
        return result.toString();
    }

    /** The shape in brackets, without the middle of a very long one. */
    static String shape(List<Long> shape) {
        if (shape.size() <= MOST_DIMENSIONS) {
            return shape.toString();
        }
        String start = shape.subList(0, MOST_DIMENSIONS).toString();
        return start.substring(0, start.length() - 1) + ", …] (" + shape.size() + " dimensions)";
    }

    private static boolean prints(int codePoint) {
        return switch (Character.getType(codePoint)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.UNASSIGNED ->
                    false;
            default -> true;
        };
    }
}
