package org.panoptim.bench.report;

import org.panoptim.bench.Workload;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.Results.StartUpTimes;
import org.panoptim.bench.result.Spread;
import org.panoptim.bench.result.StepTimes;
import org.panoptim.cli.page.BarChart;
import org.panoptim.cli.page.Html;
import org.panoptim.cli.page.LineChart;

import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/** The charts of the page, each with its caption. */
final class Charts {

    private Charts() {}

    /** Whether a step was measured for its number of tensors or elements alone. */
    static boolean isScaled(StepTimes step) {
        return step.workload().startsWith(Workload.TENSORS)
                || step.workload().startsWith(Workload.ELEMENTS);
    }

    private static double percent(OptionalDouble share) {
        return share.isPresent() ? 100 * share.getAsDouble() : Double.NaN;
    }

    /** Bars: which share of the limit each reaches. */
    static String shares(Shares shares, Limit limit) {
        return drawn(
                () -> {
                    var title = "Share of the machine's limit (%)";
                    var chart = new BarChart(title);
                    // By their names: titles would run into each other.
                    var groups = shares.workloads();
                    chart.add(
                            "Panoptim",
                            groups,
                            shares.workloads().stream()
                                    .map(workload -> percent(shares.panoptim(workload)))
                                    .toList());
                    for (var peer : shares.peers()) {
                        chart.add(
                                peer,
                                groups,
                                shares.workloads().stream()
                                        .map(workload -> percent(shares.of(workload, peer)))
                                        .toList());
                    }
                    return Html.figure(
                            chart.draw("shares", title),
                            "The step alone; 100 is a %s. %s."
                                    .formatted(limit.phrase(), titles(groups)));
                });
    }

    private static String titles(List<String> workloads) {
        return workloads.stream()
                .map(name -> name + ": " + Workload.named(name).title())
                .collect(Collectors.joining("; "));
    }

    /** Curves: time against the number of tensors and against their size. */
    static String scaling(Results results) {
        var steps = results.against("limit").filter(Charts::isScaled).toList();
        var counts = only(steps, Workload.TENSORS, StepTimes::tensors);
        var sizes = only(steps, Workload.ELEMENTS, StepTimes::elements);
        var limit = Limit.of(results);
        return (counts.isEmpty() ? "" : againstCount(counts, limit))
                + (sizes.isEmpty() ? "" : againstSize(sizes, limit));
    }

    private static String againstCount(List<StepTimes> steps, Limit limit) {
        return drawn(
                () -> {
                    var across = "Tensors";
                    var title = "Time of a step (ms)";
                    var chart = chart(across, title).fromZero();
                    addCurves(chart, steps, StepTimes::tensors, 1e3, limit);
                    return Html.figure(
                            chart.drawWithLegend("tensors", title + " against " + across),
                            "%,d elements shared out over equal tensors."
                                    .formatted(Workload.SPLIT));
                });
    }

    private static String againstSize(List<StepTimes> steps, Limit limit) {
        return drawn(
                () -> {
                    var across = "Elements";
                    var title = "Time of a step (µs)";
                    var chart = chart(across, title).logarithmic();
                    addCurves(chart, steps, StepTimes::elements, 1e6, limit);
                    return Html.figure(
                            chart.drawWithLegend("elements", title + " against " + across),
                            "One tensor. " + limit.smallRemark());
                });
    }

    private static LineChart chart(String across, String title) {
        return new LineChart(across, title).logarithmicAcross();
    }

    /** Adds both sides' times. */
    private static void addCurves(
            LineChart chart,
            List<StepTimes> steps,
            ToDoubleFunction<StepTimes> across,
            double perSecond,
            Limit limit) {
        var positions = steps.stream().mapToDouble(across).toArray();
        chart.add("Panoptim", 0, positions, times(steps, StepTimes::seconds, perSecond));
        chart.add(limit.word(), 1, positions, times(steps, StepTimes::baselineSeconds, perSecond));
    }

    private static double[] times(
            List<StepTimes> steps, Function<StepTimes, Spread> time, double perSecond) {
        return steps.stream().mapToDouble(step -> perSecond * time.apply(step).median()).toArray();
    }

    private static List<StepTimes> only(
            List<StepTimes> steps, String prefix, ToDoubleFunction<StepTimes> across) {
        return steps.stream()
                .filter(step -> step.workload().startsWith(prefix))
                .sorted(Comparator.comparingDouble(across))
                .toList();
    }

    /** Bars: the first step of a process. */
    static String startUp(List<StartUpTimes> starts) {
        return drawn(
                () -> {
                    var title = "Main to first step (ms)";
                    var chart = new BarChart(title);
                    var backends = starts.stream().map(StartUpTimes::backend).distinct().toList();
                    for (boolean cached : new boolean[] {false, true}) {
                        chart.add(
                                cached ? "with an ahead-of-time cache" : "without",
                                backends,
                                backends.stream()
                                        .map(backend -> stepped(starts, backend, cached))
                                        .toList());
                    }
                    return Html.figure(chart.draw("start-up", title), "Medians.");
                });
    }

    private static double stepped(List<StartUpTimes> starts, String backend, boolean cached) {
        return starts.stream()
                .filter(start -> start.backend().equals(backend) && start.cached() == cached)
                .mapToDouble(start -> Spread.of(start.stepped()).median())
                .findFirst()
                .orElse(Double.NaN);
    }

    private static String drawn(java.util.function.Supplier<String> figure) {
        try {
            return figure.get();
        } catch (RuntimeException | LinkageError | InternalError e) {
            // Java's fonts need libraries that a small system may lack; the numbers are worth a
            // page without charts.
            return Html.note("A chart could not be drawn: " + e);
        }
    }
}
