package org.panoptim.cli.page;

import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * What charts show of one thing, in one colour.
 *
 * @param name what readers call it
 * @param samples its tables, which have no column in common but those of horizontal axes
 */
public record Curve(String name, List<Samples> samples) {

    /** Copies the list. */
    public Curve {
        samples = List.copyOf(samples);
    }

    /** Whether it has a value for which an axis has a place. */
    boolean isDrawableOn(Axis axis) {
        return valuesOn(axis).anyMatch(axis.scale()::has);
    }

    /** Whether it has any value for an axis, finite or not. */
    boolean has(Axis axis) {
        return valuesOn(axis).findAny().isPresent();
    }

    private DoubleStream valuesOn(Axis axis) {
        return samples.stream()
                .filter(each -> each.columns().containsKey(axis.column()))
                .flatMapToDouble(each -> Arrays.stream(each.columns().get(axis.column())));
    }
}
