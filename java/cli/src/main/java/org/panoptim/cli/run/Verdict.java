package org.panoptim.cli.run;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What came out, in one sentence: who diverged, who is best, and how Panoptim's optimizer compares
 * with PyTorch's of the same rule and settings.
 *
 * @param results of all contenders
 */
public record Verdict(Results results) {

    /** The result that is the time within optimizers, where a task measures it. */
    public static final String OPTIMIZER_SECONDS = "optimizer_seconds";

    /** Whether every contender of the run at hand learned. */
    public boolean isGood() {
        return results.contenders().stream()
                .filter(each -> each.label().isEmpty())
                .noneMatch(Contender::diverged);
    }

    /** The sentence; empty if there is nothing to say. */
    public String sentence() {
        var parts = new ArrayList<String>();
        var diverged = results.contenders().stream().filter(Contender::diverged).toList();
        if (!diverged.isEmpty()) {
            parts.add(names(diverged) + " diverged");
        }
        var others = results.contenders().stream().filter(each -> !each.diverged()).toList();
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
                                        .filter(engine -> engine.label().equals(own.label()))
                                        .filter(engine -> engine.settings().equals(own.settings()))
                                        .filter(engine -> rule(engine).equals("torch-" + rule(own)))
                                        .map(engine -> new Pair(own, engine)))
                .filter(pair -> pair.own().spread(OPTIMIZER_SECONDS).mean() > 0)
                .toList();
    }

    /** The rule that an entry begins with. */
    private static String rule(Contender contender) {
        return contender.entry().split("[@:+]", 2)[0];
    }

    private static String compared(Pair pair) {
        double own = pair.own().spread(OPTIMIZER_SECONDS).mean();
        double engines = pair.engines().spread(OPTIMIZER_SECONDS).mean();
        return String.format(
                Locale.ROOT,
                "%s took %.1f ms in the optimizer, %s %.1f ms (%.1f times as fast)",
                pair.own().name(),
                own * 1e3,
                pair.engines().name(),
                engines * 1e3,
                engines / own);
    }
}
