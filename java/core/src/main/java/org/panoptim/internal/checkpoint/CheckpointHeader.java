package org.panoptim.internal.checkpoint;

import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Rules;
import org.panoptim.spi.Counters;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.DimensionOrder;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;

/**
 * What a checkpoint says in its metadata: all but the states themselves.
 *
 * @param counters step, skipped steps and loss scale
 * @param dynamicLossScale whether the loss scale followed the gradients; files of earlier versions
 *     do not say, and theirs is taken for one that did
 * @param schedule what the schedule remembers
 * @param groups the groups, in registration order
 * @param leaves into how many micro-batches the steps of a team are cut, if one saved it
 * @param transform what a transform says of itself; its keys begin with {@code transform.}
 */
record CheckpointHeader(
        Counters counters,
        boolean dynamicLossScale,
        Map<String, Double> schedule,
        List<Group> groups,
        OptionalInt leaves,
        Map<String, String> transform) {

    static final String FORMAT_KEY = "format";
    static final String FORMAT = "panoptim-optimizer-1";
    static final String STEP = "step";
    private static final String DYNAMIC = "loss_scale.dynamic";
    private static final String LEAVES = "leaves";
    private static final String TRANSFORM = "transform.";

    /** All keys but the transform's. */
    private static final Set<String> KEYS =
            Set.of(
                    FORMAT_KEY,
                    STEP,
                    "skipped",
                    "growth_tracker",
                    "loss_scale",
                    DYNAMIC,
                    "schedule",
                    "groups",
                    LEAVES);

    /** Longer texts are not parsed unless the optimizer is large: they may take much memory. */
    private static final int LONGEST_TEXT = 1 << 20;

    /** A group: its name, its rule by name and settings, and its parameters. */
    record Group(
            String name,
            String rule,
            Map<String, String> settings,
            boolean frozen,
            List<Tensor> parameters) {
        Group {
            settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
            parameters = List.copyOf(parameters);
        }
    }

    /**
     * A parameter: its name, the shape of its memory, the order of its dimensions there (files of
     * earlier versions do not say, and theirs is taken for contiguous), and the steps that it has
     * taken.
     */
    record Tensor(String name, List<Long> shape, DimensionOrder order, String dtype, long count) {
        Tensor {
            shape = List.copyOf(shape);
            Counters.require("count", count);
        }
    }

    static CheckpointHeader of(StepPlan plan, Execution execution, OptionalInt leaves) {
        var groups =
                plan.groups().stream()
                        .map(
                                group ->
                                        new Group(
                                                group.name(),
                                                group.rule().name(),
                                                Rules.settings(group.rule()),
                                                group.frozen(),
                                                group.parameters().stream()
                                                        .map(p -> tensor(p, execution))
                                                        .toList()))
                        .toList();
        return new CheckpointHeader(
                execution.outcome().counters(),
                plan.lossScale() instanceof LossScale.Dynamic,
                new TreeMap<>(plan.schedule().state()),
                groups,
                leaves,
                plan.curvature().map(CurvatureTransform::metadata).orElse(Map.of()));
    }

    private static Tensor tensor(Parameter parameter, Execution execution) {
        return new Tensor(
                parameter.name(),
                parameter.shape().dimensions(),
                parameter.order(),
                parameter.dtype().name(),
                execution.count(parameter));
    }

    /**
     * The metadata of a file.
     *
     * @param plan of the optimizer that this is a header of
     * @throws IllegalStateException if something is longer than {@link #parse} takes
     */
    SequencedMap<String, String> toMetadata(StepPlan plan) {
        var metadata = new LinkedHashMap<String, String>();
        metadata.put(FORMAT_KEY, FORMAT);
        metadata.put(STEP, String.valueOf(counters.step()));
        metadata.put("skipped", String.valueOf(counters.skipped()));
        metadata.put("growth_tracker", String.valueOf(counters.growthTracker()));
        metadata.put("loss_scale", String.valueOf(counters.lossScale()));
        metadata.put(DYNAMIC, String.valueOf(dynamicLossScale));
        metadata.put("schedule", CheckpointJson.ofSchedule(schedule));
        metadata.put("groups", CheckpointJson.ofGroups(groups));
        requireLength("what the schedule remembers", metadata.get("schedule"), LONGEST_TEXT);
        requireLength("the list of groups", metadata.get("groups"), longestGroups(plan));
        leaves.ifPresent(count -> metadata.put(LEAVES, String.valueOf(count)));
        new TreeMap<>(transform).forEach((key, value) -> metadata.put(TRANSFORM + key, value));
        return metadata;
    }

    /**
     * Reads the metadata of a file.
     *
     * @param plan of the optimizer that the file is loaded into, which bounds what is parsed
     */
    static CheckpointHeader parse(Path file, Map<String, String> metadata, StepPlan plan)
            throws CheckpointException {
        requireFormat(file, metadata, FORMAT);
        checkKeys(file, metadata);
        checkLength(file, metadata, "schedule", LONGEST_TEXT);
        checkLength(file, metadata, "groups", longestGroups(plan));
        long step = parse(file, metadata, STEP, Long::valueOf);
        long skipped = parse(file, metadata, "skipped", Long::valueOf);
        long tracker = parse(file, metadata, "growth_tracker", Long::valueOf);
        double scale = parse(file, metadata, "loss_scale", Double::valueOf);
        boolean dynamic =
                !metadata.containsKey(DYNAMIC)
                        || parse(file, metadata, DYNAMIC, CheckpointHeader::parseBoolean);
        var schedule = parse(file, metadata, "schedule", CheckpointJson::schedule);
        var groups = parse(file, metadata, "groups", CheckpointJson::groups);
        var leaves =
                metadata.containsKey(LEAVES)
                        ? OptionalInt.of(parse(file, metadata, LEAVES, Integer::valueOf))
                        : OptionalInt.empty();
        var transform = new TreeMap<String, String>();
        metadata.forEach(
                (key, value) -> {
                    if (isOfTransform(key)) {
                        transform.put(key.substring(TRANSFORM.length()), value);
                    }
                });
        try {
            return new CheckpointHeader(
                    new Counters(step, skipped, tracker, scale),
                    dynamic,
                    schedule,
                    groups,
                    leaves,
                    transform);
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(file, String.valueOf(e.getMessage()));
        }
    }

    /** Whether a key of the metadata is a transform's. */
    static boolean isOfTransform(String key) {
        return key.startsWith(TRANSFORM);
    }

    /** Checks what kind of file it is that has the metadata. */
    static void requireFormat(Path file, Map<String, String> metadata, String expected)
            throws CheckpointException {
        var format = metadata.get(FORMAT_KEY);
        if (!expected.equals(format)) {
            throw new CheckpointException(
                    file,
                    "metadata 'format' must be '"
                            + expected
                            + "', but is "
                            + (format == null ? "absent" : "'" + format + "'"));
        }
    }

    /** A key that is not known may be one that a change has made of another. */
    private static void checkKeys(Path file, Map<String, String> metadata)
            throws CheckpointException {
        for (var key : metadata.keySet()) {
            if (!KEYS.contains(key) && !isOfTransform(key)) {
                throw new CheckpointException(file, "metadata '" + key + "' is unknown");
            }
        }
    }

    private static void checkLength(
            Path file, Map<String, String> metadata, String key, long longest)
            throws CheckpointException {
        long length = metadata.getOrDefault(key, "").length();
        if (length > longest) {
            throw new CheckpointException(
                    file,
                    "metadata '%s' has %d characters, more than the %d that this optimizer's may have"
                            .formatted(key, length, longest));
        }
    }

    private static void requireLength(String what, String text, long longest) {
        if (text.length() > longest) {
            throw new IllegalStateException(
                    "%s takes %d characters in a checkpoint, more than the %d that can be loaded"
                            .formatted(what, text.length(), longest));
        }
    }

    /** More characters than a plan's groups take, with every character of a name escaped. */
    private static long longestGroups(StepPlan plan) {
        long longest = LONGEST_TEXT;
        for (var group : plan.groups()) {
            longest += 4096 + 6L * group.name().length();
            for (var parameter : group.parameters()) {
                int dimensions = parameter.shape().dimensions().size();
                longest += 128 + 6L * parameter.name().length() + 20L * dimensions;
            }
        }
        return longest;
    }

    private static boolean parseBoolean(String text) {
        return switch (text) {
            case "true" -> true;
            case "false" -> false;
            default ->
                    throw new IllegalArgumentException(
                            "expected true or false, got '" + text + "'");
        };
    }

    /** Reads a value from text that is not trusted. */
    @FunctionalInterface
    interface Parser<T> {
        T parse(String text) throws IOException;
    }

    /** Reads a value of the metadata, which must be there. */
    static <T> T parse(Path file, Map<String, String> metadata, String key, Parser<T> parser)
            throws CheckpointException {
        var text = metadata.get(key);
        if (text == null) {
            throw new CheckpointException(file, "metadata '" + key + "' is absent");
        }
        try {
            return parser.parse(text);
        } catch (IOException | IllegalArgumentException e) {
            throw new CheckpointException(
                    file, "metadata '" + key + "' cannot be read: " + e.getMessage());
        }
    }
}
