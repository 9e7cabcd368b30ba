package org.panoptim.cli.page;

import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.AxesChartStyler;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

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
        try {
            var svg = new String(ChartEncoder.getBytes(chart, "svg"), StandardCharsets.UTF_8);
            return SvgElement.of(svg, id, label);
        } catch (IOException e) {
            throw new UncheckedIOException("writing to memory does not fail", e);
        }
    }
}
