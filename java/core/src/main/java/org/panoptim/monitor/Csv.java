package org.panoptim.monitor;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Writes observations as comma-separated values, with columns that stay what they are. */
final class Csv implements Monitor {

    private final LineFile file;

    /** The names of the values, without that of the step; empty until they are known. */
    private Optional<List<String>> columns;

    private Csv(LineFile file, Optional<List<String>> columns) {
        this.file = file;
        this.columns = columns;
    }

    static Csv open(Path path) throws IOException {
        var file = LineFile.open(path, line -> parse(line).getFirst().equals(Observation.STEP));
        return new Csv(
                file,
                file.firstLine().map(Csv::parse).map(names -> names.subList(1, names.size())));
    }

    @Override
    public void write(Observation observation) throws IOException {
        var line = new StringBuilder();
        var present = observation.values();
        var names = columns.orElseGet(() -> List.copyOf(present.keySet()));
        requireColumns(names, present.keySet());
        if (columns.isEmpty()) {
            line.append(
                    line(
                            Stream.concat(Stream.of(Observation.STEP), names.stream())
                                    .map(Csv::quoted)));
        }
        var cells =
                names.stream()
                        .map(
                                name ->
                                        Optional.ofNullable(present.get(name))
                                                .map(String::valueOf)
                                                .orElse(""));
        line.append(line(Stream.concat(Stream.of(String.valueOf(observation.step())), cells)));
        file.append(line.toString());
        columns = Optional.of(names);
    }

    private void requireColumns(List<String> names, Collection<String> present) {
        var unknown = new ArrayList<>(present);
        unknown.removeAll(names);
        if (!unknown.isEmpty()) {
            throw new IllegalArgumentException(
                    "%s has no column for '%s'; its columns, which the first observation fixed, are step, %s"
                            .formatted(
                                    file.path(),
                                    String.join("', '", unknown),
                                    String.join(", ", names)));
        }
    }

    private static String line(Stream<String> cells) {
        return cells.collect(Collectors.joining(",", "", "\n"));
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
