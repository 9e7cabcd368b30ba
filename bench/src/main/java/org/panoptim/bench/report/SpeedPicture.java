package org.panoptim.bench.report;

import org.panoptim.bench.Workload;
import org.panoptim.bench.result.Results;
import org.panoptim.bench.result.Spread;
import org.panoptim.bench.result.StepTimes;
import org.panoptim.cli.page.Html;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Map.Entry;
import java.util.stream.Collectors;

/**
 * README's picture, as SVG: how many times as long as Panoptim other libraries take for a step of
 * AdamW. It has a background of its own, light or dark as the reader's system is, so that it can be
 * read whatever the page around it looks like.
 */
final class SpeedPicture {

    private static final String SCENARIO = "STEP";

    /** What peers are called here, in the order of the bars. */
    private static final List<Entry<String, String>> PEERS =
            List.of(
                    Map.entry("torch-fused", "PyTorch in Python"),
                    Map.entry("bytedeco", "bytedeco PyTorch"),
                    Map.entry("djl", "DJL"),
                    Map.entry("nd4j", "ND4J"));

    private static final int WIDTH = 500;
    private static final int MARGIN = 20;
    private static final int VALUES_END = 248;
    private static final int BARS = 260;
    private static final int BARS_WIDTH = WIDTH - MARGIN - BARS;
    private static final int ROW = 26;
    private static final int BAR = 16;

    private final Results results;
    private final List<Part> parts;

    private SpeedPicture(Results results, List<Part> parts) {
        this.results = results;
        this.parts = parts;
    }

    /**
     * The picture of some workloads.
     *
     * @param results that hold their steps, compared with peers
     * @param workloads their names, from top to bottom
     * @throws IllegalArgumentException if a workload was not compared with any of the peers
     */
    static SpeedPicture of(Results results, List<String> workloads) {
        return new SpeedPicture(
                results, workloads.stream().map(workload -> part(results, workload)).toList());
    }

    private static Part part(Results results, String workload) {
        var steps =
                results.steps().stream()
                        .filter(StepTimes::isComparedWithPeer)
                        .filter(step -> step.workload().equals(workload))
                        .filter(step -> step.scenario().equals(SCENARIO))
                        .collect(Collectors.toMap(StepTimes::baseline, step -> step));
        var bars =
                PEERS.stream()
                        .filter(peer -> steps.containsKey(peer.getKey()))
                        .map(peer -> new Bar(peer.getValue(), steps.get(peer.getKey())))
                        .toList();
        if (bars.isEmpty()) {
            throw new IllegalArgumentException(
                    "the results have no step of '%s' compared with another library"
                            .formatted(workload));
        }
        return new Part(workload, bars);
    }

    /** All figures in a sentence, for those who do not see the picture. */
    String alternative() {
        return Html.escape(
                parts.stream()
                        .map(
                                part ->
                                        part.bars().stream()
                                                .map(bar -> bar.name() + " " + times(bar.median()))
                                                .collect(
                                                        Collectors.joining(
                                                                ", ", part.title() + ": ", "")))
                        .collect(
                                Collectors.joining(
                                        ". ",
                                        "How many times as long as Panoptim an AdamW step takes. ",
                                        ".")));
    }

    /** What was compared with what, and where. */
    String caption() {
        return """
        <sub>Medians; lines go from the smallest to the largest. Compared with %s. On %s, %s:
        <code>%s</code>.%s</sub>\
        """
                .formatted(
                        peers(),
                        FigureTables.machine(results),
                        results.date(),
                        Html.escape(results.command()),
                        results.warning().map(warning -> " " + warning).orElse(""));
    }

    private String peers() {
        return Html.escape(
                parts.stream()
                        .flatMap(part -> part.bars().stream())
                        .map(bar -> bar.step().description())
                        .distinct()
                        .collect(Collectors.joining("; ")));
    }

    /** The picture itself. */
    String svg() {
        var body = new StringBuilder();
        int y = 34;
        body.append(text("title", MARGIN, y, "Time of an AdamW step"));
        body.append(text("size", WIDTH - MARGIN, y, "Panoptim = 1", "end"));
        for (var part : parts) {
            y += 38;
            body.append(text("part", MARGIN, y, part.title()));
            body.append(text("size", WIDTH - MARGIN, y, part.size(), "end"));
            y += 8;
            body.append(row(y, "Panoptim", "own", new Spread(1, 1, 1), "1"));
            for (var bar : part.bars()) {
                y += ROW;
                body.append(row(y, bar.name(), "peer", bar.ratio(), times(bar.median())));
            }
            y += ROW;
        }
        return page(y + 14, body.toString());
    }

    private String row(int top, String name, String kind, Spread ratio, String value) {
        int middle = top + ROW / 2;
        var bar =
                "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%s\" height=\"%d\"/>%n"
                        .formatted(kind, BARS, middle - BAR / 2, length(ratio.median()), BAR);
        var spread =
                ratio.largest() == ratio.smallest()
                        ? ""
                        : "<path d=\"M%s %dH%s\"/>%n"
                                .formatted(
                                        position(ratio.smallest()),
                                        middle,
                                        position(ratio.largest()));
        return text(kind, MARGIN, middle + 5, name)
                + text(kind, VALUES_END, middle + 5, value, "end")
                + bar
                + spread;
    }

    private String position(double ratio) {
        return decimal(BARS + BARS_WIDTH * ratio / largest());
    }

    private String length(double ratio) {
        return decimal(BARS_WIDTH * ratio / largest());
    }

    private double largest() {
        return parts.stream()
                .flatMap(part -> part.bars().stream())
                .mapToDouble(bar -> bar.ratio().largest())
                .max()
                .orElseThrow();
    }

    private static String text(String kind, int x, int y, String text) {
        return text(kind, x, y, text, "start");
    }

    private static String text(String kind, int x, int y, String text, String anchor) {
        return "<text class=\"%s\" x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>%n"
                .formatted(kind, x, y, anchor, Html.escape(text));
    }

    /** To one digit after the point: more would lie within the spread. */
    private static String times(double ratio) {
        return String.format(Locale.ROOT, ratio < 100 ? "%.1f times" : "%,.0f times", ratio);
    }

    private static String decimal(double number) {
        return String.format(Locale.ROOT, "%.1f", number);
    }

    private String page(int height, String body) {
        return """
        <svg xmlns="http://www.w3.org/2000/svg" width="%1$d" height="%2$d" viewBox="0 0 %1$d %2$d" role="img">
        <title>%3$s</title>
        <style>
        text { font: 15px system-ui, -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328 }
        .title { font-weight: 600; font-size: 17px }
        .part, .own { font-weight: 600 }
        .size { font-size: 13px; fill: #59636e }
        .page { fill: #ffffff; stroke: #d1d9e0 }
        rect.own { fill: #0969da }
        rect.peer { fill: #afb8c1 }
        path { stroke: #59636e; stroke-width: 2 }
        @media (prefers-color-scheme: dark) {
        text { fill: #f0f6fc }
        .size { fill: #9198a1 }
        .page { fill: #0d1117; stroke: #3d444d }
        rect.own { fill: #4493f8 }
        rect.peer { fill: #57606a }
        path { stroke: #b1bac4 }
        }
        </style>
        <rect class="page" x="0.5" y="0.5" width="%4$d" height="%5$d" rx="8"/>
        %6$s</svg>
        """
                .formatted(WIDTH, height, alternative(), WIDTH - 1, height - 1, body);
    }

    /** A library's bar. */
    private record Bar(String name, StepTimes step) {

        Spread ratio() {
            return step.advantage();
        }

        double median() {
            return ratio().median();
        }
    }

    /** The bars of a workload. */
    private record Part(String workload, List<Bar> bars) {

        String title() {
            return Workload.named(workload).title();
        }

        String size() {
            return String.format(
                    Locale.ROOT,
                    "%.0f million parameters",
                    bars.getFirst().step().elements() / 1e6);
        }
    }
}
