package org.panoptim.cli.run;

import org.panoptim.cli.page.Samples;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The curves of a run as a table for spreadsheets and data frames: a row for each optimizer, seed
 * and point, a column for each quantity, empty where a point has none.
 */
final class MetricsCsv {

    private MetricsCsv() {}

    static String of(RunRecord run) {
        var columns = new LinkedHashSet<String>();
        run.contenders()
                .forEach(
                        contender ->
                                contender.runs().stream()
                                        .flatMap(each -> each.samples().stream())
                                        .forEach(each -> columns.addAll(each.columns().keySet())));
        var titles = new ArrayList<>(List.of("optimizer", "seed"));
        titles.addAll(columns);
        var lines = new ArrayList<>(List.of(String.join(",", titles)));
        for (var contender : run.contenders()) {
            for (var each : contender.runs()) {
                var begin = quoted(contender.entry()) + "," + each.seed();
                for (var samples : each.samples()) {
                    lines.addAll(rows(begin, samples, columns));
                }
            }
        }
        return lines.stream().map(line -> line + "\n").collect(Collectors.joining());
    }

    private static List<String> rows(String begin, Samples samples, LinkedHashSet<String> columns) {
        var rows = new ArrayList<String>();
        for (int row = 0; row < samples.rows(); row++) {
            var line = new StringBuilder(begin);
            for (var column : columns) {
                var values = samples.columns().get(column);
                line.append(',').append(values == null ? "" : number(values[row]));
            }
            rows.add(line.toString());
        }
        return rows;
    }

    private static String number(double value) {
        return value == (long) value ? Long.toString((long) value) : Double.toString(value);
    }

    private static String quoted(String name) {
        return name.matches("[^\",\n\r]*") ? name : '"' + name.replace("\"", "\"\"") + '"';
    }
}
