package org.panoptim.cli.verify;

import org.panoptim.LossScale;
import org.panoptim.NonFinitePolicy;
import org.panoptim.Schedule;
import org.panoptim.rule.PhasedRule;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The scenarios of {@code panoptim verify}: every rule's variants, each rule in every condition.
 */
public final class Scenarios {

    private static final List<Integer> SIZES = List.of(64, 7, 1000, 1);

    /** Around the widths of vectors and the block of a reduction, with nothing first and last. */
    private static final List<Integer> ODD_SIZES =
            List.of(
                    0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 127, 129, 255, 4095,
                    4096, 4097, 12289, 0);

    /** Enough for several threads, and no multiple of anything. */
    private static final List<Integer> LARGE_SIZES = List.of(300_007, 5, 70_001);

    private static final int STEPS = 6;

    /** What is special about a rule's hyper-parameters, by their PyTorch names. */
    private record Variant(String rule, String title, String settings) {

        UpdateRule make() {
            Map<String, String> values =
                    Arrays.stream(settings.split(","))
                            .filter(setting -> !setting.isEmpty())
                            .map(setting -> setting.split("="))
                            .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
            return Rules.with(Rules.named(rule), values);
        }
    }

    /** The last of each rule is the one that is put into every condition. */
    private static final List<Variant> VARIANTS =
            List.of(
                    new Variant("sgd", "defaults", ""),
                    new Variant("sgd", "momentum", "lr=0.01,momentum=0.9"),
                    new Variant("sgd", "dampening", "lr=0.01,momentum=0.9,dampening=0.3"),
                    new Variant("sgd", "nesterov", "lr=0.01,momentum=0.9,nesterov=true"),
                    new Variant("sgd", "weight decay", "lr=0.01,weight_decay=0.1"),
                    new Variant(
                            "sgd",
                            "nesterov, maximize",
                            "lr=0.01,momentum=0.9,nesterov=true,weight_decay=0.1,maximize=true"),
                    new Variant("adam", "defaults", ""),
                    new Variant("adam", "weight decay", "lr=0.01,weight_decay=0.1"),
                    new Variant("adam", "amsgrad", "lr=0.01,beta2=0.9,amsgrad=true"),
                    new Variant("adam", "maximize", "eps=1e-6,maximize=true"),
                    new Variant(
                            "adam",
                            "amsgrad, maximize",
                            "lr=0.01,beta1=0.8,weight_decay=0.1,amsgrad=true,maximize=true"),
                    new Variant("adamw", "defaults", ""),
                    new Variant("adamw", "weight decay", "lr=0.1,weight_decay=2"),
                    new Variant("adamw", "amsgrad", "lr=0.01,beta2=0.9,amsgrad=true"),
                    new Variant("adamw", "maximize", "eps=1e-6,maximize=true"),
                    new Variant(
                            "adamw",
                            "amsgrad, maximize",
                            "lr=0.01,beta1=0.8,weight_decay=0.1,amsgrad=true,maximize=true"),
                    new Variant("lion", "defaults", ""),
                    new Variant("lion", "weight decay", "lr=0.01,beta1=0.95,weight_decay=0.5"),
                    new Variant("sophia-g", "defaults", ""),
                    new Variant("sophia-g", "small batch", "lr=0.01,rho=0.5,batch_size=60"),
                    new Variant("sophia-g", "maximize", "lr=0.01,maximize=true"),
                    new Variant("sophia-h", "defaults", ""),
                    new Variant("sophia-h", "weight decay", "lr=0.2,clip=0.02,weight_decay=0.1"),
                    new Variant("ada-fisher", "defaults", ""),
                    new Variant("ada-fisher", "weight decay", "lr=0.01,weight_decay=0.1"),
                    new Variant("ada-fisher", "maximize", "beta1=0.8,damping=1,maximize=true"),
                    new Variant(
                            "ada-fisher",
                            "weight decay, maximize",
                            "lr=0.01,damping=0.1,weight_decay=0.1,maximize=true"));

    private Scenarios() {}

    /** All of them, by rule in the library's order. */
    public static List<Scenario> all() {
        return Rules.all().stream().flatMap(rule -> of(rule.name())).toList();
    }

    /**
     * Those of one rule.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Stream<Scenario> of(String rule) {
        var variants = VARIANTS.stream().filter(variant -> variant.rule().equals(rule)).toList();
        if (variants.isEmpty()) {
            throw new IllegalArgumentException("there is no scenario for the rule " + rule);
        }
        var scenarios = new ArrayList<Scenario>();
        for (var variant : variants) {
            scenarios.add(scenario(variant.title(), variant.make(), SIZES));
        }
        scenarios.addAll(conditions(variants.getLast().make()));
        return scenarios.stream();
    }

    private static Scenario scenario(String title, UpdateRule rule, List<Integer> sizes) {
        return scenario(title, STEPS, new Scenario.Group(rule, sizes));
    }

    /** With curvature for a rule that takes it, on every third step and not for every parameter. */
    private static Scenario scenario(String title, int steps, Scenario.Group... groups) {
        var rule = groups[0].rule();
        boolean curved = rule instanceof PhasedRule phased && phased.takesCurvature();
        return Scenario.of(rule.name(), title, steps, List.of(groups))
                .withCurvatureAt(
                        (step, parameter) ->
                                curved && step % 3 == 1 && (step + parameter) % 4 != 0);
    }

    private static List<Scenario> conditions(UpdateRule rule) {
        var group = new Scenario.Group(rule, SIZES);
        return List.of(
                scenario("never any curvature", rule, SIZES).withCurvatureAt((_, _) -> false),
                scenario("odd sizes", 4, new Scenario.Group(rule, ODD_SIZES)),
                scenario("odd sizes at odd addresses", 4, new Scenario.Group(rule, ODD_SIZES))
                        .misaligned(),
                scenario("large tensors", 2, new Scenario.Group(rule, LARGE_SIZES))
                        .withOptions(builder -> builder.clipGlobalNorm(0.5).statistics(true)),
                scenario("clipped", rule, SIZES)
                        .withOptions(
                                builder ->
                                        builder.clipGlobalNorm(0.1)
                                                .statistics(true)
                                                .zeroGradients(true)),
                scenario("clipping that does not bind", rule, SIZES)
                        .withOptions(builder -> builder.clipGlobalNorm(1e6)),
                scenario("fixed loss scale", rule, SIZES)
                        .withOptions(
                                builder ->
                                        builder.lossScale(LossScale.fixed(1024))
                                                .clipGlobalNorm(1e-4)),
                scenario("dynamic loss scale, some overflows", 12, group)
                        .withNumbers(
                                Signal.normal(1),
                                overflowing(0.0005f, Signal.normal(100)),
                                Signal.normal(10))
                        .withOptions(
                                builder ->
                                        builder.lossScale(new LossScale.Dynamic(1024, 2, 0.5, 2))
                                                .zeroGradients(true)),
                scenario("non-finite gradients skipped from the first step on", 8, group)
                        .withNumbers(
                                Signal.normal(1),
                                overflowing(0.0008f, Signal.normal(1)),
                                Signal.normal(1))
                        .withOptions(
                                builder ->
                                        builder.nonFinite(NonFinitePolicy.SKIP)
                                                .zeroGradients(true)),
                scenario("non-finite gradients fail", 8, group)
                        .withNumbers(
                                Signal.normal(1),
                                overflowing(0.0008f, Signal.normal(1)),
                                Signal.normal(1))
                        .withOptions(builder -> builder.nonFinite(NonFinitePolicy.FAIL)),
                scenario("special values", 4, new Scenario.Group(rule, ODD_SIZES))
                        .withNumbers(Signal.special(), Signal.special(), Signal.special()),
                scenario("all magnitudes, denormals included", rule, SIZES)
                        .withNumbers(
                                Signal.magnitudes(-140, 100),
                                Signal.magnitudes(-149, 60),
                                Signal.magnitudes(-149, 60)),
                scenario("zero gradients", rule, SIZES)
                        .withNumbers(
                                Signal.normal(1),
                                random -> random.nextBoolean() ? 0f : -0f,
                                _ -> 0f),
                scenario("gradients absent now and then", rule, SIZES)
                        .withGradientAt((step, parameter) -> (step + parameter) % 3 != 0)
                        .withOptions(builder -> builder.clipGlobalNorm(0.1)),
                scenario("a parameter that joins late and one that never does", rule, SIZES)
                        .withGradientAt(
                                (step, parameter) ->
                                        parameter != 1 && (parameter != 2 || step > 3)),
                scenario(
                                "several groups, changed between steps",
                                8,
                                group,
                                new Scenario.Group(rule.atLearningRate(0.05), List.of(33, 0)),
                                new Scenario.Group(rule.atLearningRate(0), List.of(5)))
                        .withOptions(
                                builder ->
                                        builder.schedule(Schedule.warmupCosine(2, 8))
                                                .clipGlobalNorm(0.1))
                        .withBeforeStep(
                                (step, optimizer) -> {
                                    switch (step) {
                                        case 3 -> optimizer.freeze("g1");
                                        case 4 -> optimizer.learningRate("g0", 0.003);
                                        case 6 -> optimizer.unfreeze("g1");
                                        default -> {}
                                    }
                                }),
                scenario("one-cycle schedule with its momentum", 8, group)
                        .withOptions(builder -> builder.schedule(Schedule.oneCycle(8))));
    }

    /** Now and then an infinity or a NaN. */
    private static Signal overflowing(float share, Signal otherwise) {
        return random -> {
            float drawn = random.nextFloat();
            if (drawn < share) {
                return drawn < share / 2 ? Float.NaN : Float.NEGATIVE_INFINITY;
            }
            return otherwise.next(random);
        };
    }
}
