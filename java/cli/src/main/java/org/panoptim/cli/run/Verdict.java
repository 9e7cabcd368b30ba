package org.panoptim.cli.run;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What came out, in one sentence: who diverged, who is best, and how Panoptim's optimizer compares
 * with PyTorch's of the same rule and settings.
 *
 * @param results of all contenders
 */
public record Verdict(Results results) {

    /** The result that is the median time of an optimizer's step, where a task measures it. */
    public static final String STEP_SECONDS = "median_step_seconds";

    /** Whether every contender of the run at hand learned. */
    public boolean isGood() {
        return ofThisRun().noneMatch(Verdict::hasFailed);
    }

    private Stream<Contender> ofThisRun() {
        return results.contenders().stream().filter(each -> each.label().isEmpty());
    }

    private static boolean hasFailed(Contender contender) {
        return contender.has(Run.End.DIVERGED) || contender.has(Run.End.WORSENED);
    }

    /** The sentence; empty if there is nothing to say. */
    public String sentence() {
        var parts = new ArrayList<String>();
        var diverged = ofThisRun().filter(each -> each.has(Run.End.DIVERGED)).toList();
        if (!diverged.isEmpty()) {
            parts.add(names(diverged) + " diverged");
        }
        var worsened =
                ofThisRun()
                        .filter(each -> !each.has(Run.End.DIVERGED))
                        .filter(each -> each.has(Run.End.WORSENED))
                        .toList();
        if (!worsened.isEmpty()) {
            parts.add(names(worsened) + " ended worse than untrained");
        }
        var others = ofThisRun().filter(each -> !hasFailed(each)).toList();
        if (others.size() > 1) {
            best(others).ifPresent(parts::add);
        }
        pairs(others).stream().map(Verdict::compared).forEach(parts::add);
        return parts.isEmpty() ? "" : String.join("; ", parts) + ".";
    }

    private static String names(List<Contender> contenders) {
        return contenders.stream().map(Contender::name).collect(Collectors.joining(", "));
    }

    private Optional<String> best(List<Contender> contenders) {
        var measure = results.measure();
        return measure.best(contenders)
                .map(
                        best -> {
                            var equals =
                                    contenders.stream()
                                            .filter(each -> measure.isBest(each, contenders))
                                            .toList();
                            return "%s %s the %s (%s)"
                                    .formatted(
                                            names(equals),
                                            equals.size() == 1 ? "has" : "have",
                                            measure.words(),
                                            measure.format().apply(best.spread(measure.figure())));
                        });
    }

    /** An optimizer of Panoptim's and PyTorch's own of the same rule and settings. */
    private record Pair(Contender own, Contender engines) {}

    private static List<Pair> pairs(List<Contender> contenders) {
        return contenders.stream()
                .filter(each -> !each.ofEngine())
                .flatMap(
                        own ->
                                contenders.stream()
                                        .filter(Contender::ofEngine)
                                        .filter(engine -> engine.settings().equals(own.settings()))
                                        .filter(engine -> rule(engine).equals("torch-" + rule(own)))
                                        .map(engine -> new Pair(own, engine)))
                .filter(pair -> pair.own().spread(STEP_SECONDS).mean() > 0)
                .toList();
    }

    /** The rule that an entry begins with. */
    private static String rule(Contender contender) {
        return contender.entry().split("[@:+]", 2)[0];
    }

    private static String compared(Pair pair) {
        var own = pair.own().spread(STEP_SECONDS).times(1e6);
        var engines = pair.engines().spread(STEP_SECONDS).times(1e6);
        double apart = Math.abs(own.mean() - engines.mean());
        var ratio =
                apart <= own.deviation() + engines.deviation()
                        ? "no clear difference"
                        : String.format(
                                Locale.ROOT, "%.1f times as fast", engines.mean() / own.mean());
        return String.format(
                Locale.ROOT,
                "a step of %s took %s µs, one of %s %s (%s)",
                pair.own().name(),
                micros(own),
                pair.engines().name(),
                micros(engines),
                ratio);
    }

    private static String micros(Spread time) {
        return time.isOfSeveral()
                ? String.format(Locale.ROOT, "%.1f ± %.1f", time.mean(), time.deviation())
                : String.format(Locale.ROOT, "%.1f", time.mean());
    }
}
