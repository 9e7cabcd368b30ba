package org.panoptim.cli.page;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Bars in groups, as text and boxes that need no script. */
public final class BarChart {

    /** As many as the style sheet has. */
    private static final int COLORS = 7;

    private record Bar(String name, String group, double length) {}

    private final String title;
    private final List<Bar> bars = new ArrayList<>();

    /**
     * A chart without bars.
     *
     * @param title what the bars' lengths are
     */
    public BarChart(String title) {
        this.title = title;
    }

    /**
     * Adds a bar to each group.
     *
     * @param name of these bars
     * @param groups what the groups are, the same for all bars
     * @param lengths a bar's for each group, at least 0; NaN: none
     */
    public void add(String name, List<String> groups, List<Double> lengths) {
        IntStream.range(0, groups.size())
                .filter(i -> !Double.isNaN(lengths.get(i)))
                .mapToObj(i -> new Bar(name, groups.get(i), lengths.get(i)))
                .forEach(bars::add);
    }

    /** The chart as a figure. */
    public String figure(String caption) throws IOException {
        return Template.of(BarChart.class, "bars.html")
                .fill(
                        Map.of(
                                "title", Html.escape(title),
                                "bars", groups(),
                                "caption", Html.escape(caption)));
    }

    private String groups() {
        return bars.stream()
                .map(Bar::group)
                .distinct()
                .map(
                        group ->
                                "<li class=\"group\">%s</li>%n%s"
                                        .formatted(Html.name(group), of(group)))
                .collect(Collectors.joining());
    }

    private String of(String group) {
        var names = bars.stream().map(Bar::name).distinct().toList();
        return bars.stream()
                .filter(bar -> bar.group().equals(group))
                .map(bar -> line(bar, names.indexOf(bar.name())))
                .collect(Collectors.joining());
    }

    private String line(Bar bar, int index) {
        double longest = bars.stream().mapToDouble(Bar::length).max().orElse(0);
        return String.format(
                Locale.ROOT,
                "<li><span>%s</span><span class=\"bar\"><i class=\"bar-%d\""
                        + " style=\"--share:%.4f\"></i>%s</span></li>\n",
                Html.name(bar.name()),
                1 + index % COLORS,
                longest > 0 ? bar.length() / longest : 0,
                number(bar.length()));
    }

    private static String number(double length) {
        return String.format(Locale.ROOT, length < 100 ? "%,.1f" : "%,.0f", length);
    }
}
