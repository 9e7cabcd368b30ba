package org.panoptim.cli.page;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.ToDoubleFunction;

/**
 * A table of numbers.
 *
 * @param columns all of one length, by name
 */
public record Samples(SequencedMap<String, double[]> columns) {

    /** Behind a column's name: that of the least of several values, whose mean the column has. */
    public static final String LEAST = "_least";

    /** Behind a column's name: that of the greatest. */
    public static final String GREATEST = "_greatest";

    /**
     * A column of points.
     *
     * @param name the same wherever it is the same quantity
     */
    public record Column<T>(String name, ToDoubleFunction<T> value) {}

    /** Copies the map. */
    public Samples {
        columns = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(columns));
        if (columns.values().stream().mapToInt(values -> values.length).distinct().count() > 1) {
            throw new IllegalArgumentException("columns must be of one length");
        }
    }

    /** How many rows there are. */
    public int rows() {
        return columns.values().stream().mapToInt(values -> values.length).findFirst().orElse(0);
    }

    /** A table of points, a row each. */
    public static <T> Samples of(List<T> points, List<Column<T>> columns) {
        var table = new LinkedHashMap<String, double[]>();
        for (var column : columns) {
            table.put(column.name(), points.stream().mapToDouble(column.value()).toArray());
        }
        return new Samples(table);
    }
}
