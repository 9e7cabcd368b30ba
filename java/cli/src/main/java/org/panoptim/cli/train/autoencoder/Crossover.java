package org.panoptim.cli.train.autoencoder;

import java.util.List;
import java.util.Locale;

/**
 * The point where K-FAC passed the final error of a first-order optimizer.
 *
 * @param curvature K-FAC
 * @param firstOrder the other
 */
public record Crossover(LossCurve curvature, LossCurve firstOrder) {

    /** Of every K-FAC and every first-order optimizer, in their order. */
    public static List<Crossover> all(List<LossCurve> curves) {
        return curves.stream()
                .filter(one -> !one.choice().isFirstOrder())
                .flatMap(
                        one ->
                                curves.stream()
                                        .filter(other -> other.choice().isFirstOrder())
                                        .map(other -> new Crossover(one, other)))
                .toList();
    }

    /** In a sentence. */
    public String sentence() {
        var end = firstOrder.last();
        var goal =
                String.format(
                        Locale.ROOT,
                        "the squared error that %s had after %d iterations and %s s (%.3f)",
                        firstOrder.choice().name(),
                        end.iteration(),
                        LossCurve.seconds(end.seconds()),
                        end.squaredError());
        return curvature
                .firstBelow(end.squaredError())
                .map(
                        point ->
                                String.format(
                                        Locale.ROOT,
                                        "%s passed %s at iteration %d, after %s s%s.",
                                        curvature.choice().name(),
                                        goal,
                                        point.iteration(),
                                        LossCurve.seconds(point.seconds()),
                                        ratio(end.seconds(), point.seconds())))
                .orElseGet(
                        () ->
                                String.format(
                                        Locale.ROOT,
                                        "%s did not pass %s in %d iterations and %s s.",
                                        curvature.choice().name(),
                                        goal,
                                        curvature.last().iteration(),
                                        LossCurve.seconds(curvature.last().seconds())));
    }

    private static String ratio(double whole, double part) {
        return part > 0 ? String.format(Locale.ROOT, ": %.1f times as fast", whole / part) : "";
    }
}
