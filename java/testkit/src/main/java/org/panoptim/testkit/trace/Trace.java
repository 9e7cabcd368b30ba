package org.panoptim.testkit.trace;

import org.panoptim.rule.UpdateRule;
import org.panoptim.safetensors.SafetensorsException;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.safetensors.TensorInfo;
import org.panoptim.tensor.DType;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.Stream;

/**
 * A recorded run: initial values, and the gradients and curvatures of every step. It is checked as
 * a whole when it is opened; the tensors stay in the file until they are read.
 *
 * <p>Tensors are named {@code param/NAME}, {@code grad/STEP/NAME} and {@code hess/STEP/NAME};
 * others are ignored, whatever their type.
 */
public final class Trace implements AutoCloseable {

    private static final String PARAMETER = "param/";
    private static final String GRADIENT = "grad/";
    private static final String CURVATURE = "hess/";

    /** The tensors of one step, by parameter. */
    private record Step(Map<String, TensorInfo> gradients, Map<String, TensorInfo> curvatures) {
        Step() {
            this(new HashMap<>(), new HashMap<>());
        }
    }

    private final Path file;
    private final SafetensorsReader reader;
    private final TraceHeader header;
    private final SequencedMap<String, TensorInfo> parameters = new LinkedHashMap<>();
    private final Map<Long, Step> steps = new HashMap<>();

    private Trace(Path file, SafetensorsReader reader) throws IOException {
        this.file = file;
        this.reader = reader;
        this.header = TraceHeader.parse(file, reader.metadata());
        checkTypes();
        collectParameters();
        collectSteps();
        checkSteps();
    }

    /**
     * Opens a trace and checks it.
     *
     * @throws IOException if it cannot be read or is no complete trace, with the location and the
     *     reason
     */
    public static Trace open(Path file) throws IOException {
        var reader = SafetensorsReader.open(file);
        try {
            return new Trace(file, reader);
        } catch (IOException | RuntimeException e) {
            reader.close();
            throw e;
        }
    }

    /**
     * Tensors of other types than ours are ignored like all others, unless the name claims a
     * meaning.
     */
    private void checkTypes() throws SafetensorsException {
        for (var name : reader.unreadable().keySet()) {
            if (Stream.of(PARAMETER, GRADIENT, CURVATURE).anyMatch(name::startsWith)) {
                throw SafetensorsException.forTensor(
                        file, name, "expected dtype F32, found " + reader.unreadable().get(name));
            }
        }
    }

    private void collectParameters() throws SafetensorsException {
        for (var tensor : reader.tensors().values()) {
            if (tensor.name().startsWith(PARAMETER)) {
                var name = tensor.name().substring(PARAMETER.length());
                if (name.isEmpty()) {
                    throw problem(tensor, "expected a parameter's name after param/");
                }
                checkType(tensor);
                parameters.put(name, tensor);
            }
        }
        if (parameters.isEmpty()) {
            throw new SafetensorsException(file, "tensors", "expected param/NAME, found none");
        }
    }

    private void collectSteps() throws SafetensorsException {
        for (var tensor : reader.tensors().values()) {
            if (tensor.name().startsWith(GRADIENT)) {
                collect(tensor, GRADIENT);
            } else if (tensor.name().startsWith(CURVATURE)) {
                if (!takesCurvature()) {
                    throw problem(tensor, "rule " + rule().name() + " takes no curvature");
                }
                collect(tensor, CURVATURE);
            }
        }
    }

    private boolean takesCurvature() {
        return rule().takesCurvature();
    }

    private void collect(TensorInfo tensor, String prefix) throws SafetensorsException {
        int slash = tensor.name().indexOf('/', prefix.length());
        if (slash < 0) {
            throw problem(tensor, "expected a name of the form " + prefix + "STEP/NAME");
        }
        long number = stepNumber(tensor, tensor.name().substring(prefix.length(), slash));
        var parameter = tensor.name().substring(slash + 1);
        checkFits(tensor, parameter);
        var step = steps.computeIfAbsent(number, _ -> new Step());
        (prefix.equals(GRADIENT) ? step.gradients() : step.curvatures()).put(parameter, tensor);
    }

    private long stepNumber(TensorInfo tensor, String text) throws SafetensorsException {
        try {
            long number = Long.parseLong(text);
            // Written in one way only, so that no two tensors can mean the same gradient.
            if (number >= 1 && number <= header.steps() && Long.toString(number).equals(text)) {
                return number;
            }
        } catch (NumberFormatException _) {
            // Reported below, as is a number out of range.
        }
        throw problem(tensor, "expected a step in 1…" + header.steps() + ", found '" + text + "'");
    }

    private void checkFits(TensorInfo tensor, String name) throws SafetensorsException {
        var parameter = parameters.get(name);
        if (parameter == null) {
            throw problem(
                    tensor, "there is no tensor 'param/" + name + "' that it could belong to");
        }
        checkType(tensor);
        if (!tensor.shape().equals(parameter.shape())) {
            throw problem(
                    tensor,
                    "expected the shape of its parameter, "
                            + parameter.shape()
                            + ", found "
                            + tensor.shape());
        }
    }

    private void checkType(TensorInfo tensor) throws SafetensorsException {
        if (tensor.dtype() != DType.F32) {
            throw problem(tensor, "expected dtype F32, found " + tensor.dtype());
        }
    }

    private void checkSteps() throws SafetensorsException {
        // Ends at the first gap, so a header that claims many steps costs no more than it has.
        for (long number = 1; number <= header.steps(); number++) {
            var step = steps.get(number);
            if (step == null || step.gradients().isEmpty()) {
                throw new SafetensorsException(
                        file,
                        "step " + number,
                        "expected a gradient for one parameter at least, found none");
            }
            for (var curvature : step.curvatures().entrySet()) {
                if (!step.gradients().containsKey(curvature.getKey())) {
                    throw problem(
                            curvature.getValue(),
                            "there is no gradient in that step, so nothing would use the"
                                    + " curvature");
                }
            }
        }
    }

    /** The rule with its settings. */
    public UpdateRule rule() {
        return header.rule().rule();
    }

    /** The rule with its settings, and those that go with any rule. */
    public ConfiguredRule configured() {
        return header.rule();
    }

    /** The number of steps, at least 1. */
    public long steps() {
        return header.steps();
    }

    /** The metadata, as it stands in the file. */
    public SequencedMap<String, String> metadata() {
        return reader.metadata();
    }

    /** The names of the parameters, in the file's order. */
    public List<String> parameters() {
        return List.copyOf(parameters.keySet());
    }

    /** A parameter's shape. */
    public List<Long> shape(String parameter) {
        return tensor(parameter).shape();
    }

    /** The number of bytes that a parameter's value, or a gradient of it, takes. */
    public long byteSize(String parameter) {
        return tensor(parameter).byteSize();
    }

    private TensorInfo tensor(String parameter) {
        var tensor = parameters.get(parameter);
        if (tensor == null) {
            throw new IllegalArgumentException("there is no parameter '" + parameter + "'");
        }
        return tensor;
    }

    /** Copies a parameter's initial value. */
    public void readValue(String parameter, MemorySegment destination) throws IOException {
        reader.read(tensor(parameter), destination);
    }

    /** Copies a parameter's gradient in a step; false, with nothing copied, if there is none. */
    public boolean readGradient(long step, String parameter, MemorySegment destination)
            throws IOException {
        return read(step(step).gradients(), parameter, destination);
    }

    /** Copies a parameter's curvature in a step; false, with nothing copied, if there is none. */
    public boolean readCurvature(long step, String parameter, MemorySegment destination)
            throws IOException {
        return read(step(step).curvatures(), parameter, destination);
    }

    /** Whether a parameter has curvature in any step. */
    public boolean hasCurvature(String parameter) {
        return steps.values().stream().anyMatch(step -> step.curvatures().containsKey(parameter));
    }

    /** The names of the file's tensors that begin with a prefix, in the file's order. */
    public List<String> names(String prefix) {
        return reader.tensors().keySet().stream().filter(name -> name.startsWith(prefix)).toList();
    }

    /** Any tensor of the file by its whole name, such as an expected result. */
    public Optional<float[]> find(String tensor) throws IOException {
        return reader.tensors().containsKey(tensor)
                ? Optional.of(reader.floats(tensor))
                : Optional.empty();
    }

    private Step step(long number) {
        return steps.getOrDefault(number, new Step(Collections.emptyMap(), Collections.emptyMap()));
    }

    private boolean read(
            Map<String, TensorInfo> tensors, String parameter, MemorySegment destination)
            throws IOException {
        var tensor = tensors.get(parameter);
        if (tensor == null) {
            return false;
        }
        reader.read(tensor, destination);
        return true;
    }

    private SafetensorsException problem(TensorInfo tensor, String problem) {
        return SafetensorsException.forTensor(file, tensor.name(), problem);
    }

    /** Closes the file. */
    @Override
    public void close() throws IOException {
        reader.close();
    }
}
