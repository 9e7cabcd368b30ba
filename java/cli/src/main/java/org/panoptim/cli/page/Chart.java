package org.panoptim.cli.page;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A chart, which shows every curve that has its columns.
 *
 * @param id unique in the page
 * @param caption what it shows, in sentences
 * @param across what may be on the horizontal axis, one of which the reader chooses; charts that
 *     offer several offer the same
 * @param upwards what is on the vertical axis; its title is the chart's
 */
public record Chart(String id, String caption, List<Axis> across, Axis upwards) {

    /** Copies the list. */
    public Chart {
        across = List.copyOf(across);
    }

    /** The caption, and which of the curves cannot be drawn, and why. */
    String captionFor(List<Curve> curves) {
        var sentences = new ArrayList<>(List.of(caption));
        var without = curves.stream().filter(curve -> !curve.has(upwards)).toList();
        var undrawable =
                curves.stream()
                        .filter(curve -> curve.has(upwards) && !curve.isDrawableOn(upwards))
                        .toList();
        if (!without.isEmpty()) {
            sentences.add("Not reported by " + names(without) + ".");
        }
        if (!undrawable.isEmpty()) {
            sentences.add(
                    "No value of %s can be drawn: none is %s."
                            .formatted(
                                    names(undrawable),
                                    upwards.scale() == Axis.Scale.LOGARITHMIC
                                            ? "finite and positive"
                                            : "finite"));
        }
        return String.join(" ", sentences);
    }

    private static String names(List<Curve> curves) {
        return curves.stream().map(Curve::name).collect(Collectors.joining(", "));
    }
}
