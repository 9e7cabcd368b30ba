package org.panoptim.cli.train.autoencoder;

import org.panoptim.cli.page.Html;
import org.panoptim.cli.page.LineChart;

import java.util.List;
import java.util.TreeSet;
import java.util.function.ToDoubleFunction;

/** Loss and squared error against iterations and against seconds, as figures of a page. */
final class AutoencoderCharts {

    private static final int MARKERS = 24;
    private static final int HIGHEST_LOSS = 30;

    /** What is on the horizontal axis. */
    private enum Across {
        ITERATIONS("iterations", "Iterations", LossCurve.Point::iteration),
        SECONDS("seconds", "Seconds", LossCurve.Point::seconds);

        private final String id;
        private final String title;
        private final ToDoubleFunction<LossCurve.Point> value;

        Across(String id, String title, ToDoubleFunction<LossCurve.Point> value) {
            this.id = id;
            this.title = title;
            this.value = value;
        }
    }

    private final List<LossCurve> curves;

    AutoencoderCharts(List<LossCurve> curves) {
        this.curves = curves;
    }

    /** All figures, in the order of the page. */
    String figures() {
        var page = new StringBuilder();
        for (var across : Across.values()) {
            page.append(squaredError(across));
        }
        for (var across : Across.values()) {
            page.append(loss(across));
        }
        return page.toString();
    }

    private String squaredError(Across across) {
        var title = "Squared error per image";
        var chart = new LineChart(across.title, title).logarithmic();
        addTo(chart, across, LossCurve.Point::squaredError);
        var label = title + " against " + across.id;
        return Html.figure(
                chart.drawWithLegend("error-" + across.id, label),
                label + ", on a logarithmic scale.");
    }

    /** The final losses are far above zero and close together: the first ones are left out. */
    private String loss(Across across) {
        var title = "Loss";
        var chart = new LineChart(across.title, title);
        addTo(chart, across, point -> point.loss() > HIGHEST_LOSS ? Double.NaN : point.loss());
        var label = title + " against " + across.id;
        return Html.figure(
                chart.drawWithLegend("loss-" + across.id, label),
                label + "; what is above " + HIGHEST_LOSS + " is left out.");
    }

    private void addTo(LineChart chart, Across across, ToDoubleFunction<LossCurve.Point> value) {
        for (int i = 0; i < curves.size(); i++) {
            var points = thin(curves.get(i).points());
            chart.add(
                    curves.get(i).choice().name(),
                    i,
                    points.stream().mapToDouble(across.value).toArray(),
                    points.stream().mapToDouble(value).toArray());
        }
    }

    /**
     * Points whose distances grow with the iteration, since curves are steep at first, and the
     * last: few enough that markers do not run into each other.
     */
    private static List<LossCurve.Point> thin(List<LossCurve.Point> points) {
        var indices = new TreeSet<Integer>();
        int last = points.size() - 1;
        for (int i = 0; i <= MARKERS; i++) {
            double share = (double) i / MARKERS;
            indices.add((int) Math.round(last * share * share));
        }
        return indices.stream().map(points::get).toList();
    }
}
