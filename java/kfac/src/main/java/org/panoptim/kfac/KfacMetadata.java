package org.panoptim.kfac;

import org.panoptim.spi.Counters;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * What a checkpoint says of a Kfac beside its tensors.
 *
 * @param layers the layers' names
 * @param steps attempted steps
 * @param changed whether factors were updated since the last refresh
 * @param refreshed whether there was a refresh
 * @param damping γ
 * @param updates updates that each layer has taken
 * @param refused updates that each layer has dropped
 * @param memories what is remembered of each factor's inverse
 */
record KfacMetadata(
        List<String> layers,
        long steps,
        boolean changed,
        boolean refreshed,
        double damping,
        List<Long> updates,
        List<Long> refused,
        List<FactorMemory> memories) {

    private static final String KIND = "kfac";

    static KfacMetadata of(Kfac kfac) {
        return kfac.describe();
    }

    Map<String, String> format() {
        var metadata = new LinkedHashMap<String, String>();
        metadata.put("kind", KIND);
        metadata.put("steps", String.valueOf(steps));
        metadata.put("changed", String.valueOf(changed));
        metadata.put("refreshed", String.valueOf(refreshed));
        metadata.put("damping", String.valueOf(damping));
        for (int i = 0; i < layers.size(); i++) {
            metadata.put("layer." + layers.get(i), updates.get(i) + " " + refused.get(i));
            metadata.put("inputs." + layers.get(i), memories.get(2 * i).format());
            metadata.put("outputs." + layers.get(i), memories.get(2 * i + 1).format());
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
        int expected = 5 + 3 * names.size();
        if (metadata.size() != expected) {
            throw new IllegalArgumentException(
                    "the optimizer has %d layers, but the checkpoint others"
                            .formatted(names.size()));
        }
        var updates = new ArrayList<Long>();
        var refused = new ArrayList<Long>();
        var memories = new ArrayList<FactorMemory>();
        for (var name : names) {
            var counts = counts(metadata, name);
            updates.add(counts[0]);
            refused.add(counts[1]);
            memories.add(memory(metadata, "inputs." + name, counts[0]));
            memories.add(memory(metadata, "outputs." + name, counts[0]));
        }
        return new KfacMetadata(
                names,
                value(metadata, "steps", KfacMetadata::count),
                value(metadata, "changed", KfacMetadata::truth),
                value(metadata, "refreshed", KfacMetadata::truth),
                value(metadata, "damping", KfacMetadata::positive),
                updates,
                refused,
                memories);
    }

    private static FactorMemory memory(Map<String, String> metadata, String key, long updates) {
        var memory = value(metadata, key, FactorMemory::parse);
        if (memory.updates() > updates) {
            throw new IllegalArgumentException(
                    "'%s' tells of %d updates, but its layer has taken %d"
                            .formatted(key, memory.updates(), updates));
        }
        return memory;
    }

    /** The updates that a layer has taken and dropped. */
    static long[] counts(Map<String, String> metadata, String layer) {
        var counts = value(metadata, "layer." + layer, text -> text.split(" ", -1));
        if (counts.length != 2) {
            throw new IllegalArgumentException("layer '" + layer + "' needs two counts");
        }
        return new long[] {count(counts[0]), count(counts[1])};
    }

    static <T> T value(Map<String, String> metadata, String key, Function<String, T> parser) {
        var text = metadata.get(key);
        if (text == null) {
            throw new IllegalArgumentException("'" + key + "' is absent");
        }
        return parser.apply(text);
    }

    static long count(String text) {
        long value = Long.parseLong(text);
        Counters.require("a count", value);
        return value;
    }

    private static boolean truth(String text) {
        return switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException("'" + text + "' is no truth value");
        };
    }

    private static double positive(String text) {
        double value = Double.parseDouble(text);
        if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("damping must be above 0, but is " + value);
        }
        return value;
    }
}
