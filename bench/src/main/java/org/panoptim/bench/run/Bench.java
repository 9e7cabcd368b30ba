package org.panoptim.bench.run;

import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.panoptim.bench.AvailablePeers;
import org.panoptim.bench.DeviceKind;
import org.panoptim.bench.KfacBenchmark;
import org.panoptim.bench.Workload;
import org.panoptim.bench.report.BenchReport;
import org.panoptim.bench.result.Comparison;
import org.panoptim.bench.result.Host;
import org.panoptim.bench.result.KernelTimes;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.Results.CallTimes;
import org.panoptim.bench.result.Results.KfacTimes;
import org.panoptim.bench.result.Results.RefreshTimes;
import org.panoptim.bench.result.Results.StartUpTimes;
import org.panoptim.bench.result.Results.StateBytes;
import org.panoptim.bench.result.StepTimes;
import org.panoptim.bench.result.TeamTimes;
import org.panoptim.cli.InputException;
import org.panoptim.cli.Version;
import org.panoptim.cli.bench.BenchProgram;
import org.panoptim.io.OutputFile;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Measures this machine; the service behind {@code panoptim bench}. */
public final class Bench implements BenchProgram {

    private static final String USUAL_BACKEND = "simd";

    /** For the service loader. */
    public Bench() {}

    @Override
    public int run(BenchProgram.Options options, PrintWriter out, Optional<PrintStream> terminal)
            throws IOException {
        var backend = options.backend().orElse(USUAL_BACKEND);
        var target = Target.of(backend);
        options.workloads().forEach(Bench::check);
        var former = read(options.compare());
        var rules = options.rules().stream().map(Bench::rule).toList();
        var parts = Part.of(options.parts(), target.device());
        var plan = new Plan(options.quick(), options.workloads(), rules, target, parts);
        plan.requireFeasible();
        var jvm = Jvm.current();
        var peers =
                plan.has(Part.PEERS) ? AvailablePeers.find(target.device()) : AvailablePeers.none();
        var leftOut = new ArrayList<>(peers.leftOut());
        leftOut.forEach(line -> out.println("left out: " + line));
        int shown = leftOut.size();
        out.flush();

        var steps = new ArrayList<StepTimes>();
        var startUps = new ArrayList<StartUpTimes>();
        var memory = new ArrayList<StateBytes>();
        var calls = new ArrayList<CallTimes>();
        var refreshes = new ArrayList<RefreshTimes>();
        var kfac = new ArrayList<KfacTimes>();
        var kernels = new ArrayList<KernelTimes>();
        var teams = new ArrayList<TeamTimes>();
        var jmh = new ArrayList<RunResult>();
        var runs = plan.steps(peers.descriptions());
        var startUp = new StartUps(plan.quick(), target);
        var memories = new Memories(target);
        var launches = new Launches(jvm);
        var refresh = new Refreshes(jvm, target, plan);
        var kfacWork = new KfacWork(target, plan);
        var team = new Teams(jvm, target, plan);
        boolean hasTeam = plan.has(Part.TEAM) && target.device() == DeviceKind.CPU;
        var alone = new Kernels(target, plan);
        var refusal =
                plan.hasLong(Part.KFAC) && target.device() != DeviceKind.CPU
                        ? KfacBenchmark.refusal(backend)
                        : Optional.<String>empty();
        refusal.ifPresent(reason -> leftOut.add("kfac: " + reason));
        int units = runs.stream().mapToInt(run -> run.effort().units()).sum();
        units += plan.has(Part.START_UP) ? startUp.units() : 0;
        units += plan.hasLong(Part.MEMORY) ? memories.units() : 0;
        units += plan.hasLong(Part.LAUNCH) ? launches.units() : 0;
        units += plan.hasLong(Part.KFAC) ? refresh.units() + kfacWork.units() : 0;
        units += hasTeam ? team.units() : 0;
        units += plan.has(Part.KERNELS) ? alone.units() : 0;
        try (var display = new ProgressDisplay(terminal, units)) {
            var stepper = new Steps(jvm, display);
            for (var run : runs) {
                steps.add(stepper.measure(run));
            }
            jmh.addAll(stepper.results());
            if (plan.has(Part.START_UP)) {
                startUps.addAll(startUp.measure(display, leftOut));
            }
            if (plan.hasLong(Part.MEMORY)) {
                memory.addAll(memories.measure(display, leftOut));
            }
            if (plan.hasLong(Part.LAUNCH)) {
                calls.addAll(launches.measure(display, leftOut));
            }
            if (plan.hasLong(Part.KFAC) && refusal.isEmpty()) {
                refreshes.addAll(refresh.measure(display, leftOut));
                jmh.addAll(refresh.results());
                kfac.addAll(kfacWork.measure(display));
            }
            if (hasTeam) {
                teams.addAll(team.measure(display, leftOut));
            }
            if (plan.has(Part.KERNELS)) {
                kernels.addAll(alone.measure(display, leftOut));
            }
        } catch (BenchException e) {
            throw new InputException("bench: " + e.getMessage(), e);
        }
        plan.leftOut().forEach(leftOut::add);
        var results =
                new Results(
                        Results.FORMAT,
                        LocalDate.now().toString(),
                        Version.current(),
                        options.command(),
                        Host.current(
                                target.description(),
                                target.device() == DeviceKind.VIRTUAL_GPU,
                                jvm.options()),
                        steps,
                        startUps,
                        memory,
                        calls,
                        refreshes,
                        kfac,
                        kernels,
                        teams,
                        team.speed(),
                        leftOut);
        try {
            leftOut.stream().skip(shown).forEach(line -> out.println("left out: " + line));
            new Summary(results).lines().forEach(out::println);
        } finally {
            // Whatever becomes of one, the others are not lost.
            write(results, former, jmh, options);
        }
        out.println();
        out.println("Report: " + options.report());
        out.println("Figures: " + options.json());
        out.flush();
        return former.map(before -> compare(before, results, out)).orElse(0);
    }

    private static void check(String workload) {
        try {
            Workload.named(workload);
        } catch (IllegalArgumentException e) {
            throw new InputException("--workload: " + e.getMessage(), e);
        }
    }

    private static UpdateRule rule(String name) {
        try {
            return Rules.named(name);
        } catch (IllegalArgumentException e) {
            throw new InputException("--rule: " + e.getMessage(), e);
        }
    }

    private static Optional<Results> read(Optional<Path> file) throws IOException {
        if (file.isEmpty()) {
            return Optional.empty();
        }
        if (!Files.isRegularFile(file.get())) {
            throw new InputException("--compare " + file.get() + ": is not a file");
        }
        try {
            return Optional.of(Results.read(file.get()));
        } catch (IllegalArgumentException e) {
            throw new InputException("--compare " + e.getMessage(), e);
        }
    }

    private static void write(
            Results results,
            Optional<Results> former,
            List<RunResult> jmh,
            BenchProgram.Options options)
            throws IOException {
        try {
            results.write(options.json());
            writeJmh(jmh, options.json());
        } finally {
            new BenchReport(results, former).write(options.report());
        }
    }

    /** JMH's file lies next to ours, unless ours is a pipe or a device. */
    static void writeJmh(List<RunResult> results, Path json) throws IOException {
        if (!Files.isRegularFile(json)) {
            return;
        }
        var text = new ByteArrayOutputStream();
        ResultFormatFactory.getInstance(
                        ResultFormatType.JSON, new PrintStream(text, false, StandardCharsets.UTF_8))
                .writeOut(results);
        var name = json.getFileName().toString().replaceFirst("(\\.json)?$", ".jmh.json");
        OutputFile.writeString(json.resolveSibling(name), text.toString(StandardCharsets.UTF_8));
    }

    private static int compare(Results before, Results now, PrintWriter out) {
        var comparison = Comparison.of(before, now);
        Summary.lines(comparison).forEach(out::println);
        out.flush();
        return comparison.passes() ? 0 : 1;
    }
}
