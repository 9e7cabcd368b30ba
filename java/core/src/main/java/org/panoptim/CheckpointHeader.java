package org.panoptim;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.Strictness;
import com.google.gson.reflect.TypeToken;

import org.panoptim.rule.Rules;
import org.panoptim.spi.Counters;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * What a checkpoint says in its metadata: all but the states themselves.
 *
 * @param counters step, skipped steps and loss scale
 * @param schedule what the schedule remembers
 * @param groups the groups, in registration order
 */
record CheckpointHeader(Counters counters, Map<String, Double> schedule, List<Group> groups) {

    private static final String FORMAT = "panoptim-optimizer-1";
    private static final Gson GSON =
            new GsonBuilder()
                    .setStrictness(Strictness.STRICT)
                    .disableHtmlEscaping()
                    .serializeSpecialFloatingPointValues()
                    .create();

    /** A group: its name, its rule by name and settings, and its parameters. */
    record Group(
            String name,
            String rule,
            Map<String, String> settings,
            boolean frozen,
            List<Tensor> parameters) {
        Group {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(rule, "rule");
            settings = new LinkedHashMap<>(settings);
            parameters = List.copyOf(parameters);
        }
    }

    /** A parameter: its name, its shape and the steps that it has taken. */
    record Tensor(String name, List<Long> shape, String dtype, long count) {
        Tensor {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(dtype, "dtype");
            shape = List.copyOf(shape);
            if (count < 0) {
                throw new IllegalArgumentException("count must be at least 0, but is " + count);
            }
        }
    }

    static CheckpointHeader of(StepPlan plan, Execution execution) {
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
                execution.outcome().counters(), new TreeMap<>(plan.schedule().state()), groups);
    }

    private static Tensor tensor(Parameter parameter, Execution execution) {
        return new Tensor(
                parameter.name(),
                parameter.shape().dimensions(),
                parameter.dtype().name(),
                execution.count(parameter));
    }

    Map<String, String> toMetadata() {
        var metadata = new LinkedHashMap<String, String>();
        metadata.put("format", FORMAT);
        metadata.put("step", String.valueOf(counters.step()));
        metadata.put("skipped", String.valueOf(counters.skipped()));
        metadata.put("growth_tracker", String.valueOf(counters.growthTracker()));
        metadata.put("loss_scale", String.valueOf(counters.lossScale()));
        metadata.put("schedule", GSON.toJson(schedule));
        metadata.put("groups", GSON.toJson(groups));
        return metadata;
    }

    static CheckpointHeader parse(Path file, Map<String, String> metadata)
            throws CheckpointException {
        var format = metadata.get("format");
        if (!FORMAT.equals(format)) {
            throw new CheckpointException(
                    file,
                    "metadata 'format' must be '"
                            + FORMAT
                            + "', but is "
                            + (format == null ? "absent" : "'" + format + "'"));
        }
        long step = parse(file, metadata, "step", Long::valueOf);
        long skipped = parse(file, metadata, "skipped", Long::valueOf);
        long tracker = parse(file, metadata, "growth_tracker", Long::valueOf);
        double scale = parse(file, metadata, "loss_scale", Double::valueOf);
        Map<String, Double> schedule =
                parse(
                        file,
                        metadata,
                        "schedule",
                        text -> GSON.fromJson(text, new TypeToken<>() {}));
        List<Group> groups =
                parse(file, metadata, "groups", text -> GSON.fromJson(text, new TypeToken<>() {}));
        try {
            return new CheckpointHeader(
                    new Counters(step, skipped, tracker, scale), schedule, groups);
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(file, String.valueOf(e.getMessage()));
        }
    }

    private static <T> T parse(
            Path file, Map<String, String> metadata, String key, Function<String, T> parser)
            throws CheckpointException {
        var text = metadata.get(key);
        if (text == null) {
            throw new CheckpointException(file, "metadata '" + key + "' is absent");
        }
        try {
            return Objects.requireNonNull(parser.apply(text), "null");
        } catch (RuntimeException e) {
            // The text is not trusted, and the parser reports what is wrong with it in many ways.
            throw new CheckpointException(
                    file, "metadata '" + key + "' cannot be read: " + e.getMessage());
        }
    }
}
