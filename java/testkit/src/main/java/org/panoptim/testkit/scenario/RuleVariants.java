package org.panoptim.testkit.scenario;

import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What there is to try of each rule. All else that tries rules takes them from here. */
public final class RuleVariants {

    /**
     * A rule with settings that have a name.
     *
     * @param title what is special about the settings
     */
    public record Variant(String title, UpdateRule rule) {}

    /** Settings by their PyTorch names. The last of each rule is put into every condition. */
    private record Named(String rule, String title, String settings) {

        Variant variant() {
            Map<String, String> values =
                    Arrays.stream(settings.split(","))
                            .filter(setting -> !setting.isEmpty())
                            .map(setting -> setting.split("="))
                            .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
            return new Variant(title, Rules.with(Rules.named(rule), values));
        }
    }

    private static final List<Named> NAMED =
            List.of(
                    new Named("sgd", "defaults", ""),
                    new Named("sgd", "momentum", "lr=0.01,momentum=0.9"),
                    new Named("sgd", "dampening", "lr=0.01,momentum=0.9,dampening=0.3"),
                    new Named("sgd", "nesterov", "lr=0.01,momentum=0.9,nesterov=true"),
                    new Named("sgd", "weight decay", "lr=0.01,weight_decay=0.1"),
                    new Named(
                            "sgd",
                            "nesterov, maximize",
                            "lr=0.01,momentum=0.9,nesterov=true,weight_decay=0.1,maximize=true"),
                    new Named("adam", "defaults", ""),
                    new Named("adam", "weight decay", "lr=0.01,weight_decay=0.1"),
                    new Named("adam", "amsgrad", "lr=0.01,beta2=0.9,amsgrad=true"),
                    new Named("adam", "maximize", "eps=1e-6,maximize=true"),
                    new Named(
                            "adam",
                            "amsgrad, maximize",
                            "lr=0.01,beta1=0.8,weight_decay=0.1,amsgrad=true,maximize=true"),
                    new Named("adamw", "defaults", ""),
                    new Named("adamw", "weight decay", "lr=0.1,weight_decay=2"),
                    new Named("adamw", "amsgrad", "lr=0.01,beta2=0.9,amsgrad=true"),
                    new Named("adamw", "maximize", "eps=1e-6,maximize=true"),
                    new Named(
                            "adamw",
                            "amsgrad, maximize",
                            "lr=0.01,beta1=0.8,weight_decay=0.1,amsgrad=true,maximize=true"),
                    new Named("lion", "defaults", ""),
                    new Named("lion", "weight decay", "lr=0.01,beta1=0.95,weight_decay=0.5"),
                    new Named("sophia-g", "defaults", ""),
                    new Named("sophia-g", "small batch", "lr=0.01,rho=0.5,batch_size=60"),
                    new Named("sophia-g", "maximize", "lr=0.01,maximize=true"),
                    new Named("sophia-h", "defaults", ""),
                    new Named("sophia-h", "weight decay", "lr=0.2,clip=0.02,weight_decay=0.1"),
                    new Named("ada-fisher", "defaults", ""),
                    new Named("ada-fisher", "weight decay", "lr=0.01,weight_decay=0.1"),
                    new Named("ada-fisher", "maximize", "beta1=0.8,damping=1,maximize=true"),
                    new Named(
                            "ada-fisher",
                            "weight decay, maximize",
                            "lr=0.01,damping=0.1,weight_decay=0.1,maximize=true"));

    private static final List<String> FLAGS = List.of("false", "true");

    private static final List<String> DECAYS =
            texts(0.9, 0.999, 0.99, 0.5, 0.0, 0.1, 0.9999999, 1 - 0x1p-24, 1e-10);

    /** Usual values, and ones that vanish in float or are among its largest, by PyTorch name. */
    private static final Map<String, List<String>> VALUES =
            Map.ofEntries(
                    Map.entry(
                            "lr",
                            mostly(
                                    8,
                                    texts(1e-3, 0.1, 0.01, 1),
                                    texts(0, 1e-41, 1e-50, 1e25, 1e28))),
                    Map.entry("momentum", mostly(3, texts(0), DECAYS)),
                    Map.entry("dampening", texts(0, 0, 0.1, 1, 2, -0.5)),
                    Map.entry("weight_decay", texts(0, 0.01, 0.1, 1, 1e-9, 30)),
                    Map.entry("nesterov", FLAGS),
                    Map.entry("maximize", FLAGS),
                    Map.entry("amsgrad", FLAGS),
                    Map.entry("beta1", DECAYS),
                    Map.entry("beta2", DECAYS),
                    Map.entry("eps", texts(1e-8, 1e-8, 1e-3, 0, 1e-40, 1)),
                    Map.entry("rho", texts(0.04, 1, 1e-30, 1e30)),
                    Map.entry("batch_size", texts(1, 480, 5120)),
                    Map.entry("clip", texts(0.01, 1, 1e-40, 1e30)),
                    Map.entry("damping", texts(1e-3, 1, 1e-44, 1.4e-45, 1e38)));

    /** Where a rule's range is another one. */
    private static final Map<String, List<String>> VALUES_OF_RULES =
            Map.of("sophia-h eps", texts(1e-12, 1, 1e-44, 1.4e-45));

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
     * Those of a rule that have names; the last has most of what the rule can do.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static List<Variant> of(String rule) {
        var variants =
                NAMED.stream()
                        .filter(named -> named.rule().equals(rule))
                        .map(Named::variant)
                        .toList();
        if (variants.isEmpty()) {
            throw new IllegalArgumentException("there is no variant of the rule " + rule);
        }
        return variants;
    }

    /** A rule for every kernel of the library. */
    public static Stream<UpdateRule> ofEveryKernel() {
        return Stream.concat(
                Rules.all().stream(),
                Stream.of(
                        SGD.defaults().withMomentum(0.9).withNesterov(true),
                        Adam.defaults().withAmsgrad(true),
                        AdamW.defaults().withAmsgrad(true)));
    }

    /**
     * Values to choose from for a setting, usual ones more than once.
     *
     * @param setting its PyTorch name
     * @throws IllegalArgumentException if none are known
     */
    public static List<String> values(UpdateRule rule, String setting) {
        var values =
                VALUES_OF_RULES.getOrDefault(
                        rule.name() + " " + setting, VALUES.getOrDefault(setting, List.of()));
        if (values.isEmpty()) {
            throw new IllegalArgumentException(
                    "no values are known for " + setting + " of " + rule.name());
        }
        return values;
    }

    /** The rule with these settings, less what cannot go with the others. */
    public static UpdateRule with(UpdateRule rule, Map<String, String> settings) {
        var possible = new LinkedHashMap<>(settings);
        if (number(settings, "momentum") == 0 || number(settings, "dampening") != 0) {
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
                                case "beta1" -> changed.put(key, String.valueOf(retune.beta()));
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
}
