package org.panoptim.cli.page;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A table whose cells know their column's title, for a narrow page to write it beside each. Columns
 * of words begin at the left, those with a number end at the right.
 */
public final class HtmlTable {

    private record Row(String style, String name, List<String> cells) {}

    private final List<String> titles;
    private final List<Row> rows = new ArrayList<>();

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
        rows.add(new Row(style, name, List.of(cells)));
    }

    /** The table. */
    public String html() {
        var others =
                IntStream.range(1, titles.size())
                        .mapToObj(
                                i ->
                                        "<th scope=\"col\"%s>%s</th>"
                                                .formatted(
                                                        style(column(i - 1)),
                                                        Html.escape(titles.get(i))))
                        .collect(Collectors.joining());
        return """
        <table>
        <thead><tr><th scope="col">%s</th>%s</tr></thead>
        <tbody>
        %s</tbody>
        </table>\
        """
                .formatted(
                        Html.escape(titles.getFirst()),
                        others,
                        rows.stream().map(this::html).collect(Collectors.joining()));
    }

    private String html(Row row) {
        var cells =
                IntStream.range(0, row.cells().size())
                        .mapToObj(
                                i ->
                                        "<td%s data-title=\"%s\">%s</td>"
                                                .formatted(
                                                        style(column(i)),
                                                        Html.escape(titles.get(i + 1)),
                                                        cell(row.cells().get(i))))
                        .collect(Collectors.joining());
        return "<tr%s><th scope=\"row\">%s</th>%s</tr>%n"
                .formatted(style(row.style()), Html.name(row.name()), cells);
    }

    /** Between which numbers a number lies is less than the number, and stands in one line. */
    private static String cell(String text) {
        return Html.escape(text)
                .replaceFirst(
                        "(?<=\\S) (\\(\\S+( \\S+)? to .*\\))$",
                        " <span class=\"spread\">$1</span>");
    }

    private static String style(String name) {
        return name.isEmpty() ? "" : " class=\"%s\"".formatted(name);
    }

    /** The class of a column's cells. */
    private String column(int index) {
        var hasNumber = rows.stream().anyMatch(row -> row.cells().get(index).matches("[-+.\\d].*"));
        return hasNumber || rows.isEmpty() ? "" : "words";
    }
}
