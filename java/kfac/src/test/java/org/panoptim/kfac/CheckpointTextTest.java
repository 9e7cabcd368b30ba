package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.LinkedHashMap;
import java.util.Map;

/** What curvature says of itself in a checkpoint, of this version and of older ones. */
class CheckpointTextTest {

    private static Map<String, String> with(Map<String, String> metadata, String... entries) {
        var changed = new LinkedHashMap<>(metadata);
        for (int i = 0; i < entries.length; i += 2) {
            changed.put(entries[i], entries[i + 1]);
        }
        return changed;
    }

    private static Map<String, String> without(Map<String, String> metadata, String key) {
        var changed = new LinkedHashMap<>(metadata);
        changed.remove(key);
        return changed;
    }

    private static KfacLayers kfac(int factorPeriod, int inversePeriod) {
        return new KfacLayers(
                builder -> builder.factorPeriod(factorPeriod).inversePeriod(inversePeriod));
    }

    private static void load(KfacLayers layers, Map<String, String> metadata) {
        layers.kfac.checkMetadata(metadata);
        layers.kfac.restore(metadata);
    }

    private static void load(FisherLayers layers, Map<String, String> metadata) {
        layers.curvature.checkMetadata(metadata);
        layers.curvature.restore(metadata);
    }

    @Test
    void ofKfac() {
        try (var layers = kfac(2, 2);
                var loaded = kfac(2, 2)) {
            assertThat(layers.kfac.metadata())
                    .isEqualTo(
                            Map.of(
                                    "kind", "kfac",
                                    "steps", "0",
                                    "damping", "0.01",
                                    "layer.first", "0 0 -1 -1 0 0.0 0.0",
                                    "inputs.first", "0 0.0 0.0 0.0 0",
                                    "outputs.first", "0 0.0 0.0 0.0 0",
                                    "layer.second", "0 0 -1 -1 0 0.0 0.0",
                                    "inputs.second", "0 0.0 0.0 0.0 0",
                                    "outputs.second", "0 0.0 0.0 0.0 0"));
            layers.step(0, "first");
            layers.step(1, "first", "second");
            layers.step(2, "second");
            var metadata = layers.kfac.metadata();
            assertThat(metadata).containsEntry("steps", "3");
            // Of the first layer one update at step 0; of the second one at steps 1 and 2.
            assertThat(metadata.get("layer.first")).startsWith("1 0 0 0 1 ");
            assertThat(metadata.get("layer.second")).startsWith("2 0 2 2 2 ");
            assertThat(metadata.get("inputs.second")).startsWith("2 ");
            load(loaded, metadata);
            for (int i = 0; i < 8; i++) {
                loaded.kfac.states().get(i).set(layers.states().get(i));
            }
            assertThat(loaded.kfac.metadata()).isEqualTo(metadata);
        }
    }

    @Test
    void ofAdaFisher() {
        try (var layers = new FisherLayers(2);
                var loaded = new FisherLayers(2)) {
            layers.optimizer.step();
            layers.accumulate("first");
            layers.optimizer.step();
            layers.optimizer.step();
            layers.accumulate("first", Double.NaN);
            layers.optimizer.step();
            var metadata = layers.curvature.metadata();
            assertThat(metadata)
                    .isEqualTo(
                            Map.of(
                                    "kind", "ada-fisher",
                                    "steps", "4",
                                    "layer.first", "1 1 1 true true",
                                    "layer.second", "0 0 -1 true true"));
            // It has taken another update before, of which nothing may be left.
            loaded.accumulate("second");
            loaded.optimizer.step();
            load(loaded, metadata);
            assertThat(loaded.curvature.metadata()).isEqualTo(metadata);
        }
    }

    @Test
    void anUpdateThatWasDueAtTheSaveIsDueUntilOneIsTaken() {
        try (var layers = kfac(2, 2);
                var loaded = kfac(2, 2)) {
            layers.step(0, "first");
            layers.step(1);
            load(loaded, layers.kfac.metadata());
            loaded.accumulate("first", 2, Double.NaN);
            loaded.step(2);
            assertThat(loaded.kfac.factorsDue("first")).isTrue();
        }
    }

    @Test
    void inversesThatHaveSeenAllUpdatesAreNotRefreshedAfterALoad() {
        try (var layers = kfac(1, 2);
                var loaded = kfac(1, 2)) {
            layers.step(0, "first");
            layers.step(1);
            load(loaded, layers.kfac.metadata());
            loaded.step(2);
            assertThat(loaded.kfac.report()).isEmpty();
            loaded.step(3, "first");
            assertThat(loaded.kfac.report()).isPresent();
        }
    }

    @Test
    void inversesThatHaveNotSeenAnUpdateAreRefreshedWhenThatIsDue() {
        try (var layers = kfac(1, 2);
                var loaded = kfac(1, 2)) {
            layers.step(0, "first");
            layers.step(1, "first");
            load(loaded, layers.kfac.metadata());
            loaded.step(2);
            assertThat(loaded.kfac.report()).isPresent();
        }
    }

    /** As an older version wrote it: of a layer its two counts, and two flags of all layers. */
    private static Map<String, String> older(KfacLayers layers) {
        var metadata = new LinkedHashMap<>(layers.kfac.metadata());
        metadata.replaceAll(
                (key, text) ->
                        key.startsWith("layer.")
                                ? text.split(" ")[0] + " " + text.split(" ")[1]
                                : text);
        return with(metadata, "changed", "false", "refreshed", "true");
    }

    @Test
    void inAnOlderFileWhatWasInvertedHasBeenSeen() {
        try (var layers = kfac(1, 2);
                var loaded = kfac(1, 2)) {
            layers.step(0, "first");
            layers.step(1);
            load(loaded, older(layers));
            assertThat(loaded.kfac.metadata().get("layer.first")).startsWith("1 0 1 0 1 ");
            loaded.step(2);
            assertThat(loaded.kfac.report()).isEmpty();
        }
    }

    @Test
    void inAnOlderFileALayerWithoutUpdatesIsDue() {
        try (var layers = kfac(3, 2);
                var loaded = kfac(3, 2)) {
            for (int step = 0; step < 5; step++) {
                layers.step(step, "first");
            }
            load(loaded, older(layers));
            assertThat(loaded.kfac.metadata().get("layer.first")).startsWith("2 0 3 4 ");
            assertThat(loaded.kfac.metadata().get("layer.second")).startsWith("0 0 -1 -1 0 ");
            assertThat(loaded.kfac.factorsDue("first")).isFalse();
            assertThat(loaded.kfac.factorsDue("second")).isTrue();
        }
    }

    @ParameterizedTest
    @CsvSource({
        // Steps, and the last one with a number from 0 and a period of 3 at which it was due.
        "0, 0",
        "1, 0",
        "2, 0",
        "3, 0",
        "4, 3",
        "6, 3",
        "7, 6"
    })
    void inAnOlderFileOfAdaFisherTheLastUpdateWasTheLastThatWasDue(String steps, String taken) {
        try (var layers = new FisherLayers(3)) {
            load(
                    layers,
                    Map.of(
                            "kind", "ada-fisher",
                            "steps", steps,
                            "layer.first", "2 1",
                            "layer.second", "0 0"));
            assertThat(layers.curvature.metadata())
                    .containsEntry("steps", steps)
                    .containsEntry("layer.first", "2 1 " + taken + " true true")
                    .containsEntry("layer.second", "0 0 -1 true true");
        }
    }

    private static void assertRefused(KfacLayers layers, Map<String, String> saved, String why) {
        assertThatThrownBy(() -> layers.kfac.checkMetadata(saved))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(why);
    }

    private static void assertRefused(FisherLayers layers, Map<String, String> saved, String why) {
        assertThatThrownBy(() -> layers.curvature.checkMetadata(saved))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(why);
    }

    @Test
    void whatDoesNotFitKfacIsRefused() {
        try (var layers = kfac(1, 1)) {
            var good = layers.kfac.metadata();
            assertRefused(layers, Map.of(), "the optimizer has K-FAC, but the checkpoint has none");
            assertRefused(
                    layers,
                    with(good, "kind", "ada-fisher"),
                    "the optimizer has K-FAC, but the checkpoint has ada-fisher");
            var others = "the optimizer has 2 layers, but the checkpoint others";
            assertRefused(layers, without(good, "layer.second"), others);
            assertRefused(layers, with(good, "layer.third", "0 0"), others);
            assertRefused(layers, with(good, "changed", "true"), others);
            assertRefused(
                    layers,
                    with(without(good, "inputs.first"), "inputs.third", "0 0 0 0 0"),
                    "'inputs.first' is absent");
            assertRefused(
                    layers,
                    with(good, "layer.first", "1"),
                    "'layer.first' cannot be read: a layer needs two counts, or seven numbers");
            assertRefused(
                    layers,
                    with(good, "layer.first", "1 0 0 0 1 NaN 1"),
                    "'layer.first' cannot be read: a trace must be finite and at least 0, but is"
                            + " NaN");
            assertRefused(
                    layers,
                    with(good, "outputs.second", "1 0.1 1 0 0"),
                    "'outputs.second' tells of 1 updates, but its layer has taken 0");
            assertRefused(
                    layers,
                    with(good, "inputs.first", "0 0"),
                    "'inputs.first' cannot be read: '0 0' is not what a factor remembers");
            assertRefused(
                    layers,
                    with(good, "inputs.first", "0 -1 0 0 0"),
                    "'inputs.first' cannot be read: a factor's damping must be at least 0, but is"
                            + " -1.0");
            assertRefused(
                    layers,
                    with(good, "inputs.first", "0 Infinity 0 0 0"),
                    "'inputs.first' cannot be read: a factor's damping must be finite");
            assertRefused(
                    layers,
                    with(good, "steps", "-1"),
                    "'steps' cannot be read: a count must be from 0 to 2^62, but is -1");
            assertRefused(
                    layers,
                    with(good, "layer.second", "0 x 0 0 0 0 0"),
                    "'layer.second' cannot be read: For input string: \"x\"");
            assertRefused(
                    layers,
                    with(good, "damping", "Infinity"),
                    "'damping' cannot be read: damping must be above 0, but is Infinity");
        }
    }

    @Test
    void whatDoesNotFitAdaFisherIsRefused() {
        try (var layers = new FisherLayers(1)) {
            var good = layers.curvature.metadata();
            assertRefused(
                    layers,
                    Map.of(),
                    "the optimizer has AdaFisher's curvature, but the checkpoint has none");
            assertRefused(
                    layers,
                    with(good, "kind", "kfac"),
                    "the optimizer has AdaFisher's curvature, but the checkpoint has kfac");
            var others = "the optimizer has 2 layers, but the checkpoint others";
            assertRefused(layers, without(good, "layer.second"), others);
            assertRefused(layers, with(good, "layer.third", "0 0"), others);
            assertRefused(
                    layers,
                    with(without(good, "layer.second"), "layer.third", "0 0"),
                    "'layer.second' is absent");
            for (var text : new String[] {"1", "1 0 0", "1 0 0 true true true"}) {
                assertRefused(
                        layers,
                        with(good, "layer.first", text),
                        "'layer.first' cannot be read: a layer needs two counts, or five entries");
            }
            assertRefused(
                    layers,
                    with(good, "layer.first", "1 -1"),
                    "'layer.first' cannot be read: a count must be from 0 to 2^62, but is -1");
            assertRefused(
                    layers,
                    with(good, "layer.first", "1 0 -2 true true"),
                    "'layer.first' cannot be read: a count must be from 0 to 2^62, but is -2");
            assertRefused(
                    layers,
                    with(good, "layer.first", "1 0 0 true 1"),
                    "'layer.first' cannot be read: '1' is no truth value");
        }
    }
}
