package org.panoptim.cli.page;

import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;

import java.awt.Color;
import java.awt.Font;
import java.util.List;

/**
 * Bars in groups as an SVG element to stand in a page. The fills grow lighter in the order of the
 * legend, which is that of the bars in each group, so that none needs colours.
 */
public final class BarChart {

    private static final int WIDTH = 980;
    private static final int HEIGHT = 480;

    /** From dark to light. */
    private static final Color[] FILLS = {
        new Color(0x12324A),
        new Color(0xB3480B),
        new Color(0x4C8FBF),
        new Color(0xE0A030),
        new Color(0xA9CFE6),
        new Color(0xEFE3B8),
        new Color(0xDDDDDD),
    };

    private final CategoryChart chart;

    /**
     * A chart without bars.
     *
     * @param upwards what is on the vertical axis
     */
    public BarChart(String upwards) {
        chart = new CategoryChartBuilder().width(WIDTH).height(HEIGHT).yAxisTitle(upwards).build();
        var text = new Font(Font.SANS_SERIF, Font.PLAIN, 15);
        var styler = chart.getStyler();
        ChartStyle.apply(styler, text);
        styler.setLegendPosition(LegendPosition.OutsideS);
        styler.setLegendLayout(LegendLayout.Horizontal);
        styler.setSeriesColors(FILLS);
        styler.setAvailableSpaceFill(.86);
        styler.setYAxisMin(0.0);
        styler.setDecimalPattern("#,##0.#");
    }

    /**
     * Adds a bar to each group.
     *
     * @param groups what the groups are, the same for all bars
     * @param heights a bar's for each group; NaN: none
     */
    public void add(String name, List<String> groups, List<Double> heights) {
        chart.addSeries(
                name,
                groups,
                heights.stream().map(each -> Double.isNaN(each) ? null : each).toList());
    }

    /** The chart as an SVG element; see {@link LineChart#draw}. */
    public String draw(String id, String label) {
        return ChartStyle.draw(chart, id, label);
    }
}
