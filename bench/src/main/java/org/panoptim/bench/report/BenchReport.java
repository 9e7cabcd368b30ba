package org.panoptim.bench.report;

import org.panoptim.bench.Scenario;
import org.panoptim.bench.Workload;
import org.panoptim.bench.process.StatefulRule;
import org.panoptim.bench.result.Comparison;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.Results.StartUpTimes;
import org.panoptim.bench.result.Spread;
import org.panoptim.bench.result.StepTimes;
import org.panoptim.cli.page.Curves;
import org.panoptim.cli.page.Html;
import org.panoptim.cli.page.HtmlTable;
import org.panoptim.cli.page.Page;
import org.panoptim.cli.page.Page.Origin;
import org.panoptim.cli.page.Template;
import org.panoptim.io.OutputFile;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** What was measured as a web page in one file, which needs no network. */
public final class BenchReport {

    private static final String TEMPLATE = "bench.html";
    private static final double BYTES_OF_STEP = 28;

    private final Results results;
    private final Optional<Results> former;
    private final Shares shares;
    private final Limit limit;

    /**
     * The page of these results.
     *
     * @param former those of an earlier run, to compare them with
     */
    public BenchReport(Results results, Optional<Results> former) {
        this.results = results;
        this.former = former;
        shares = new Shares(results);
        limit = Limit.of(results);
    }

    /** Writes the page, as {@link OutputFile} does. */
    public void write(Path file) throws IOException {
        OutputFile.writeString(file, page());
    }

    String page() throws IOException {
        var curves = Charts.scaling(results);
        var content =
                Template.of(BenchReport.class, TEMPLATE)
                        .fill(
                                Map.ofEntries(
                                        Map.entry("lead", Html.escape(lead())),
                                        Map.entry(
                                                "warning",
                                                results.warning().map(Html::note).orElse("")),
                                        Map.entry("leftOut", leftOut()),
                                        Map.entry("steps", steps()),
                                        Map.entry("peers", peers()),
                                        Map.entry("types", types()),
                                        Map.entry("scaling", scaling(curves)),
                                        Map.entry("memory", memory()),
                                        Map.entry("startUp", startUp()),
                                        Map.entry("calls", calls()),
                                        Map.entry("refreshes", refreshes()),
                                        Map.entry("kfac", DeviceTables.kfac(results)),
                                        Map.entry("kernels", DeviceTables.kernels(results)),
                                        Map.entry("teams", TeamTables.html(results)),
                                        Map.entry(
                                                "changes", former.map(this::changes).orElse(""))));
        return new Page("Panoptim, measured", content, curves)
                .text(
                        new Origin(
                                machine(),
                                results.command(),
                                results.version(),
                                results.date(),
                                ""));
    }

    private String lead() {
        var host = results.host();
        return "AdamW in fp32 on "
                // A device's description begins with its name.
                + (limit == Limit.COPY ? host.backend().split(",", 2)[0] : host.processor())
                + ": a step compared with a "
                + limit.phrase()
                + ", and with the optimizers of other libraries. All ratios come from interleaved"
                + " steps.";
    }

    private String leftOut() {
        return results.leftOut().stream()
                .map(line -> Html.note("Left out: " + line))
                .collect(Collectors.joining("\n"));
    }

    private String changes(Results before) {
        return section(
                "Before and now",
                "",
                List.of("Figure; larger is better", "Before", "Now", "Change", "Beyond the spread"),
                Comparison.of(before, results).changes().stream()
                        .map(
                                change ->
                                        List.of(
                                                change.figure(),
                                                Format.ratio(change.before()),
                                                Format.ratio(change.now()),
                                                Format.percent(change.gain()),
                                                change.isBeyondSpread() ? "yes" : "no"))
                        .toList(),
                "Before: Panoptim %s, %s, %s."
                        .formatted(before.version(), before.date(), before.command()));
    }

    private String steps() throws IOException {
        var measured = results.against("limit").filter(step -> !Charts.isScaled(step)).toList();
        if (measured.isEmpty()) {
            return "";
        }
        var rows =
                measured.stream()
                        .map(
                                step ->
                                        List.of(
                                                title(step),
                                                Scenario.valueOf(step.scenario()).title(),
                                                Format.count(step.tensors()),
                                                Format.count(step.elements()),
                                                Format.time(step.seconds()),
                                                Format.ratio(step.advantage())))
                        .toList();
        return section(
                "Compared with a " + limit.title(),
                Charts.shares(shares, limit),
                List.of(
                        "Tensors",
                        "Scenario",
                        "Number",
                        "Elements",
                        "A step",
                        limit.word() + " / step"),
                rows,
                limit.note());
    }

    private String peers() {
        var measured = results.steps().stream().filter(StepTimes::isComparedWithPeer).toList();
        if (measured.isEmpty()) {
            return "";
        }
        var rows =
                measured.stream()
                        .map(
                                step ->
                                        List.of(
                                                title(step),
                                                Scenario.valueOf(step.scenario()).title(),
                                                step.description(),
                                                Format.time(step.baselineSeconds()),
                                                Format.time(step.seconds()),
                                                Format.ratio(step.advantage())))
                        .toList();
        return section(
                "Compared with other libraries",
                "",
                List.of("Tensors", "Scenario", "Optimizer", "It takes", "Panoptim takes", "Ratio"),
                rows,
                "Each has separate tensors, the same values and as many threads. Python's time is"
                        + " taken inside Python.");
    }

    private String types() {
        var measured = results.steps().stream().filter(StepTimes::isComparedWithFloats).toList();
        if (measured.isEmpty()) {
            return "";
        }
        var rows =
                measured.stream()
                        .map(
                                step ->
                                        List.of(
                                                title(step),
                                                Scenario.valueOf(step.scenario()).title(),
                                                Format.time(step.baselineSeconds()),
                                                Format.time(step.seconds()),
                                                Format.ratio(step.advantage())))
                        .toList();
        return section(
                "Other types, outputs, and statistics",
                "",
                List.of("Tensors", "Scenario", "Step of floats", "It takes", "Floats / it"),
                rows,
                "A step of floats moves 28 bytes an element, and one of bf16 values and gradients"
                        + " 22: 1.27 is its limit. With a bf16 copy it moves 30: .93; with a moving"
                        + " average of floats 36: .78. Statistics move nothing more.");
    }

    private static String scaling(Curves curves) throws IOException {
        return curves.isEmpty() ? "" : "<h2>Number and size of tensors</h2>\n" + curves.figures();
    }

    private String memory() {
        return section(
                "Memory",
                "",
                List.of("Rule", "States, as declared", "Measured", "With parameter and gradient"),
                StatefulRule.all().stream().map(this::memoryRow).toList(),
                "Bytes for each fp32 parameter. Measured: by how much a fresh process grows when it"
                        + " builds an optimizer over 16.8 million parameters and takes two steps. A"
                        + " step allocates nothing, neither on Java's heap nor outside of it.");
    }

    private List<String> memoryRow(StatefulRule rule) {
        return List.of(
                rule.title(),
                rule.declaredBytes() + " bytes",
                results.memory().stream()
                        .filter(states -> states.rule().equals(rule.title()))
                        .map(states -> Format.ratio(Spread.of(states.measured())))
                        .findFirst()
                        .orElse(""),
                rule.declaredBytes() + 2 * Float.BYTES + " bytes");
    }

    private String startUp() throws IOException {
        if (results.startUps().isEmpty()) {
            return "";
        }
        return section(
                "The first step of a process",
                Charts.startUp(results.startUps()),
                List.of(
                        "Backend",
                        "Cache",
                        "Backend open",
                        "Optimizer built",
                        "First step",
                        "With the start of Java"),
                results.startUps().stream().map(BenchReport::startUpRow).toList(),
                "Since main began; the last column since the process was started. With a cache:"
                        + " Java was given an ahead-of-time cache (-XX:AOTCache).");
    }

    private static List<String> startUpRow(StartUpTimes start) {
        return List.of(
                start.backend(),
                start.cached() ? "yes" : "no",
                milliseconds(start.opened()),
                milliseconds(start.built()),
                milliseconds(start.stepped()),
                milliseconds(start.process()));
    }

    private static String milliseconds(double[] values) {
        return Format.time(Spread.of(values).times(1e-3));
    }

    private String calls() {
        var rows = new ArrayList<List<String>>();
        for (var call : results.calls()) {
            rows.add(
                    List.of(
                            call.call(),
                            call.implementation(),
                            Format.time(Spread.of(call.nanos()).times(1e-9)),
                            Format.digits(call.allocated())));
        }
        for (var step : results.steps()) {
            if (step.baseline().equals("none")) {
                rows.add(
                        List.of(
                                "step of " + title(step),
                                step.backend(),
                                Format.time(step.seconds()),
                                Format.digits(step.allocated())));
            }
        }
        return rows.isEmpty()
                ? ""
                : section(
                        "What a call costs",
                        "",
                        List.of("Call", "Through", "Time", "Bytes allocated"),
                        rows,
                        "step and launch are calls on the way to a CUDA device, over a virtual"
                                + " driver whose kernels do nothing: the host's part. Bytes are as"
                                + " JMH's profiler finds them, its own among them.");
    }

    private String refreshes() {
        return results.refreshes().isEmpty()
                ? ""
                : section(
                        "K-FAC: inverses of all factors",
                        "",
                        List.of("Model", "Method", "Time"),
                        results.refreshes().stream()
                                .map(
                                        refresh ->
                                                List.of(
                                                        refresh.model(),
                                                        refresh.method(),
                                                        Format.time(Spread.of(refresh.seconds()))))
                                .toList(),
                        "Certificates included.");
    }

    private String machine() {
        var host = results.host();
        return Html.term("Processor", host.processor())
                + Html.term("Caches", host.caches())
                + Html.term("Memory", host.memory())
                + bandwidth()
                + Html.term("Backend", host.backend())
                + Html.term("System", host.system())
                + Html.term("Java", host.java())
                + Html.term("Options", host.flags());
    }

    /** That of the limit over one large tensor. */
    private String bandwidth() {
        return results.against("limit")
                .filter(step -> step.workload().equals(Workload.FLAT))
                .findFirst()
                .map(
                        step ->
                                Html.term(
                                        "Memory bandwidth",
                                        Format.digits(
                                                        BYTES_OF_STEP
                                                                * step.elements()
                                                                / step.baselineSeconds().median()
                                                                / 1e9)
                                                + " GB/s in the "
                                                + limit.title()
                                                + ", at 28 bytes an element"))
                .orElse("");
    }

    private static String title(StepTimes step) {
        return Workload.named(step.workload()).title();
    }

    private static String section(
            String title,
            String charts,
            List<String> titles,
            List<List<String>> rows,
            String remark) {
        return section(title, charts + HtmlTable.of(titles, rows).html(), remark);
    }

    /** A part of the page: a title as text, what it is about as HTML, and a remark as text. */
    static String section(String title, String content, String remark) {
        return """
        <h2>%s</h2>
        %s
        <p class="small">%s</p>
        """
                .formatted(Html.escape(title), content, Html.escape(remark));
    }
}
