package org.panoptim.bench.run;

import org.panoptim.bench.Scenario;
import org.panoptim.bench.Workload;
import org.panoptim.bench.report.Format;
import org.panoptim.bench.report.Labels;
import org.panoptim.bench.result.Comparison;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.Spread;
import org.panoptim.bench.result.StepTimes;
import org.panoptim.cli.terminal.Table;
import org.panoptim.cli.terminal.Terminal;

import java.util.ArrayList;
import java.util.List;

/** What was measured, as tables for a terminal. */
final class Summary {

    private final Results results;

    Summary(Results results) {
        this.results = results;
    }

    List<String> lines() {
        var lines = new ArrayList<String>();
        results.warning().ifPresent(lines::add);
        steps(lines);
        startUps(lines);
        memory(lines);
        calls(lines);
        refreshes(lines);
        kfac(lines);
        kernels(lines);
        teams(lines);
        return lines;
    }

    private void steps(List<String> lines) {
        if (results.steps().isEmpty()) {
            return;
        }
        var table =
                new Table("workload", "work", "compared with", "step", "times as fast", "spread");
        for (var step : results.steps()) {
            boolean alone = step.baselineNanos().length == 0;
            table.row(
                    Workload.named(step.workload()).title(),
                    Scenario.valueOf(step.scenario()).title(),
                    step.baseline(),
                    Format.time(step.seconds().median()),
                    alone ? "" : Format.ratio(step.advantage().median()),
                    alone ? "" : ends(step));
        }
        lines.add("");
        lines.addAll(table.lines(Terminal.WIDTH));
    }

    private static String ends(StepTimes step) {
        var ratio = step.advantage();
        return Format.ratio(ratio.smallest()) + " to " + Format.ratio(ratio.largest());
    }

    private void startUps(List<String> lines) {
        if (results.startUps().isEmpty()) {
            return;
        }
        var table = new Table("first step of a process", "cache", "since main", "since start");
        for (var start : results.startUps()) {
            table.row(
                    start.backend(),
                    start.cached() ? "yes" : "no",
                    Format.time(Spread.of(start.stepped()).times(1e-3)),
                    Format.time(Spread.of(start.process()).times(1e-3)));
        }
        lines.add("");
        lines.addAll(table.lines(Terminal.WIDTH));
    }

    private void memory(List<String> lines) {
        if (results.memory().isEmpty()) {
            return;
        }
        var table = new Table("bytes of states a parameter", "declared", "measured");
        for (var states : results.memory()) {
            table.row(
                    states.rule(),
                    Integer.toString(states.declared()),
                    Format.ratio(Spread.of(states.measured())));
        }
        lines.add("");
        lines.addAll(table.lines(Terminal.WIDTH));
    }

    private void calls(List<String> lines) {
        if (results.calls().isEmpty()) {
            return;
        }
        var table = new Table("call on the way to a device", "through", "time", "bytes allocated");
        for (var call : results.calls()) {
            table.row(
                    call.call(),
                    call.implementation(),
                    Format.time(Spread.of(call.nanos()).times(1e-9)),
                    Format.digits(call.allocated()));
        }
        lines.add("");
        lines.addAll(table.lines(Terminal.WIDTH));
    }

    private void refreshes(List<String> lines) {
        if (results.refreshes().isEmpty()) {
            return;
        }
        var table = new Table("inverses of all factors", "method", "time");
        for (var refresh : results.refreshes()) {
            table.row(refresh.model(), refresh.method(), Format.time(Spread.of(refresh.seconds())));
        }
        lines.add("");
        lines.addAll(table.lines(Terminal.WIDTH));
    }

    private void kfac(List<String> lines) {
        if (results.kfac().isEmpty()) {
            return;
        }
        var table = new Table("K-FAC between refreshes", "work", "time", "products / work");
        for (var work : results.kfac()) {
            table.row(
                    work.model(),
                    Labels.of(work),
                    Format.time(Spread.of(work.seconds())),
                    work.hasProducts() ? Format.ratio(work.share()) : "");
        }
        lines.add("");
        lines.addAll(table.lines(Terminal.WIDTH));
    }

    private void kernels(List<String> lines) {
        if (results.kernels().isEmpty()) {
            return;
        }
        var table = new Table("kernel", "in", "launches", "a launch", "of the copy");
        for (var kernel : results.kernels()) {
            table.row(
                    kernel.kernel(),
                    Labels.of(kernel),
                    Integer.toString(kernel.launches()),
                    Format.time(kernel.seconds()),
                    kernel.hasBytes() ? Format.ratio(kernel.share().median()) : "");
        }
        lines.add("");
        lines.addAll(table.lines(Terminal.WIDTH));
    }

    private void teams(List<String> lines) {
        if (results.teams().isEmpty()) {
            return;
        }
        var table = new Table("team", "members", "step", "PyTorch / it", "sent / least", "states");
        for (var team : results.teams()) {
            table.row(
                    Workload.named(team.workload()).title(),
                    Integer.toString(team.members()),
                    Format.time(Spread.of(team.seconds()).median()),
                    team.hasPeer() ? Format.ratio(team.advantage()) : "",
                    team.members() > 1 ? Format.ratio(team.sentShare()) : "",
                    Format.ratio(team.stateShare()));
        }
        lines.add("");
        lines.addAll(table.lines(Terminal.WIDTH));
    }

    /** What became slower or faster. */
    static List<String> lines(Comparison comparison) {
        var lines = new ArrayList<String>();
        lines.add("");
        var changed = comparison.changes().stream().filter(Comparison.Change::isBeyondSpread);
        var table = new Table("beyond the spread", "before", "now", "change");
        changed.forEach(
                change ->
                        table.row(
                                change.figure(),
                                Format.ratio(change.before().median()),
                                Format.ratio(change.now().median()),
                                Format.percent(change.gain())));
        lines.addAll(table.lines(Terminal.WIDTH));
        lines.add(
                "%d of %d figures changed beyond their spread; %s"
                        .formatted(
                                comparison.changes().stream()
                                        .filter(Comparison.Change::isBeyondSpread)
                                        .count(),
                                comparison.changes().size(),
                                comparison.passes()
                                        ? "none lost more than 5 %"
                                        : "there is a loss of more than 5 %"));
        return lines;
    }
}
