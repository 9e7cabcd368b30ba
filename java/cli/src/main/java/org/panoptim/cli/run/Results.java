package org.panoptim.cli.run;

import org.panoptim.cli.page.HtmlTable;
import org.panoptim.cli.terminal.Table;

import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * What came of some contenders, as tables.
 *
 * @param columns in order
 * @param measure by which the best one is told
 * @param contenders in order
 */
public record Results(List<Column> columns, Measure measure, List<Contender> contenders) {

    /**
     * A column of results.
     *
     * @param title in a table of a page; in a terminal's without its capital
     * @param cell what it says of a contender
     * @param inTerminal whether a terminal's table has it too, which has little room
     */
    public record Column(String title, Function<Contender, String> cell, boolean inTerminal) {

        /** A column of a result. */
        public static Column of(String title, String figure, Function<Spread, String> format) {
            return new Column(title, each -> format.apply(each.spread(figure)), true);
        }

        /** A column that only a page has. */
        public static Column ofPage(String title, Function<Contender, String> cell) {
            return new Column(title, cell, false);
        }
    }

    /** Copies the lists. */
    public Results {
        columns = List.copyOf(columns);
        contenders = List.copyOf(contenders);
    }

    /** Lines of no more than a width, where that can be. */
    public List<String> lines(int width) {
        var shown = columns.stream().filter(Column::inTerminal).toList();
        var titles =
                Stream.concat(
                        Stream.of("optimizer"), shown.stream().map(each -> lower(each.title())));
        var table = new Table(titles.toArray(String[]::new));
        for (var contender : contenders) {
            table.row(
                    Stream.concat(
                                    Stream.of(contender.title()),
                                    shown.stream().map(each -> each.cell().apply(contender)))
                            .toList());
        }
        return table.lines(width);
    }

    private static String lower(String title) {
        return Character.toLowerCase(title.charAt(0)) + title.substring(1);
    }

    /** A table of a page, with the best one marked. */
    public String html() {
        var titles = Stream.concat(Stream.of("Optimizer"), columns.stream().map(Column::title));
        var table = new HtmlTable(titles.toArray(String[]::new));
        for (var contender : contenders) {
            table.row(
                    measure.isBest(contender, contenders) ? "best" : "",
                    contender.title(),
                    columns.stream()
                            // In one line, however narrow the column.
                            .map(each -> each.cell().apply(contender).replace(' ', '\u00a0'))
                            .toArray(String[]::new));
        }
        return table.html();
    }

    /** What ± means in the tables, if it is there. */
    public String remark() {
        return contenders.stream().anyMatch(each -> each.counted().size() > 1)
                ? "Of several seeds: the mean ± the standard deviation."
                : "";
    }
}
