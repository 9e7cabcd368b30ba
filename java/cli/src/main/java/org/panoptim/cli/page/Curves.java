package org.panoptim.cli.page;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/**
 * The charts of a page and their curves: for a reader to look at, and as numbers to take away.
 *
 * @param file what the file with the numbers is called, without the ending
 * @param charts in order
 * @param curves in order, by which they have their colours
 */
public record Curves(String file, List<Chart> charts, List<Curve> curves) {

    /** Copies the lists. */
    public Curves {
        charts = List.copyOf(charts);
        curves = List.copyOf(curves);
    }

    /** No charts. */
    public static Curves none() {
        return new Curves("none", List.of(), List.of());
    }

    /** Whether there is nothing to show. */
    public boolean isEmpty() {
        return charts.isEmpty() || curves.isEmpty();
    }

    /** The charts, to stand in a page that draws them; nothing where there are none. */
    public String figures() throws IOException {
        if (isEmpty()) {
            return "";
        }
        var template = Template.of(Curves.class, "figure.html");
        var figures = new StringBuilder();
        for (var chart : charts) {
            figures.append(
                    template.fill(
                            Map.of(
                                    "id", Html.escape(chart.id()),
                                    "title", Html.escape(chart.upwards().title()),
                                    "label", Html.escape(chart.upwards().title()),
                                    "caption", Html.escape(chart.captionFor(curves)))));
        }
        return Template.of(Curves.class, "curves.html")
                .fill(Map.of("file", Html.escape(file), "figures", figures.toString()));
    }

    /** What the page's script reads. */
    String data() {
        return CurveData.of(charts, curves);
    }
}
