package org.panoptim.monitor;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.SequencedSet;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Writes observations as comma-separated values, with columns that stay what they are. */
final class Csv implements Monitor {

    /** How many names a warning tells. */
    private static final int TOLD = 10;

    private final LineFile file;

    /** The names of the values, without that of the step; null until they are known. */
    private @Nullable SequencedSet<String> columns;

    /** Names without a column that a warning has told of. */
    private final Set<String> leftOut = new HashSet<>();

    private Csv(LineFile file) {
        this.file = file;
        file.firstLine()
                .map(Csv::parse)
                .ifPresent(names -> columns = new LinkedHashSet<>(names.subList(1, names.size())));
    }

    static Csv open(Path path) throws IOException {
        return new Csv(
                LineFile.open(
                        path,
                        line -> parse(line).getFirst().equals(Observation.STEP),
                        torn ->
                                Observation.STEP.startsWith(torn)
                                        || torn.startsWith(Observation.STEP + ",")));
    }

    @Override
    public void write(Observation observation) throws IOException {
        var values = observation.values();
        var names = columns;
        var lines = new StringBuilder();
        if (names == null) {
            names = new LinkedHashSet<>(values.keySet());
            var head = line(Observation.STEP, names.stream().map(Csv::quoted));
            file.cutTorn(torn -> isStart(torn, head.getBytes(StandardCharsets.UTF_8)));
            lines.append(head);
        }
        lines.append(
                line(
                        String.valueOf(observation.step()),
                        names.stream()
                                .map(name -> values.getOrDefault(name, OptionalDouble.empty()))
                                .map(Csv::cell)));
        file.append(lines.toString());
        columns = names;
        tellOfOthers(names, values.keySet());
    }

    /** A run is worth more than a column of its log. */
    private void tellOfOthers(Set<String> names, Collection<String> present) {
        var others =
                present.stream()
                        .filter(name -> !names.contains(name) && !leftOut.contains(name))
                        .toList();
        if (others.isEmpty()) {
            return;
        }
        leftOut.addAll(others);
        var told =
                others.stream().limit(TOLD).collect(Collectors.joining("', '", "'", "'"))
                        + (others.size() > TOLD
                                ? " and %d more".formatted(others.size() - TOLD)
                                : "");
        System.getLogger("org.panoptim")
                .log(
                        System.Logger.Level.WARNING,
                        "{0} has no column for {1}, which stays out: the columns are the names of"
                                + " the first observation",
                        file.path(),
                        told);
    }

    private static boolean isStart(byte[] start, byte[] whole) {
        return start.length <= whole.length
                && Arrays.equals(start, Arrays.copyOf(whole, start.length));
    }

    private static String cell(OptionalDouble value) {
        return value.isPresent() ? String.valueOf(value.getAsDouble()) : "";
    }

    private static String line(String first, Stream<String> others) {
        return Stream.concat(Stream.of(first), others).collect(Collectors.joining(",", "", "\n"));
    }

    private static String quoted(String name) {
        return name.contains(",") || name.contains("\"")
                ? '"' + name.replace("\"", "\"\"") + '"'
                : name;
    }

    /** The cells of a line; there is one at least. */
    private static List<String> parse(String line) {
        var cells = new ArrayList<String>();
        var cell = new StringBuilder();
        boolean inQuotes = false;
        for (int i = 0; i < line.length(); i++) {
            char next = line.charAt(i);
            if (next == '"' && inQuotes && line.startsWith("\"\"", i)) {
                cell.append('"');
                i++;
            } else if (next == '"') {
                inQuotes = !inQuotes;
            } else if (next == ',' && !inQuotes) {
                cells.add(cell.toString());
                cell.setLength(0);
            } else {
                cell.append(next);
            }
        }
        cells.add(cell.toString());
        return cells;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
