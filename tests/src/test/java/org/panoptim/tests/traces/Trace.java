package org.panoptim.tests.traces;

import org.panoptim.Shape;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.tests.Project;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A recorded run, in memory; {@code tests/traces/README.md} describes its tensors.
 *
 * @param name the file's name without its ending
 * @param rule the rule with the recorded settings
 * @param steps how many steps there are
 * @param tensors all tensors of the file, by name
 */
record Trace(String name, UpdateRule rule, int steps, Map<String, Tensor> tensors) {

    private static final String PARAMETER = "param/";
    private static final String ENDING = ".safetensors";

    /** A tensor of a trace. */
    record Tensor(Shape shape, float[] values) {}

    /** All recorded runs. */
    static List<Trace> all() {
        try (var files = Files.list(Project.root().resolve("tests/traces"))) {
            return files.filter(file -> file.toString().endsWith(ENDING))
                    .sorted()
                    .map(Trace::read)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Trace read(Path file) {
        try (var reader = SafetensorsReader.open(file)) {
            var metadata = reader.metadata();
            var tensors = new LinkedHashMap<String, Tensor>();
            for (var info : reader.tensors().values()) {
                tensors.put(
                        info.name(),
                        new Tensor(new Shape(info.shape()), reader.floats(info.name())));
            }
            return new Trace(
                    file.getFileName().toString().replace(ENDING, ""),
                    Rules.with(Rules.named(metadata.get("rule")), settings(metadata.get("set"))),
                    Integer.parseInt(metadata.get("steps")),
                    tensors);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Map<String, String> settings(String set) {
        var settings = new LinkedHashMap<String, String>();
        for (var pair : set.isEmpty() ? new String[0] : set.split(",")) {
            settings.put(
                    pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
        }
        return settings;
    }

    /** The names of the parameters. */
    List<String> parameters() {
        return tensors.keySet().stream()
                .filter(key -> key.startsWith(PARAMETER))
                .map(key -> key.substring(PARAMETER.length()))
                .toList();
    }

    /** A parameter's value at the start. */
    Tensor start(String parameter) {
        return tensors.get(PARAMETER + parameter);
    }

    /** The gradient of a step, if the parameter has one in it. */
    Optional<Tensor> gradient(int step, String parameter) {
        return find("grad/" + step + "/" + parameter);
    }

    /** The curvature of a step, if the parameter has one in it. */
    Optional<Tensor> curvature(int step, String parameter) {
        return find("hess/" + step + "/" + parameter);
    }

    /** A tensor by its full name. */
    Optional<Tensor> find(String key) {
        return Optional.ofNullable(tensors.get(key));
    }

    @Override
    public String toString() {
        return name;
    }
}
