package org.panoptim.cli.terminal;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A table as text: the first column flush left, the others flush right unless told otherwise. */
public final class Table {

    private static final String GAP = "  ";

    private final List<List<String>> rows = new ArrayList<>();
    private boolean flushLeft;

    /** A table with a row of titles. */
    public Table(String... titles) {
        row(titles);
    }

    /** Sets every column flush left. */
    public Table flushLeft() {
        flushLeft = true;
        return this;
    }

    /** Adds a row with as many cells as there are titles. */
    public Table row(String... cells) {
        return row(List.of(cells));
    }

    /** Adds a row with as many cells as there are titles. */
    public Table row(List<String> cells) {
        rows.add(List.copyOf(cells));
        return this;
    }

    /** The lines, with a rule below the titles. */
    public List<String> lines() {
        return lines(Integer.MAX_VALUE);
    }

    /**
     * The lines in no more than a width, if that can be: a row whose first cell is too wide for it
     * has that cell in a line of its own.
     */
    public List<String> lines(int width) {
        var widths = IntStream.range(0, rows.getFirst().size()).map(this::widest).toArray();
        int others = IntStream.of(widths).skip(1).map(each -> GAP.length() + each).sum();
        widths[0] =
                rows.stream()
                        .mapToInt(row -> row.getFirst().length())
                        .filter(length -> length <= width - others)
                        .max()
                        .orElse(0);
        var lines = new ArrayList<String>();
        for (var row : rows) {
            if (row.getFirst().length() > widths[0]) {
                lines.add(row.getFirst());
                lines.add(line("", row, widths));
            } else {
                lines.add(line(row.getFirst(), row, widths));
            }
        }
        int below = rows.getFirst().getFirst().length() > widths[0] ? 2 : 1;
        lines.add(
                below, IntStream.of(widths).mapToObj("─"::repeat).collect(Collectors.joining(GAP)));
        return lines;
    }

    private int widest(int column) {
        return rows.stream().mapToInt(row -> row.get(column).length()).max().orElse(0);
    }

    private String line(String first, List<String> cells, int[] widths) {
        return IntStream.range(0, widths.length)
                .mapToObj(column -> cell(column, column == 0 ? first : cells.get(column), widths))
                .collect(Collectors.joining(GAP))
                .stripTrailing();
    }

    private String cell(int column, String text, int[] widths) {
        var padding = " ".repeat(widths[column] - text.length());
        return column == 0 || flushLeft ? text + padding : padding + text;
    }
}
