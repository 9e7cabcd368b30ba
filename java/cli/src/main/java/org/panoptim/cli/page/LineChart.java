package org.panoptim.cli.page;

import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;

import java.awt.Font;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Curves as an SVG element to stand in a page, and their legend as a list to stand below it, which
 * keeps its size and takes more lines where the page is narrow.
 */
public final class LineChart {

    private static final int WIDTH = 760;
    private static final int HEIGHT = 460;

    private final XYChart chart;
    private final StringBuilder legend = new StringBuilder();
    private final List<String> leftOut = new ArrayList<>();
    private final List<String> brokenOff = new ArrayList<>();

    /** The range of what is drawn. */
    private double lowest = Double.POSITIVE_INFINITY;

    private double highest = Double.NEGATIVE_INFINITY;

    /**
     * A chart without curves.
     *
     * @param across what is on the horizontal axis
     * @param upwards what is on the vertical axis
     */
    public LineChart(String across, String upwards) {
        chart =
                new XYChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .xAxisTitle(across)
                        .yAxisTitle(upwards)
                        .build();
        var text = new Font(Font.SANS_SERIF, Font.PLAIN, 15);
        var styler = chart.getStyler();
        ChartStyle.apply(styler, text);
        styler.setLegendVisible(false);
        styler.setMarkerSize(9);
    }

    /** Makes the horizontal axis logarithmic, with a number for each power of ten. */
    public LineChart logarithmicAcross() {
        chart.getStyler().setXAxisLogarithmic(true).setXAxisLogarithmicDecadeOnly(true);
        chart.getStyler().setXAxisDecimalPattern("#,##0");
        return this;
    }

    /** Lets the vertical axis begin at zero. */
    public LineChart fromZero() {
        chart.getStyler().setYAxisMin(0.0);
        return this;
    }

    /** Makes the vertical axis logarithmic, with two powers of ten on it at least. */
    public LineChart logarithmic() {
        chart.getStyler().setYAxisLogarithmic(true);
        chart.getStyler().setYAxisDecimalPattern("#,##0.########");
        return this;
    }

    /**
     * Adds a curve; points that are not finite, and on a logarithmic axis those that are not
     * positive, are left out, and so is a curve without any others. A note below the legend names
     * those, and curves whose last point is left out.
     *
     * @param index selects colour, dashes and marker: up to 49 are distinct
     */
    public void add(String name, int index, double[] across, double[] upwards) {
        boolean logarithmic = chart.getStyler().isYAxisLogarithmic();
        var drawable =
                IntStream.range(0, across.length)
                        .filter(i -> Double.isFinite(upwards[i]))
                        .filter(i -> !logarithmic || upwards[i] > 0)
                        .toArray();
        if (drawable.length == 0) {
            leftOut.add(name);
            return;
        }
        if (drawable[drawable.length - 1] != across.length - 1) {
            brokenOff.add(name);
        }
        for (int i : drawable) {
            lowest = Math.min(lowest, upwards[i]);
            highest = Math.max(highest, upwards[i]);
        }
        var style = CurveStyle.of(index);
        var series =
                chart.addSeries(
                        name,
                        IntStream.of(drawable).mapToDouble(i -> across[i]).toArray(),
                        IntStream.of(drawable).mapToDouble(i -> upwards[i]).toArray());
        series.setLineColor(style.color());
        series.setMarkerColor(style.color());
        series.setMarker(style.marker());
        series.setLineStyle(style.stroke());
        legend.append("<li>")
                .append(style.sample())
                .append("<span>")
                .append(Html.name(name))
                .append("</span></li>");
    }

    /**
     * The chart as an SVG element.
     *
     * @param id unique in the page
     * @param label what it shows, for readers who cannot see it
     */
    public String draw(String id, String label) {
        if (chart.getStyler().isYAxisLogarithmic() && lowest <= highest) {
            var range = LogRange.of(lowest, highest);
            if (range.min() < lowest) {
                chart.getStyler().setYAxisMin(range.min());
            }
            if (range.max() > highest) {
                chart.getStyler().setYAxisMax(range.max());
            }
        }
        return ChartStyle.draw(chart, id, label);
    }

    /** The chart, and its legend below it; see {@link #draw}. */
    public String drawWithLegend(String id, String label) {
        return draw(id, label) + "<ul class=\"legend\">" + legend + "</ul>" + note();
    }

    private String note() {
        var kind = "finite value" + (chart.getStyler().isYAxisLogarithmic() ? " above 0" : "");
        return note("Not drawn, for want of a %s: %s.", kind, leftOut)
                + note("Broken off, for want of a further %s: %s.", kind, brokenOff);
    }

    private static String note(String text, String kind, List<String> names) {
        return names.isEmpty() ? "" : Html.note(text.formatted(kind, String.join(", ", names)));
    }
}
