package org.panoptim.internal.lbfgs;

import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.checkpoint.LoadOption;
import org.panoptim.internal.checkpoint.Checkpoint;
import org.panoptim.parameter.Parameter;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.safetensors.SafetensorsWriter;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * Writes what L-BFGS has come to to a file, and takes it up from one. Vectors are tensors, a part
 * for each parameter, with the names that PyTorch's states have; numbers are metadata, as text that
 * reads back to the same bits.
 */
public final class StoredDescent {

    private static final String FORMAT = "panoptim-lbfgs-1";
    private static final String ORDER = "order/";

    private StoredDescent() {}

    /** Writes the file, atomically. */
    public static void save(Path file, Descent descent, List<Parameter> parameters)
            throws IOException {
        var writer = new SafetensorsWriter().checksums().metadata(metadata(descent, parameters));
        descent.states()
                .forEach(
                        (name, state) ->
                                writer.tensor(
                                        name,
                                        state.dtype(),
                                        state.shape().dimensions(),
                                        (chunk, offset) -> state.read(offset, chunk)));
        writer.write(file);
    }

    private static Map<String, String> metadata(Descent descent, List<Parameter> parameters) {
        var progress = descent.progress();
        var metadata = new LinkedHashMap<String, String>();
        metadata.put("format", FORMAT);
        metadata.put("n_iter", String.valueOf(progress.iterations()));
        metadata.put("func_evals", String.valueOf(progress.evaluations()));
        metadata.put("t", String.valueOf(progress.step()));
        metadata.put("H_diag", String.valueOf(descent.scale()));
        metadata.put(
                "ys",
                String.join(" ", descent.curvatures().stream().map(String::valueOf).toList()));
        metadata.putAll(orders(parameters));
        return metadata;
    }

    /** The parameters in their order, each with the order of its dimensions in memory. */
    private static Map<String, String> orders(List<Parameter> parameters) {
        var orders = new LinkedHashMap<String, String>();
        for (var parameter : parameters) {
            orders.put(ORDER + parameter.name(), parameter.order().dimensions().toString());
        }
        return orders;
    }

    /**
     * Reads and checks the whole file, then takes it up.
     *
     * @param historySize the most pairs that there may be
     * @throws org.panoptim.spi.PartialChangeException if that fails after something was taken up
     */
    public static void load(
            Path file,
            Descent descent,
            List<Parameter> parameters,
            int historySize,
            Set<LoadOption> options)
            throws IOException {
        try (var reader = SafetensorsReader.open(file);
                var arena = Arena.ofConfined()) {
            Checkpoint.checkChecksums(file, reader, options);
            var metadata = new LinkedHashMap<>(reader.metadata());
            require(file, "format", FORMAT, metadata.remove("format"));
            var progress =
                    new Descent.Progress(
                            count(file, metadata, "n_iter"),
                            count(file, metadata, "func_evals"),
                            number(file, metadata, "t"));
            double scale = number(file, metadata, "H_diag");
            var curvatures = curvatures(file, metadata, historySize);
            checkParameters(file, metadata.keySet(), parameters);
            checkOrders(file, metadata, parameters);
            try (var restoration = descent.restoration(curvatures, scale)) {
                restoration.adopt(
                        progress, Checkpoint.stage(file, reader, restoration.states(), arena));
            }
        }
    }

    private static void require(Path file, String key, String expected, String found)
            throws CheckpointException {
        if (!expected.equals(found)) {
            throw new CheckpointException(
                    file,
                    "metadata '%s' must be '%s', but is %s"
                            .formatted(
                                    key, expected, found == null ? "absent" : "'" + found + "'"));
        }
    }

    private static long count(Path file, Map<String, String> metadata, String key)
            throws CheckpointException {
        return parse(
                file,
                metadata,
                key,
                text -> {
                    long count = Long.parseLong(text);
                    if (count < 0) {
                        throw new IllegalArgumentException("it is below 0");
                    }
                    return count;
                });
    }

    private static double number(Path file, Map<String, String> metadata, String key)
            throws CheckpointException {
        return parse(file, metadata, key, StoredDescent::finite);
    }

    private static double finite(String text) {
        double value = Double.parseDouble(text);
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException(value + " is not finite");
        }
        return value;
    }

    private static List<Double> curvatures(Path file, Map<String, String> metadata, int historySize)
            throws CheckpointException {
        var curvatures =
                parse(
                        file,
                        metadata,
                        "ys",
                        text -> {
                            var all = new ArrayList<Double>();
                            for (var each : text.isEmpty() ? new String[0] : text.split(" ")) {
                                all.add(finite(each));
                            }
                            return all;
                        });
        if (curvatures.size() > historySize) {
            throw new CheckpointException(
                    file,
                    "it has a history of %d pairs, more than the %d that this one may have"
                            .formatted(curvatures.size(), historySize));
        }
        return curvatures;
    }

    private static <T> T parse(
            Path file, Map<String, String> metadata, String key, Function<String, T> parser)
            throws CheckpointException {
        var text = metadata.remove(key);
        if (text == null) {
            throw new CheckpointException(file, "metadata '" + key + "' is absent");
        }
        try {
            return parser.apply(text);
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(
                    file, "metadata '" + key + "' cannot be read: " + e.getMessage());
        }
    }

    private static void checkParameters(Path file, Set<String> metadata, List<Parameter> parameters)
            throws CheckpointException {
        var own = parameters.stream().map(Parameter::name).toList();
        var saved =
                metadata.stream()
                        .filter(key -> key.startsWith(ORDER))
                        .map(key -> key.substring(ORDER.length()))
                        .toList();
        var problems = new ArrayList<String>();
        firstOf(own, saved).ifPresent(name -> problems.add("'" + name + "' is not in the file"));
        firstOf(saved, own)
                .ifPresent(name -> problems.add("'" + name + "' is not in the optimizer"));
        if (!problems.isEmpty()) {
            throw new CheckpointException(
                    file, "it is of other parameters: " + String.join("; ", problems));
        }
    }

    /** The first name that is not among others. */
    private static Optional<String> firstOf(List<String> names, List<String> others) {
        var known = Set.copyOf(others);
        return names.stream().filter(name -> !known.contains(name)).findFirst();
    }

    private static void checkOrders(
            Path file, Map<String, String> metadata, List<Parameter> parameters)
            throws CheckpointException {
        for (var entry : orders(parameters).entrySet()) {
            require(file, entry.getKey(), entry.getValue(), metadata.remove(entry.getKey()));
        }
        if (!metadata.isEmpty()) {
            throw new CheckpointException(
                    file, "metadata '" + metadata.keySet().iterator().next() + "' is unknown");
        }
    }
}
