package org.panoptim.kfac;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a checkpoint says of AdaFisher's curvature beside the tensors.
 *
 * @param steps the accepted steps
 */
record AdaFisherMetadata(long steps, List<Layer> layers) {

    private static final String KIND = "ada-fisher";

    /**
     * A layer.
     *
     * @param updates the updates of its diagonals
     * @param refused the contributions that were not finite
     * @param taken the step of the last update, or {@link FactorSchedule#NEVER}
     * @param weight whether that update has reached the weight
     * @param bias whether it has reached the bias
     */
    record Layer(long updates, long refused, long taken, boolean weight, boolean bias) {

        private String format() {
            return "%d %d %d %b %b".formatted(updates, refused, taken, weight, bias);
        }

        /** Older files do not say what was done when. */
        private static Layer parse(String text, long steps, int period) {
            var parts = text.split(" ", -1);
            if (parts.length != 2 && parts.length != 5) {
                throw new IllegalArgumentException("a layer needs two counts, or five entries");
            }
            long updates = KfacMetadata.count(parts[0]);
            long refused = KfacMetadata.count(parts[1]);
            if (parts.length == 2) {
                long due = Math.max(steps - 1, 0) / period * period;
                return new Layer(
                        updates, refused, updates > 0 ? due : FactorSchedule.NEVER, true, true);
            }
            return new Layer(
                    updates,
                    refused,
                    KfacMetadata.stepOrNever(parts[2]),
                    KfacMetadata.truth(parts[3]),
                    KfacMetadata.truth(parts[4]));
        }
    }

    Map<String, String> format(LayerList names) {
        var metadata = new LinkedHashMap<String, String>();
        metadata.put("kind", KIND);
        metadata.put("steps", String.valueOf(steps));
        for (int i = 0; i < layers.size(); i++) {
            metadata.put("layer." + names.get(i).name(), layers.get(i).format());
        }
        return metadata;
    }

    /**
     * Reads {@link #format}.
     *
     * @param period the updates' period, in accepted steps
     * @throws IllegalArgumentException if something is missing or no such value
     */
    static AdaFisherMetadata parse(Map<String, String> metadata, LayerList names, int period) {
        long steps = KfacMetadata.value(metadata, "steps", KfacMetadata::count);
        var layers =
                names.all().stream()
                        .map(
                                layer ->
                                        KfacMetadata.value(
                                                metadata,
                                                "layer." + layer.name(),
                                                text -> Layer.parse(text, steps, period)))
                        .toList();
        return new AdaFisherMetadata(steps, layers);
    }

    /**
     * Checks that a checkpoint is one of AdaFisher's curvature for these layers.
     *
     * @throws IllegalArgumentException if not
     */
    static void check(Map<String, String> metadata, LayerList names, int period) {
        if (!KIND.equals(metadata.get("kind"))) {
            throw new IllegalArgumentException(
                    "the optimizer has AdaFisher's curvature, but the checkpoint has "
                            + metadata.getOrDefault("kind", "none"));
        }
        if (metadata.size() != 2 + names.size()) {
            throw new IllegalArgumentException(
                    "the optimizer has %d layers, but the checkpoint others"
                            .formatted(names.size()));
        }
        parse(metadata, names, period);
    }
}
