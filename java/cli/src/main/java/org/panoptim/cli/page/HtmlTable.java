package org.panoptim.cli.page;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A table whose cells know their column's title, for a narrow page to write it beside each. */
public final class HtmlTable {

    private final List<String> titles;
    private final StringBuilder rows = new StringBuilder();

    /**
     * A table without rows.
     *
     * @param titles of its columns, of which the first names the rows
     */
    public HtmlTable(String... titles) {
        this.titles = List.of(titles);
    }

    /**
     * A table of rows.
     *
     * @param titles of its columns
     * @param rows each a name and a cell for each of the other columns
     */
    public static HtmlTable of(List<String> titles, List<List<String>> rows) {
        var table = new HtmlTable(titles.toArray(String[]::new));
        for (var row : rows) {
            var cells = row.subList(1, row.size()).toArray(String[]::new);
            table.row("", row.getFirst(), cells);
        }
        return table;
    }

    /**
     * Adds a row.
     *
     * @param style the row's class; may be empty
     * @param name of the row
     * @param cells of the other columns
     */
    public void row(String style, String name, String... cells) {
        if (cells.length != titles.size() - 1) {
            throw new IllegalArgumentException("%d cells for %s".formatted(cells.length, titles));
        }
        rows.append("<tr")
                .append(style.isEmpty() ? "" : " class=\"%s\"".formatted(style))
                .append("><th scope=\"row\">")
                .append(Html.name(name))
                .append("</th>");
        IntStream.range(0, cells.length).forEach(i -> cell(titles.get(i + 1), cells[i]));
        rows.append("</tr>\n");
    }

    private void cell(String title, String cell) {
        rows.append(
                "<td data-title=\"%s\">%s</td>".formatted(Html.escape(title), Html.escape(cell)));
    }

    /** The table. */
    public String html() {
        var head =
                titles.stream()
                        .map(title -> "<th scope=\"col\">%s</th>".formatted(Html.escape(title)))
                        .collect(Collectors.joining());
        return "<table>\n<thead><tr>%s</tr></thead>\n<tbody>\n%s</tbody>\n</table>"
                .formatted(head, rows);
    }
}
