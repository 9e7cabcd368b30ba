package org.panoptim.testkit.scenario;

import org.panoptim.rule.LARS;
import org.panoptim.rule.RuleSetting;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Variants of each rule to test; everything that tests rules takes them from here. */
public final class RuleVariants {

    /**
     * A rule with settings that have a name.
     *
     * @param title what is special about the settings
     */
    public record Variant(String title, UpdateRule rule) {}

    private static final List<String> FLAGS = List.of("false", "true");

    private static final List<String> DECAYS =
            texts(0.9, 0.999, 0.99, 0.5, 0.0, 0.1, 0.9999999, 1 - 0x1p-24, 1e-10);

    /** Usual values, and ones that vanish in float or are among its largest. */
    private static final Map<RuleSetting.Range, List<String>> VALUES =
            Map.ofEntries(
                    Map.entry(
                            RuleSetting.Range.RATE,
                            mostly(
                                    8,
                                    texts(1e-3, 0.1, 0.01, 1),
                                    texts(0, 1e-41, 1e-50, 1e25, 1e28))),
                    Map.entry(RuleSetting.Range.WEIGHT_DECAY, texts(0, 0.01, 0.1, 1, 1e-9, 30)),
                    Map.entry(RuleSetting.Range.NON_NEGATIVE, texts(1e-8, 1e-8, 1e-3, 0, 1e-40, 1)),
                    Map.entry(
                            RuleSetting.Range.POSITIVE,
                            texts(1, 0.5, 1e-3, 1e-12, 1e-44, 1.4e-45, 1e30)),
                    Map.entry(
                            RuleSetting.Range.NON_POSITIVE, texts(-0.8, -0.8, -0.5, 0, -3, -1e-9)),
                    Map.entry(RuleSetting.Range.DECAY, DECAYS),
                    Map.entry(
                            RuleSetting.Range.OPEN_FRACTION,
                            texts(0.9, 0.999, 0.99, 0.5, 0.1, 0.9999999, 1 - 0x1p-24, 1e-10)),
                    Map.entry(RuleSetting.Range.FRACTION, texts(0.8, 0.5, 0, 1, 1e-42)),
                    Map.entry(
                            RuleSetting.Range.GROWTH, texts(1, 1.02, 2, Double.POSITIVE_INFINITY)),
                    Map.entry(RuleSetting.Range.FINITE, texts(0, 0, 0.1, 1, 2, -0.5)),
                    Map.entry(RuleSetting.Range.COUNT, List.of("0", "1", "3", "1000")),
                    Map.entry(RuleSetting.Range.POSITIVE_COUNT, List.of("1", "2", "3", "1000")),
                    Map.entry(RuleSetting.Range.ITERATIONS, List.of("1", "2", "5", "6")),
                    Map.entry(RuleSetting.Range.FLAG, FLAGS));

    /** A PyTorch name, which two rules may have for settings of different ranges. */
    private record Named(String name, RuleSetting.Range range) {}

    /** Where others matter for a setting. */
    private static final Map<Named, List<String>> VALUES_BY_NAME =
            Map.of(
                    new Named("momentum", RuleSetting.Range.DECAY), mostly(3, texts(0), DECAYS),
                    new Named("rho", RuleSetting.Range.POSITIVE), texts(0.04, 1, 1e-30, 1e30),
                    new Named("batch_size", RuleSetting.Range.POSITIVE), texts(1, 480, 5120),
                    new Named("damping", RuleSetting.Range.POSITIVE),
                            texts(1e-3, 1, 1e-44, 1.4e-45, 1e38));

    private RuleVariants() {}

    private static List<String> texts(double... values) {
        return Arrays.stream(values).mapToObj(Double::toString).toList();
    }

    private static List<String> mostly(int times, List<String> often, List<String> seldom) {
        return Stream.concat(
                        Stream.generate(() -> often).limit(times).flatMap(List::stream),
                        seldom.stream())
                .toList();
    }

    /**
     * A rule's defaults, each of its switches and of the settings that do nothing at 0 by itself,
     * and at last all of them.
     *
     * @throws IllegalArgumentException if there is no such rule
     */
    public static List<Variant> of(String name) {
        var rule = Rules.named(name);
        var variants = new ArrayList<Variant>();
        variants.add(new Variant("defaults", rule));
        var everything = new LinkedHashMap<String, String>();
        for (var setting : rule.descriptor().settings()) {
            unusual(setting)
                    .ifPresent(
                            value -> {
                                everything.put(setting.name(), value);
                                single(rule, setting, value).ifPresent(variants::add);
                            });
        }
        variants.add(new Variant("all together", with(rule, everything)));
        return variants;
    }

    /** What turns a setting on that is off by default, or the other way round. */
    private static Optional<String> unusual(RuleSetting setting) {
        return switch (setting.range()) {
            case FLAG -> Optional.of(String.valueOf(!(boolean) setting.initial()));
            case DECAY, OPEN_FRACTION -> Optional.of(setting.initial().equals(0.0) ? "0.9" : "0.8");
            case WEIGHT_DECAY -> Optional.of("0.1");
            case RATE -> Optional.of("0.01");
            case NON_NEGATIVE, POSITIVE, NON_POSITIVE, FRACTION, FINITE ->
                    Optional.of(setting.initial().equals(0.0) ? "0.3" : halved(setting));
            case GROWTH -> Optional.of("1.02");
            case COUNT, POSITIVE_COUNT, ITERATIONS -> Optional.of("3");
            case ANY -> Optional.empty();
        };
    }

    private static String halved(RuleSetting setting) {
        return String.valueOf((double) setting.initial() / 2);
    }

    /** Some settings need others; these come only with all together. */
    private static Optional<Variant> single(UpdateRule rule, RuleSetting setting, String value) {
        try {
            var changed = Rules.with(rule, Map.of(setting.name(), value));
            return Optional.of(new Variant(setting.name() + "=" + value, changed));
        } catch (IllegalArgumentException _) {
            return Optional.empty();
        }
    }

    /** A rule for every kernel of the library's {@linkplain Rules#exact rules with one result}. */
    public static Stream<UpdateRule> ofEveryKernel() {
        return Rules.exact().stream().flatMap(RuleVariants::ofKernels);
    }

    private static Stream<UpdateRule> ofKernels(UpdateRule rule) {
        var kernels = new LinkedHashMap<String, UpdateRule>();
        for (var combination : combinations(rule)) {
            kernels.putIfAbsent(combination.kernelName(), combination);
        }
        return kernels.values().stream();
    }

    /** A rule with each switch on and off, and decays that may be 0 at 0 and above. */
    private static List<UpdateRule> combinations(UpdateRule rule) {
        var all = new ArrayList<UpdateRule>(List.of(rule));
        for (var setting : rule.descriptor().settings()) {
            boolean chooses =
                    setting.isFlag()
                            || setting.range() == RuleSetting.Range.DECAY
                                    && setting.initial().equals(0.0);
            if (chooses) {
                var value = unusual(setting).orElseThrow();
                for (var each : List.copyOf(all)) {
                    try {
                        all.add(Rules.with(each, Map.of(setting.name(), value)));
                    } catch (IllegalArgumentException _) {
                        // Not with the others.
                    }
                }
            }
        }
        return all;
    }

    /**
     * Values to choose from for a setting, usual ones more than once.
     *
     * @param name its PyTorch name
     * @throws IllegalArgumentException if the rule has no such setting
     */
    public static List<String> values(UpdateRule rule, String name) {
        for (var setting : rule.descriptor().settings()) {
            if (setting.name().equals(name)) {
                return VALUES_BY_NAME.getOrDefault(
                        new Named(name, setting.range()), VALUES.get(setting.range()));
            }
        }
        throw new IllegalArgumentException("rule " + rule.name() + " has no setting " + name);
    }

    /** The rule with these settings, less what cannot go with the others. */
    public static UpdateRule with(UpdateRule rule, Map<String, String> settings) {
        var possible = new LinkedHashMap<>(settings);
        if ((rule instanceof SGD || rule instanceof LARS)
                && (number(settings, "momentum") == 0 || number(settings, "dampening") != 0)) {
            possible.computeIfPresent("nesterov", (_, _) -> "false");
        }
        return Rules.with(rule, possible);
    }

    private static double number(Map<String, String> settings, String name) {
        return Double.parseDouble(settings.getOrDefault(name, "0"));
    }

    /** A rule with other settings and the same states. */
    static UpdateRule retuned(UpdateRule rule, Scenario.Retune retune) {
        var changed = new LinkedHashMap<String, String>();
        Rules.settings(rule)
                .forEach(
                        (key, old) -> {
                            switch (key) {
                                case "lr" -> changed.put(key, String.valueOf(retune.rate()));
                                case "weight_decay" ->
                                        changed.put(key, String.valueOf(retune.weightDecay()));
                                case "beta1" ->
                                        changed.put(
                                                key,
                                                String.valueOf(
                                                        mayBeZero(rule, key)
                                                                ? retune.beta()
                                                                : (1 + retune.beta()) / 2));
                                case "maximize" ->
                                        changed.put(key, old.equals("true") ? "false" : "true");
                                // Without momentum there is no state for it, and there stays none.
                                case "momentum" ->
                                        changed.put(
                                                key,
                                                Double.parseDouble(old) == 0
                                                        ? old
                                                        : String.valueOf((1 + retune.beta()) / 2));
                                default -> {}
                            }
                        });
        return Rules.with(rule, changed);
    }

    private static boolean mayBeZero(UpdateRule rule, String setting) {
        return rule.descriptor().settings().stream()
                .filter(each -> each.name().equals(setting))
                .noneMatch(each -> each.range() == RuleSetting.Range.OPEN_FRACTION);
    }
}
