package org.panoptim.cli.run;

import org.panoptim.cli.page.Samples;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/**
 * The curves of one optimizer from several seeds as one: their mean in each row, and behind it, in
 * columns of their own, the least and the greatest value. Rows that not all have are left out.
 */
final class Bands {

    /** Where a point is, which is no result. */
    private static final Set<String> PLACES = Set.of("step", "epoch", "iteration", "seconds");

    private Bands() {}

    /** The tables of one seed as they are, those of several joined. */
    static List<Samples> of(List<List<Samples>> seeds) {
        var first = seeds.getFirst();
        if (seeds.size() == 1) {
            return first;
        }
        var joined = new ArrayList<Samples>();
        for (int i = 0; i < first.size(); i++) {
            int table = i;
            joined.add(joined(seeds.stream().map(samples -> samples.get(table)).toList()));
        }
        return joined;
    }

    private static Samples joined(List<Samples> seeds) {
        int rows = seeds.stream().mapToInt(Samples::rows).min().orElseThrow();
        var columns = new LinkedHashMap<String, double[]>();
        for (var name : seeds.getFirst().columns().keySet()) {
            var values = seeds.stream().map(samples -> samples.columns().get(name)).toList();
            columns.put(name, over(values, rows, Bands::mean));
            if (!PLACES.contains(name)) {
                columns.put(name + Samples.LEAST, over(values, rows, Bands::least));
                columns.put(name + Samples.GREATEST, over(values, rows, Bands::greatest));
            }
        }
        return new Samples(columns);
    }

    private static double[] over(
            List<double[]> seeds, int rows, ToDoubleFunction<double[]> figure) {
        return IntStream.range(0, rows)
                .mapToObj(row -> seeds.stream().mapToDouble(values -> values[row]).toArray())
                .mapToDouble(figure)
                .toArray();
    }

    private static double mean(double[] values) {
        return DoubleStream.of(values).average().orElseThrow();
    }

    private static double least(double[] values) {
        return DoubleStream.of(values).min().orElseThrow();
    }

    private static double greatest(double[] values) {
        return DoubleStream.of(values).max().orElseThrow();
    }
}
