package org.panoptim.bench.report;

import org.panoptim.bench.Workload;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.Results.StartUpTimes;
import org.panoptim.bench.result.Spread;
import org.panoptim.bench.result.StepTimes;
import org.panoptim.cli.page.Axis;
import org.panoptim.cli.page.Axis.Scale;
import org.panoptim.cli.page.BarChart;
import org.panoptim.cli.page.Chart;
import org.panoptim.cli.page.Curve;
import org.panoptim.cli.page.Curves;
import org.panoptim.cli.page.Samples;
import org.panoptim.cli.page.Samples.Column;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/** The charts of the page. */
final class Charts {

    private static final Axis TENSORS = Axis.of("tensors", "Tensors", Scale.LOGARITHMIC);
    private static final Axis ELEMENTS = Axis.of("elements", "Elements", Scale.LOGARITHMIC);
    private static final Axis MILLISECONDS =
            Axis.of("milliseconds", "Time of a step (ms)", Scale.FROM_ZERO);
    private static final Axis MICROSECONDS =
            Axis.of("microseconds", "Time of a step (µs)", Scale.LOGARITHMIC);

    private Charts() {}

    /** Whether a step was measured for its number of tensors or elements alone. */
    static boolean isScaled(StepTimes step) {
        return step.workload().startsWith(Workload.TENSORS)
                || step.workload().startsWith(Workload.ELEMENTS);
    }

    private static double percent(OptionalDouble share) {
        return share.isPresent() ? 100 * share.getAsDouble() : Double.NaN;
    }

    /** Bars: how each compares with the limit. */
    static String shares(Shares shares, Limit limit) throws IOException {
        var chart = new BarChart("Speed, in percent of that of a " + limit.title());
        // By their names: titles are long.
        var groups = shares.workloads();
        chart.add(
                "Panoptim",
                groups,
                groups.stream().map(workload -> percent(shares.panoptim(workload))).toList());
        for (var peer : shares.peers()) {
            chart.add(
                    peer,
                    groups,
                    groups.stream().map(workload -> percent(shares.of(workload, peer))).toList());
        }
        return chart.figure(
                "The step alone; 100 is a %s. %s.".formatted(limit.phrase(), titles(groups)));
    }

    private static String titles(List<String> workloads) {
        return workloads.stream()
                .map(name -> name + ": " + Workload.named(name).title())
                .collect(Collectors.joining("; "));
    }

    /** Curves: time against the number of tensors and against their size. */
    static Curves scaling(Results results) {
        var steps = results.against("limit").filter(Charts::isScaled).toList();
        var counts = only(steps, Workload.TENSORS, StepTimes::tensors);
        var sizes = only(steps, Workload.ELEMENTS, StepTimes::elements);
        var limit = Limit.of(results);
        var charts = new ArrayList<Chart>();
        if (!counts.isEmpty()) {
            charts.add(againstCount());
        }
        if (!sizes.isEmpty()) {
            charts.add(againstSize(limit));
        }
        return charts.isEmpty()
                ? Curves.none()
                : new Curves(
                        "panoptim-bench",
                        charts,
                        List.of(
                                curve("Panoptim", counts, sizes, StepTimes::seconds),
                                curve(limit.word(), counts, sizes, StepTimes::baselineSeconds)));
    }

    private static Chart againstCount() {
        return new Chart(
                "tensors",
                "%,d elements shared out over equal tensors.".formatted(Workload.SPLIT),
                List.of(TENSORS),
                MILLISECONDS);
    }

    private static Chart againstSize(Limit limit) {
        return new Chart(
                "elements", "One tensor. " + limit.smallRemark(), List.of(ELEMENTS), MICROSECONDS);
    }

    private static Curve curve(
            String name,
            List<StepTimes> counts,
            List<StepTimes> sizes,
            Function<StepTimes, Spread> time) {
        return new Curve(
                name,
                List.of(
                        Samples.of(
                                counts,
                                List.of(
                                        new Column<>(TENSORS.column(), StepTimes::tensors),
                                        new Column<>(MILLISECONDS.column(), median(time, 1e3)))),
                        Samples.of(
                                sizes,
                                List.of(
                                        new Column<>(ELEMENTS.column(), StepTimes::elements),
                                        new Column<>(MICROSECONDS.column(), median(time, 1e6))))));
    }

    private static ToDoubleFunction<StepTimes> median(
            Function<StepTimes, Spread> time, double perSecond) {
        return step -> perSecond * time.apply(step).median();
    }

    private static List<StepTimes> only(
            List<StepTimes> steps, String prefix, ToDoubleFunction<StepTimes> across) {
        return steps.stream()
                .filter(step -> step.workload().startsWith(prefix))
                .sorted(Comparator.comparingDouble(across))
                .toList();
    }

    /** Bars: the first step of a process. */
    static String startUp(List<StartUpTimes> starts) throws IOException {
        var chart = new BarChart("Main to first step (ms)");
        var backends = starts.stream().map(StartUpTimes::backend).distinct().toList();
        for (boolean cached : new boolean[] {false, true}) {
            chart.add(
                    cached ? "with an ahead-of-time cache" : "without",
                    backends,
                    backends.stream().map(backend -> stepped(starts, backend, cached)).toList());
        }
        return chart.figure("Medians.");
    }

    private static double stepped(List<StartUpTimes> starts, String backend, boolean cached) {
        return starts.stream()
                .filter(start -> start.backend().equals(backend) && start.cached() == cached)
                .mapToDouble(start -> Spread.of(start.stepped()).median())
                .findFirst()
                .orElse(Double.NaN);
    }
}
