package org.panoptim.cli.train.autoencoder;

import java.util.List;
import java.util.Locale;

/**
 * When K-FAC passed what a first-order optimizer had at its end.
 *
 * @param curvature K-FAC
 * @param firstOrder the other
 */
public record Passing(Trajectory curvature, Trajectory firstOrder) {

    /** Of every K-FAC and every first-order optimizer, in their order. */
    public static List<Passing> all(List<Trajectory> trajectories) {
        return trajectories.stream()
                .filter(one -> !one.method().isFirstOrder())
                .flatMap(
                        one ->
                                trajectories.stream()
                                        .filter(other -> other.method().isFirstOrder())
                                        .map(other -> new Passing(one, other)))
                .toList();
    }

    /** In a sentence. */
    public String sentence() {
        var end = firstOrder.last();
        var goal =
                String.format(
                        Locale.ROOT,
                        "the squared error that %s had after %d iterations and %s s (%.3f)",
                        firstOrder.method().name(),
                        end.iteration(),
                        Trajectory.seconds(end.seconds()),
                        end.squaredError());
        return curvature
                .firstBelow(end.squaredError())
                .map(
                        point ->
                                String.format(
                                        Locale.ROOT,
                                        "%s passed %s at iteration %d, after %s s%s.",
                                        curvature.method().name(),
                                        goal,
                                        point.iteration(),
                                        Trajectory.seconds(point.seconds()),
                                        ratio(end.seconds(), point.seconds())))
                .orElseGet(
                        () ->
                                String.format(
                                        Locale.ROOT,
                                        "%s did not pass %s in %d iterations and %s s.",
                                        curvature.method().name(),
                                        goal,
                                        curvature.last().iteration(),
                                        Trajectory.seconds(curvature.last().seconds())));
    }

    private static String ratio(double whole, double part) {
        return part > 0 ? String.format(Locale.ROOT, ": %.1f times as fast", whole / part) : "";
    }
}
