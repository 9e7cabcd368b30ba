package org.panoptim.bench.report;

import org.panoptim.bench.Workload;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.Spread;
import org.panoptim.bench.result.StartUpTimes;
import org.panoptim.bench.result.StepTimes;
import org.panoptim.cli.page.BarChart;
import org.panoptim.cli.page.Html;
import org.panoptim.cli.page.LineChart;

import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
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
                                    .map(workload -> percent(shares.own(workload)))
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
        var steps = results.beside("limit").filter(Charts::isScaled).toList();
        var counts = only(steps, Workload.TENSORS, StepTimes::tensors);
        var sizes = only(steps, Workload.ELEMENTS, StepTimes::elements);
        return (counts.isEmpty()
                        ? ""
                        : curves(
                                "tensors",
                                "Tensors",
                                counts,
                                StepTimes::tensors,
                                "%,d elements shared out over equal tensors."
                                        .formatted(Workload.SPLIT)))
                + (sizes.isEmpty()
                        ? ""
                        : curves(
                                "elements",
                                "Elements",
                                sizes,
                                StepTimes::elements,
                                "One tensor. A C loop over few elements runs on one processor."));
    }

    private static List<StepTimes> only(
            List<StepTimes> steps, String prefix, ToDoubleFunction<StepTimes> across) {
        return steps.stream()
                .filter(step -> step.workload().startsWith(prefix))
                .sorted(Comparator.comparingDouble(across))
                .toList();
    }

    private static String curves(
            String id,
            String across,
            List<StepTimes> steps,
            ToDoubleFunction<StepTimes> place,
            String caption) {
        return drawn(
                () -> {
                    var title = "Time of a step (µs)";
                    var chart =
                            new LineChart(across, title, LineChart.Legend.LEFT).logarithmicInBoth();
                    var places = steps.stream().mapToDouble(place).toArray();
                    chart.add("Panoptim", 0, places, microseconds(steps, StepTimes::seconds));
                    chart.add("C loop", 1, places, microseconds(steps, StepTimes::secondsBeside));
                    return Html.figure(chart.draw(id, title + " against " + across), caption);
                });
    }

    private static double[] microseconds(
            List<StepTimes> steps, java.util.function.Function<StepTimes, Spread> time) {
        return steps.stream().mapToDouble(step -> 1e6 * time.apply(step).median()).toArray();
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
