package org.panoptim.cli.page;

import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.AxesChartStyler;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;

/** What all charts have in common. */
final class ChartStyle {

    private ChartStyle() {}

    static void apply(AxesChartStyler styler, Font text) {
        styler.setChartBackgroundColor(Color.WHITE);
        styler.setPlotBorderVisible(false);
        styler.setPlotGridLinesColor(new Color(0xDDDDDD));
        styler.setPlotGridLinesStroke(new BasicStroke(1));
        styler.setPlotGridVerticalLinesVisible(false);
        styler.setAxisTitleFont(text);
        styler.setAxisTickLabelsFont(text);
        styler.setLegendFont(text);
        styler.setLegendBorderColor(Color.WHITE);
    }

    static String draw(Chart<?, ?> chart, String id, String label) {
        var svg = new SvgElement(id, label, chart.getWidth(), chart.getHeight());
        chart.paint(svg.graphics(), chart.getWidth(), chart.getHeight());
        return svg.text();
    }
}
