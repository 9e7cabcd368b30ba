package org.panoptim.bench.report;

import org.panoptim.bench.Scenario;
import org.panoptim.bench.Workload;
import org.panoptim.bench.result.Comparison;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.Spread;
import org.panoptim.bench.result.StepTimes;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The figures of results, as tables in Markdown. */
final class FigureTables {

    private FigureTables() {}

    /** All that the results hold. */
    static String figures(Results results) {
        return Stream.of(
                        origin(results),
                        againstLimit(results),
                        againstPeers(results),
                        ofTypes(results),
                        startUps(results),
                        memory(results),
                        calls(results),
                        refreshes(results),
                        kfac(results),
                        kernels(results),
                        teams(results))
                .filter(part -> !part.isEmpty())
                .collect(Collectors.joining("\n"));
    }

    /** What changed from one run to another. */
    static String changes(Results before, Results now) {
        return origin(now)
                + "\n"
                + table(
                        List.of("larger is better", "before", "now", "change"),
                        Comparison.of(before, now).changes().stream()
                                .map(
                                        change ->
                                                List.of(
                                                        change.figure(),
                                                        Format.ratio(change.before()),
                                                        Format.ratio(change.now()),
                                                        change.isBeyondSpread()
                                                                ? Format.percent(change.gain())
                                                                : "within the spread"))
                                .toList());
    }

    /** The machine in words. */
    static String machine(Results results) {
        var host = results.host();
        return "%s (%s; %s; %s)"
                .formatted(host.processor(), host.memory(), host.backend(), host.java());
    }

    private static String origin(Results results) {
        return """
        On %s, %s, `%s` gave, as median (smallest to largest):%s
        """
                .formatted(
                        machine(results),
                        results.date(),
                        results.command(),
                        results.warning().map(warning -> "\n\n" + warning).orElse(""));
    }

    private static String againstLimit(Results results) {
        var steps = results.against("limit").filter(step -> !Charts.isScaled(step)).toList();
        var rows = new ArrayList<List<String>>();
        for (var workload : steps.stream().map(StepTimes::workload).distinct().toList()) {
            var row = new ArrayList<String>();
            row.add(Workload.named(workload).title());
            for (var scenario : Scenario.OF_FLOATS) {
                row.add(
                        steps.stream()
                                .filter(step -> step.workload().equals(workload))
                                .filter(step -> step.scenario().equals(scenario.name()))
                                .map(
                                        step ->
                                                Format.time(step.seconds().median())
                                                        + ", "
                                                        + Format.ratio(step.advantage()))
                                .findFirst()
                                .orElse(""));
            }
            rows.add(row);
        }
        return table(
                Stream.concat(
                                Stream.of(
                                        "AdamW, fp32: time, and %s / it"
                                                .formatted(Limit.of(results).word())),
                                Scenario.OF_FLOATS.stream().map(Scenario::title))
                        .toList(),
                rows);
    }

    private static String ofTypes(Results results) {
        var rows =
                results.steps().stream()
                        .filter(StepTimes::isComparedWithFloats)
                        .map(
                                step ->
                                        List.of(
                                                Workload.named(step.workload()).title()
                                                        + ", "
                                                        + Scenario.valueOf(step.scenario()).title(),
                                                Format.time(step.seconds().median()),
                                                Format.ratio(step.advantage())))
                        .toList();
        return rows.isEmpty()
                ? ""
                : table(List.of("AdamW that does more", "time", "step of floats / it"), rows);
    }

    private static String againstPeers(Results results) {
        var steps = results.steps().stream().filter(StepTimes::isComparedWithPeer).toList();
        var peers = steps.stream().map(StepTimes::baseline).distinct().toList();
        var rows = new ArrayList<List<String>>();
        for (var workload : steps.stream().map(StepTimes::workload).distinct().toList()) {
            for (var scenario : steps.stream().map(StepTimes::scenario).distinct().toList()) {
                var row = new ArrayList<String>();
                row.add(
                        Workload.named(workload).title()
                                + ", "
                                + Scenario.valueOf(scenario).title());
                for (var peer : peers) {
                    row.add(
                            steps.stream()
                                    .filter(step -> step.workload().equals(workload))
                                    .filter(step -> step.scenario().equals(scenario))
                                    .filter(step -> step.baseline().equals(peer))
                                    .map(step -> Format.ratio(step.advantage()))
                                    .findFirst()
                                    .orElse(""));
                }
                rows.add(row);
            }
        }
        var described =
                steps.stream()
                        .map(step -> "`%s`: %s".formatted(step.baseline(), step.description()))
                        .distinct()
                        .collect(Collectors.joining("; "));
        return rows.isEmpty()
                ? ""
                : table(Stream.concat(Stream.of("peer / Panoptim"), peers.stream()).toList(), rows)
                        + "\n"
                        + described
                        + ".\n";
    }

    private static String startUps(Results results) {
        return table(
                List.of(
                        "first step of a fresh process",
                        "AOT cache",
                        "from main",
                        "from the start of the process"),
                results.startUps().stream()
                        .map(
                                start ->
                                        List.of(
                                                "`" + start.backend() + "`",
                                                start.cached() ? "yes" : "no",
                                                Format.time(Spread.of(start.stepped()).times(1e-3)),
                                                Format.time(
                                                        Spread.of(start.process()).times(1e-3))))
                        .toList());
    }

    private static String memory(Results results) {
        return table(
                List.of("bytes of states for each fp32 parameter", "declared", "measured"),
                results.memory().stream()
                        .map(
                                states ->
                                        List.of(
                                                states.rule(),
                                                Integer.toString(states.declared()),
                                                Format.ratio(Spread.of(states.measured()))))
                        .toList());
    }

    private static String calls(Results results) {
        var rows = new ArrayList<List<String>>();
        for (var call : results.calls()) {
            rows.add(
                    List.of(
                            "a device's "
                                    + call.call()
                                    + " through "
                                    + (call.implementation().equals("FFM") ? "FFM" : "JCuda"),
                            Format.time(Spread.of(call.nanos()).times(1e-9)),
                            Format.digits(call.allocated())));
        }
        results.against("none")
                .forEach(
                        step ->
                                rows.add(
                                        List.of(
                                                "step of "
                                                        + Workload.named(step.workload()).title(),
                                                Format.time(step.seconds()),
                                                Format.digits(step.allocated()))));
        return table(List.of("call", "time", "bytes allocated"), rows);
    }

    private static String refreshes(Results results) {
        return table(
                List.of("inverses of all Kronecker factors", "method", "time"),
                results.refreshes().stream()
                        .map(
                                refresh ->
                                        List.of(
                                                refresh.model(),
                                                refresh.method(),
                                                Format.time(Spread.of(refresh.seconds()))))
                        .toList());
    }

    private static String kfac(Results results) {
        return table(
                List.of("K-FAC between refreshes", "work", "time", "its products / it"),
                results.kfac().stream()
                        .map(
                                work ->
                                        List.of(
                                                work.model(),
                                                Labels.of(work),
                                                Format.time(Spread.of(work.seconds())),
                                                work.hasProducts()
                                                        ? Format.ratio(work.share())
                                                        : ""))
                        .toList());
    }

    private static String kernels(Results results) {
        return table(
                List.of("kernel by itself", "in", "launches", "a launch", "its bandwidth / copy"),
                results.kernels().stream()
                        .map(
                                kernel ->
                                        List.of(
                                                Labels.kernel(kernel),
                                                Labels.of(kernel),
                                                Integer.toString(kernel.launches()),
                                                Format.time(kernel.seconds()),
                                                kernel.hasBytes()
                                                        ? Format.ratio(kernel.share())
                                                        : ""))
                        .toList());
    }

    private static String teams(Results results) {
        return TeamTables.of(results).stream()
                .map(
                        each ->
                                "%s:\n\n%s\n%s\n"
                                        .formatted(
                                                each.title(),
                                                table(each.columns(), each.rows()),
                                                each.remark()))
                .collect(Collectors.joining("\n"));
    }

    private static String table(List<String> titles, List<List<String>> rows) {
        return rows.isEmpty()
                ? ""
                : Stream.concat(
                                Stream.of(titles, titles.stream().map(_ -> "---").toList()),
                                rows.stream())
                        .map(row -> "| " + String.join(" | ", row) + " |\n")
                        .collect(Collectors.joining());
    }
}
