package org.panoptim.cli.terminal;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A table as text: the first column flush left, the others flush right. */
public final class Table {

    private static final String GAP = "  ";

    private final List<List<String>> rows = new ArrayList<>();

    /** A table with a row of titles. */
    public Table(String... titles) {
        row(titles);
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
        var widths =
                IntStream.range(0, rows.getFirst().size())
                        .map(
                                column ->
                                        rows.stream()
                                                .mapToInt(row -> row.get(column).length())
                                                .max()
                                                .orElse(0))
                        .toArray();
        var lines = new ArrayList<String>();
        for (var row : rows) {
            lines.add(line(row, widths));
        }
        lines.add(1, IntStream.of(widths).mapToObj("─"::repeat).collect(Collectors.joining(GAP)));
        return lines;
    }

    private static String line(List<String> cells, int[] widths) {
        return IntStream.range(0, widths.length)
                .mapToObj(
                        column -> {
                            var padding = " ".repeat(widths[column] - cells.get(column).length());
                            return column == 0
                                    ? cells.get(column) + padding
                                    : padding + cells.get(column);
                        })
                .collect(Collectors.joining(GAP))
                .stripTrailing();
    }
}
