package org.panoptim.cli.train;

import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.DoublePredicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Learning curves as SVG elements to stand in a page. Each optimizer has a colour, a dash pattern
 * and a marker, so that the curves can be told apart without colours.
 */
final class Charts {

    private static final int WIDTH = 760;
    private static final int HEIGHT = 460;
    private static final int MOST_MARKERS = 26;

    /** Okabe and Ito's colours, which most kinds of colour vision can tell apart. */
    private static final Color[] COLORS = {
        new Color(0x0072B2),
        new Color(0xD55E00),
        new Color(0x009E73),
        new Color(0xCC79A7),
        new Color(0x000000),
        new Color(0xE69F00),
        new Color(0x56B4E9),
    };

    private static final float[][] DASHES = {
        {}, {9, 5}, {2, 4}, {10, 4, 2, 4}, {5, 3}, {14, 4}, {4, 2, 1, 2}
    };

    private static final Marker[] MARKERS = {
        SeriesMarkers.CIRCLE,
        SeriesMarkers.SQUARE,
        SeriesMarkers.TRIANGLE_UP,
        SeriesMarkers.DIAMOND,
        SeriesMarkers.CROSS,
        SeriesMarkers.TRIANGLE_DOWN,
        SeriesMarkers.PLUS,
    };

    private Charts() {}

    /** The loss over the epochs, on a logarithmic scale. */
    static String loss(List<Outcome> outcomes) {
        var chart = chart("Training loss", LegendPosition.InsideNE);
        chart.getStyler().setYAxisLogarithmic(true);
        return draw("loss", chart, outcomes, Outcome.Point::loss, loss -> loss > 0);
    }

    /**
     * The accuracy over the epochs, in percent; what the untrained net knows is left out, for it
     * would press the rest together.
     */
    static String accuracy(List<Outcome> outcomes) {
        var chart = chart("Test accuracy (%)", LegendPosition.InsideSE);
        return draw(
                "accuracy",
                chart,
                outcomes,
                point -> point.epoch() == 0 ? Double.NaN : point.accuracy() * 100,
                _ -> true);
    }

    private static XYChart chart(String title, LegendPosition legend) {
        var chart =
                new XYChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .xAxisTitle("Epochs")
                        .yAxisTitle(title)
                        .build();
        var text = new Font(Font.SANS_SERIF, Font.PLAIN, 15);
        var styler = chart.getStyler();
        styler.setChartBackgroundColor(Color.WHITE);
        styler.setPlotBorderVisible(false);
        styler.setPlotGridLinesColor(new Color(0xDDDDDD));
        styler.setPlotGridLinesStroke(new BasicStroke(1));
        styler.setPlotGridVerticalLinesVisible(false);
        styler.setAxisTitleFont(text);
        styler.setAxisTickLabelsFont(text);
        styler.setLegendFont(text);
        styler.setLegendBorderColor(Color.WHITE);
        styler.setLegendPosition(legend);
        styler.setLegendSeriesLineLength(44);
        styler.setMarkerSize(9);
        return chart;
    }

    private static String draw(
            String id,
            XYChart chart,
            List<Outcome> outcomes,
            ToDoubleFunction<Outcome.Point> value,
            DoublePredicate drawable) {
        for (int i = 0; i < outcomes.size(); i++) {
            addSeries(chart, outcomes.get(i), i, value, drawable);
        }
        try {
            var svg = new String(ChartEncoder.getBytes(chart, "svg"), StandardCharsets.UTF_8);
            return SvgElement.of(svg, id, chart.getYAxisTitle());
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory does not fail", e);
        }
    }

    private static void addSeries(
            XYChart chart,
            Outcome outcome,
            int place,
            ToDoubleFunction<Outcome.Point> value,
            DoublePredicate drawable) {
        var points =
                thin(outcome.curve()).stream()
                        .filter(point -> Double.isFinite(value.applyAsDouble(point)))
                        .filter(point -> drawable.test(value.applyAsDouble(point)))
                        .toList();
        if (points.isEmpty()) {
            return;
        }
        var dashes = DASHES[place % DASHES.length];
        var color = COLORS[place % COLORS.length];
        var series =
                chart.addSeries(
                        outcome.contender().name(),
                        points.stream().mapToDouble(Outcome.Point::epoch).toArray(),
                        points.stream().mapToDouble(value).toArray());
        series.setLineColor(color);
        series.setMarkerColor(color);
        series.setMarker(MARKERS[place % MARKERS.length]);
        series.setLineStyle(
                new BasicStroke(
                        2.2f,
                        BasicStroke.CAP_BUTT,
                        BasicStroke.JOIN_ROUND,
                        10,
                        dashes.length == 0 ? null : dashes,
                        0));
    }

    /** Every k-th point and the last, so that markers do not run into each other. */
    private static List<Outcome.Point> thin(List<Outcome.Point> curve) {
        int interval = Math.ceilDiv(curve.size(), MOST_MARKERS);
        return IntStream.range(0, curve.size())
                .filter(i -> i % interval == 0 || i == curve.size() - 1)
                .mapToObj(curve::get)
                .toList();
    }
}
