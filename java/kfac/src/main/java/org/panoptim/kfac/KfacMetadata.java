package org.panoptim.kfac;

import org.panoptim.spi.Counters;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.function.Function;

/**
 * What a checkpoint holds of a Kfac besides its tensors.
 *
 * @param layers the state of each layer
 * @param steps accepted steps
 * @param damping γ
 * @param histories of each factor's inverse
 */
record KfacMetadata(List<Layer> layers, long steps, double damping, List<FactorHistory> histories) {

    private static final String KIND = "kfac";

    /** What older files say of all layers together. */
    private static final List<String> OF_OLDER_FILES = List.of("changed", "refreshed");

    /**
     * A layer; older files do not say the last five.
     *
     * @param name its name
     * @param updates updates that it has taken
     * @param refused updates that it has dropped
     * @param taken the step of its last update, from 0; -1: none
     * @param refreshed the step at which its inverses were computed, likewise
     * @param seen the updates that it had taken when a refresh last saw it
     * @param inputTrace the trace of the average of its inputs
     * @param outputTrace the trace of that of its output gradients
     */
    record Layer(
            String name,
            long updates,
            long refused,
            OptionalLong taken,
            OptionalLong refreshed,
            OptionalLong seen,
            OptionalDouble inputTrace,
            OptionalDouble outputTrace) {

        String format() {
            return updates
                    + " "
                    + refused
                    + " "
                    + taken.orElseThrow()
                    + " "
                    + refreshed.orElseThrow()
                    + " "
                    + seen.orElseThrow()
                    + " "
                    + inputTrace.orElseThrow()
                    + " "
                    + outputTrace.orElseThrow();
        }

        static Layer parse(String name, String text) {
            var parts = text.split(" ", -1);
            if (parts.length != 2 && parts.length != 7) {
                throw new IllegalArgumentException("a layer needs two counts, or seven numbers");
            }
            boolean older = parts.length == 2;
            return new Layer(
                    name,
                    count(parts[0]),
                    count(parts[1]),
                    older ? OptionalLong.empty() : OptionalLong.of(stepOrNever(parts[2])),
                    older ? OptionalLong.empty() : OptionalLong.of(stepOrNever(parts[3])),
                    older ? OptionalLong.empty() : OptionalLong.of(count(parts[4])),
                    older ? OptionalDouble.empty() : OptionalDouble.of(trace(parts[5])),
                    older ? OptionalDouble.empty() : OptionalDouble.of(trace(parts[6])));
        }

        private static double trace(String text) {
            double value = Double.parseDouble(text);
            if (!(value >= 0 && value < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException(
                        "a trace must be finite and at least 0, but is " + value);
            }
            return value;
        }

        /** The step of the last update: in an older file the last one at which it was due. */
        long taken(long steps, int period) {
            return taken.orElse(updates > 0 ? lastDue(steps, period) : FactorSchedule.NEVER);
        }

        /** The step of the last refresh, likewise. */
        long refreshed(long steps, int period, boolean hasInverses) {
            return refreshed.orElse(hasInverses ? lastDue(steps, period) : FactorSchedule.NEVER);
        }

        /** The updates that a refresh has seen; in an older file those that were inverted. */
        long seen(FactorHistory history) {
            return seen.orElse(history.updates());
        }

        private static long lastDue(long steps, int period) {
            return Math.max(steps - 1, 0) / period * period;
        }
    }

    Map<String, String> format() {
        var metadata = new LinkedHashMap<String, String>();
        metadata.put("kind", KIND);
        metadata.put("steps", String.valueOf(steps));
        metadata.put("damping", String.valueOf(damping));
        for (int i = 0; i < layers.size(); i++) {
            var name = layers.get(i).name();
            metadata.put("layer." + name, layers.get(i).format());
            metadata.put("inputs." + name, histories.get(2 * i).format());
            metadata.put("outputs." + name, histories.get(2 * i + 1).format());
        }
        return metadata;
    }

    /**
     * Reads {@link #format} for these layers.
     *
     * @throws IllegalArgumentException if it is something else, with the reason
     */
    static KfacMetadata parse(Map<String, String> metadata, LayerList layers) {
        if (!KIND.equals(metadata.get("kind"))) {
            throw new IllegalArgumentException(
                    "the optimizer has K-FAC, but the checkpoint has "
                            + metadata.getOrDefault("kind", "none"));
        }
        var names = layers.all().stream().map(each -> each.name()).toList();
        int expected = 3 + 3 * names.size();
        if (OF_OLDER_FILES.stream().allMatch(metadata::containsKey)) {
            expected += OF_OLDER_FILES.size();
        }
        if (metadata.size() != expected) {
            throw new IllegalArgumentException(
                    "the optimizer has %d layers, but the checkpoint others"
                            .formatted(names.size()));
        }
        var parsed = new ArrayList<Layer>();
        var histories = new ArrayList<FactorHistory>();
        for (var name : names) {
            var layer = value(metadata, "layer." + name, text -> Layer.parse(name, text));
            parsed.add(layer);
            histories.add(history(metadata, "inputs." + name, layer.updates()));
            histories.add(history(metadata, "outputs." + name, layer.updates()));
        }
        return new KfacMetadata(
                parsed,
                value(metadata, "steps", KfacMetadata::count),
                value(metadata, "damping", KfacMetadata::positive),
                histories);
    }

    private static FactorHistory history(Map<String, String> metadata, String key, long updates) {
        var history = value(metadata, key, FactorHistory::parse);
        if (history.updates() > updates) {
            throw new IllegalArgumentException(
                    "'%s' tells of %d updates, but its layer has taken %d"
                            .formatted(key, history.updates(), updates));
        }
        return history;
    }

    /**
     * Reads an entry.
     *
     * @throws IllegalArgumentException if it is absent or the parser refuses it; its key is named
     */
    static <T> T value(Map<String, String> metadata, String key, Function<String, T> parser) {
        var text = metadata.get(key);
        if (text == null) {
            throw new IllegalArgumentException("'" + key + "' is absent");
        }
        try {
            return parser.apply(text);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "'%s' cannot be read: %s".formatted(key, e.getMessage()), e);
        }
    }

    static long count(String text) {
        long value = Long.parseLong(text);
        Counters.require("a count", value);
        return value;
    }

    static boolean truth(String text) {
        return switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException("'" + text + "' is no truth value");
        };
    }

    /** A step, from 0, or -1 for none. */
    static long stepOrNever(String text) {
        return text.equals("-1") ? FactorSchedule.NEVER : count(text);
    }

    private static double positive(String text) {
        double value = Double.parseDouble(text);
        if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("damping must be above 0, but is " + value);
        }
        return value;
    }
}
