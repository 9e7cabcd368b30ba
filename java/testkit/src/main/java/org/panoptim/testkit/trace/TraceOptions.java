package org.panoptim.testkit.trace;

import org.panoptim.Optimizer;
import org.panoptim.rule.AdaptiveClip;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.Centralize;
import org.panoptim.rule.Companion;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.Lookahead;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SettingText;
import org.panoptim.step.Averaging;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Settings of an optimizer that go with any rule, by the names that traces and the command line
 * give them. Each is a line in {@link #ALL}: its name, how its value is read ({@link SettingText}),
 * and the builder's method that takes it and checks its range.
 *
 * @param settings those that are given, with their values as text
 */
public record TraceOptions(SequencedMap<String, String> settings) {

    /** None of them. */
    public static final TraceOptions NONE = new TraceOptions(new LinkedHashMap<>());

    /** The decay of a moving average of the parameters. */
    private static final String EMA_DECAY = "ema_decay";

    private static final List<Option<?>> ALL =
            List.of(
                    new Option<>(
                            "centralize",
                            SettingText::flag,
                            (builder, on) -> {
                                if (on) {
                                    builder.companion(new Centralize());
                                }
                            }),
                    new Option<>(
                            "agc",
                            SettingText::number,
                            (builder, clip) -> builder.companion(AdaptiveClip.withClip(clip))),
                    // What bounds the gradient's norm over all parameters.
                    new Option<>(
                            "clip_norm", SettingText::number, Optimizer.Builder::clipGlobalNorm),
                    // What bounds each of its elements.
                    new Option<>("clip_value", SettingText::number, Optimizer.Builder::clipValue),
                    // As torch.optim.swa_utils has it: the first update copies the parameter.
                    new Option<>(
                            EMA_DECAY,
                            SettingText::number,
                            (builder, decay) ->
                                    builder.averaging(Averaging.exponential(decay).startingAt(1))),
                    new Option<>(
                            "hypergradient",
                            SettingText::number,
                            (builder, beta) -> builder.companion(Hypergradient.withBeta(beta))));

    /** Companions with several settings, each by its own name in the record. */
    private static final List<Several> SEVERAL =
            List.of(
                    new Several(
                            Cautious.ofUpdates().withUpdate(false),
                            Map.of(
                                    "cautious",
                                    "update",
                                    "cautious_weight_decay",
                                    "cautious_decay")),
                    new Several(
                            Lookahead.defaults(),
                            Map.of("lookahead_k", "k", "lookahead_alpha", "alpha")));

    /**
     * A companion that is there when one of its settings is given.
     *
     * @param companion with the others
     * @param settings what its settings are called in it, by their names here
     */
    private record Several(Companion companion, Map<String, String> settings) {

        void apply(Optimizer.Builder<?> builder, Map<String, String> given) {
            var own = new LinkedHashMap<String, String>();
            settings.forEach(
                    (name, called) -> {
                        var value = given.get(name);
                        if (value != null) {
                            own.put(called, value.strip());
                        }
                    });
            if (own.isEmpty()) {
                return;
            }
            try {
                builder.companion(Rules.with(companion, own));
            } catch (IllegalArgumentException e) {
                var names = settings.keySet().stream().filter(given::containsKey).sorted();
                throw new IllegalArgumentException(
                        "%s: %s".formatted(String.join(", ", names.toList()), e.getMessage()), e);
            }
        }
    }

    /**
     * A setting.
     *
     * @param name its name
     * @param parse reads its value
     * @param setter hands it to the builder of an optimizer
     */
    private record Option<T>(String name, Function<String, T> parse, Setter<T> setter) {

        private interface Setter<T> {
            void set(Optimizer.Builder<?> builder, T value);
        }

        void apply(Optimizer.Builder<?> builder, String text) {
            try {
                setter.set(builder, parse.apply(text.strip()));
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
            }
        }
    }

    /** Copies the map. */
    public TraceOptions {
        settings = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(settings));
    }

    /** The names of all there are. */
    public static List<String> names() {
        return Stream.concat(
                        ALL.stream().map(Option::name),
                        SEVERAL.stream()
                                .flatMap(several -> several.settings().keySet().stream().sorted()))
                .toList();
    }

    /** The names of those that parameters without moving averages can have. */
    static List<String> namesWithoutAverages() {
        return names().stream().filter(name -> !name.equals(EMA_DECAY)).toList();
    }

    /**
     * Those of some settings that are options, in their order.
     *
     * @param settings values as text by name
     */
    static TraceOptions among(Map<String, String> settings) {
        var options = new LinkedHashMap<String, String>();
        settings.forEach(
                (name, value) -> {
                    if (names().contains(name)) {
                        options.put(name, value);
                    }
                });
        return new TraceOptions(options);
    }

    /** Whether parameters have moving averages, which whoever makes the parameters provides. */
    public boolean averages() {
        return settings.containsKey(EMA_DECAY);
    }

    /**
     * Hands the options to the builder of an optimizer.
     *
     * @throws IllegalArgumentException if a value is none for its option; the message names it
     */
    void applyTo(Optimizer.Builder<?> builder) {
        for (var option : ALL) {
            var text = settings.get(option.name());
            if (text != null) {
                option.apply(builder, text);
            }
        }
        SEVERAL.forEach(several -> several.apply(builder, settings));
    }
}
