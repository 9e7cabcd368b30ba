package org.panoptim.cli.page;

import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.util.stream.IntStream;

/**
 * Curves as an SVG element to stand in a page. Each curve has a colour, a dash pattern and a
 * marker, so that they are distinct without colours.
 */
public final class LineChart {

    private static final int WIDTH = 760;
    private static final int HEIGHT = 460;

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

    /** The position of the legend. */
    public enum Legend {
        /** In the upper right corner. */
        TOP(LegendPosition.InsideNE),
        /** Below the chart, where it hides no curve. */
        BELOW(LegendPosition.OutsideS),
        /** In the lower right corner. */
        BOTTOM(LegendPosition.InsideSE);

        private final LegendPosition position;

        Legend(LegendPosition position) {
            this.position = position;
        }
    }

    private final XYChart chart;

    /**
     * A chart without curves.
     *
     * @param across what is on the horizontal axis
     * @param upwards what is on the vertical axis
     */
    public LineChart(String across, String upwards, Legend legend) {
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
        styler.setLegendPosition(legend.position);
        if (legend == Legend.BELOW) {
            styler.setLegendLayout(LegendLayout.Horizontal);
        }
        styler.setLegendSeriesLineLength(44);
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

    /** Makes the vertical axis logarithmic. */
    public LineChart logarithmic() {
        chart.getStyler().setYAxisLogarithmic(true);
        chart.getStyler().setYAxisDecimalPattern("#,##0.########");
        return this;
    }

    /**
     * Adds a curve; points that are not finite, and on a logarithmic axis those that are not
     * positive, are left out.
     *
     * @param index selects colour, dashes and marker
     */
    public void add(String name, int index, double[] across, double[] upwards) {
        boolean logarithmic = chart.getStyler().isYAxisLogarithmic();
        var drawable =
                IntStream.range(0, across.length)
                        .filter(i -> Double.isFinite(upwards[i]))
                        .filter(i -> !logarithmic || upwards[i] > 0)
                        .toArray();
        if (drawable.length == 0) {
            return;
        }
        var dashes = DASHES[index % DASHES.length];
        var color = COLORS[index % COLORS.length];
        var series =
                chart.addSeries(
                        name,
                        IntStream.of(drawable).mapToDouble(i -> across[i]).toArray(),
                        IntStream.of(drawable).mapToDouble(i -> upwards[i]).toArray());
        series.setLineColor(color);
        series.setMarkerColor(color);
        series.setMarker(MARKERS[index % MARKERS.length]);
        series.setLineStyle(
                new BasicStroke(
                        2.2f,
                        BasicStroke.CAP_BUTT,
                        BasicStroke.JOIN_ROUND,
                        10,
                        dashes.length == 0 ? null : dashes,
                        0));
    }

    /**
     * The chart as an SVG element.
     *
     * @param id unique in the page
     * @param label what it shows, for readers who cannot see it
     */
    public String draw(String id, String label) {
        return ChartStyle.draw(chart, id, label);
    }
}
