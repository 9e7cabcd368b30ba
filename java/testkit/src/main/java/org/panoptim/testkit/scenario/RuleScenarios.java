package org.panoptim.testkit.scenario;

import org.panoptim.rule.LineRule;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.scenario.Scenario.Settings;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Stream;

/** Every rule's variants, and each rule in every condition. */
public final class RuleScenarios {

    /** Around the widths of vectors and the block of a reduction, with nothing first and last. */
    private static final List<Shape> ODD_SIZES =
            ScenarioPlan.vectors(
                    0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 127, 129, 255, 4095,
                    4096, 4097, 12289, 0);

    /** Enough for several threads, and no multiple of anything. */
    private static final List<Shape> LARGE_SIZES = ScenarioPlan.vectors(300_007, 5, 70_001);

    /** Around the sizes of panels, with nothing among them. */
    private static final List<Shape> MATRICES =
            List.of(
                    Shape.of(2, 3),
                    Shape.of(65, 129),
                    Shape.of(9),
                    Shape.of(3, 0),
                    Shape.of(5, 1),
                    Shape.of(2, 63, 5),
                    Shape.of(1, 1025),
                    Shape.of(1, 1),
                    Shape.of(),
                    Shape.of(64, 128),
                    Shape.of(2, 3, 3, 2),
                    Shape.of(130, 4),
                    Shape.of(3, 1023),
                    Shape.of(2, 2049));

    private RuleScenarios() {}

    /**
     * All of them, by rule in the library's order; of {@link Rules#exact}, since bits are compared.
     */
    public static List<Scenario> all() {
        return Rules.exact().stream().flatMap(rule -> of(rule.name())).toList();
    }

    /**
     * Those of one rule.
     *
     * @throws IllegalArgumentException if there is no such rule, or it is none of {@link
     *     Rules#exact}
     */
    public static Stream<Scenario> of(String rule) {
        var variants = RuleVariants.of(rule);
        var last = variants.getLast().rule();
        if (last instanceof MatrixRule) {
            throw new IllegalArgumentException(
                    "rule %s has no scenarios: backends agree on it within bounds, not bit for bit"
                            .formatted(rule));
        }
        return Stream.of(
                        variants.stream()
                                .map(
                                        variant ->
                                                new ScenarioPlan(variant.title(), variant.rule())
                                                        .scenario()),
                        conditions(last),
                        last instanceof LineRule ? ofMatrices(variants) : Stream.<Scenario>empty(),
                        ofPasses(last))
                .flatMap(Function.identity());
    }

    /** A rule that has passes runs them before every other step. */
    private static Stream<Scenario> ofPasses(UpdateRule rule) {
        return rule.passes().isEmpty()
                ? Stream.empty()
                : Stream.of(new ScenarioPlan("its passes", rule).passes(rule.passes()).scenario());
    }

    /** What a rule that sums over rows and columns does beside. */
    private static Stream<Scenario> ofMatrices(List<RuleVariants.Variant> variants) {
        var rule = variants.getLast().rule();
        var plain = Settings.PLAIN;
        var each =
                variants.stream()
                        .map(
                                variant ->
                                        new ScenarioPlan(
                                                        "matrices, " + variant.title(),
                                                        variant.rule())
                                                .sizes(MATRICES)
                                                .steps(3));
        var conditions =
                Stream.of(
                        new ScenarioPlan("matrices at odd addresses, clipped", rule)
                                .sizes(MATRICES)
                                .misaligned()
                                .settings(plain.withClipNorm(0.5).measuring().zeroing()),
                        new ScenarioPlan("matrices of bfloat16, copies and averages", rule)
                                .sizes(MATRICES)
                                .types(
                                        Scenario.Types.of(DType.BF16),
                                        Scenario.Types.of(DType.F32, DType.BF16, DType.F32),
                                        Scenario.Types.of(DType.BF16, DType.F32, DType.BF16))
                                .settings(plain.withClipNorm(0.5).measuring().zeroing()),
                        new ScenarioPlan("averages of matrices that are not updated", rule)
                                .sizes(MATRICES)
                                .types(
                                        Scenario.Types.of(DType.F32, DType.BF16, DType.F32),
                                        Scenario.Types.of(DType.BF16, DType.F32, DType.BF16))
                                .and(rule, MATRICES.reversed())
                                .settings(plain.zeroing())
                                .absent((step, tensor) -> (step + tensor) % 3 == 0)
                                .beforeSteps(Map.of(2, new Scenario.Freeze(1, true))),
                        new ScenarioPlan("matrices of special values", rule)
                                .sizes(MATRICES)
                                .numbers(
                                        Values.Kind.SPECIAL,
                                        Values.Kind.SPECIAL,
                                        Values.Kind.SPECIAL),
                        new ScenarioPlan("matrices of all magnitudes", rule)
                                .sizes(MATRICES)
                                .numbers(
                                        Values.Kind.MODERATE,
                                        Values.Kind.MODERATE,
                                        Values.Kind.MODERATE),
                        new ScenarioPlan("matrices with gradients that are absent or zero", rule)
                                .sizes(MATRICES)
                                .numbers(Values.Kind.ORDINARY, Values.Kind.ZEROS, Values.Kind.ZEROS)
                                .absent((step, tensor) -> (step + tensor) % 3 == 0),
                        new ScenarioPlan("matrices in steps of which some are skipped", rule)
                                .sizes(MATRICES)
                                .scale(1000)
                                .bad((step, tensor) -> step % 3 == 2 && tensor == 1)
                                .settings(
                                        plain.withLossScale(new LossScale.Dynamic(1024, 2, 0.5, 2))
                                                .zeroing()),
                        new ScenarioPlan("matrices in several groups, frozen for a while", rule)
                                .sizes(MATRICES)
                                .and(rule.atLearningRate(0.05), MATRICES.reversed())
                                .settings(plain.measuring().zeroing())
                                .beforeSteps(
                                        Map.of(
                                                3,
                                                new Scenario.Freeze(1, true),
                                                5,
                                                new Scenario.Freeze(1, false))));
        return Stream.concat(each, conditions).map(ScenarioPlan::scenario);
    }

    private static Stream<Scenario> conditions(UpdateRule rule) {
        var plain = Settings.PLAIN;
        return Stream.of(
                        new ScenarioPlan("never any curvature", rule).curved((_, _) -> false),
                        new ScenarioPlan("odd sizes", rule).sizes(ODD_SIZES).steps(4),
                        new ScenarioPlan("odd sizes at odd addresses", rule)
                                .sizes(ODD_SIZES)
                                .steps(4)
                                .misaligned(),
                        new ScenarioPlan("bfloat16, copies and averages", rule)
                                .sizes(ODD_SIZES)
                                .steps(4)
                                .types(
                                        Scenario.Types.of(DType.BF16),
                                        Scenario.Types.of(DType.F32, DType.BF16, DType.F32),
                                        Scenario.Types.FLOATS,
                                        Scenario.Types.of(DType.BF16, DType.F32, DType.BF16))
                                .settings(plain.withClipNorm(0.5).measuring().zeroing()),
                        new ScenarioPlan("averages of what is not updated", rule)
                                .sizes(ODD_SIZES)
                                .steps(4)
                                .misaligned()
                                .types(
                                        Scenario.Types.of(DType.F32, DType.BF16, DType.F32),
                                        Scenario.Types.FLOATS,
                                        Scenario.Types.of(DType.BF16, DType.F32, DType.BF16))
                                .and(rule, ODD_SIZES.reversed())
                                .settings(plain.zeroing())
                                .absent((step, tensor) -> (step + tensor) % 3 == 0)
                                .beforeSteps(Map.of(2, new Scenario.Freeze(1, true))),
                        new ScenarioPlan("large tensors", rule)
                                .sizes(LARGE_SIZES)
                                .steps(2)
                                .settings(plain.withClipNorm(0.5).measuring()),
                        new ScenarioPlan("clipped", rule)
                                .settings(plain.withClipNorm(0.1).measuring().zeroing()),
                        new ScenarioPlan("clipping that does not bind", rule)
                                .settings(plain.withClipNorm(1e6)),
                        new ScenarioPlan("fixed loss scale", rule)
                                .settings(
                                        plain.withLossScale(LossScale.fixed(1024))
                                                .withClipNorm(1e-4)),
                        new ScenarioPlan("dynamic loss scale, some overflows", rule)
                                .steps(12)
                                .scale(1000)
                                .bad((step, tensor) -> step % 4 == 2 && tensor == 2)
                                .settings(
                                        plain.withLossScale(new LossScale.Dynamic(1024, 2, 0.5, 2))
                                                .zeroing()),
                        new ScenarioPlan(
                                        "non-finite gradients skipped from the first step on", rule)
                                .steps(8)
                                .scale(10)
                                .bad(RuleScenarios::isBad)
                                .settings(plain.withPolicy(NonFinitePolicy.SKIP).zeroing()),
                        new ScenarioPlan("non-finite gradients fail", rule)
                                .steps(8)
                                .scale(10)
                                .bad(RuleScenarios::isBad)
                                .settings(plain.withPolicy(NonFinitePolicy.FAIL)),
                        new ScenarioPlan("special values", rule)
                                .sizes(ODD_SIZES)
                                .steps(4)
                                .numbers(
                                        Values.Kind.SPECIAL,
                                        Values.Kind.SPECIAL,
                                        Values.Kind.SPECIAL),
                        new ScenarioPlan("all magnitudes, denormals included", rule)
                                .numbers(
                                        Values.Kind.MODERATE,
                                        Values.Kind.MODERATE,
                                        Values.Kind.MODERATE),
                        new ScenarioPlan("states that are flushed", rule)
                                .sizes(ODD_SIZES)
                                .steps(4)
                                .numbers(
                                        Values.Kind.SPECIAL,
                                        Values.Kind.DENORMALS,
                                        Values.Kind.DENORMALS)
                                .settings(plain.flushingStates()),
                        new ScenarioPlan("zero gradients", rule)
                                .numbers(
                                        Values.Kind.ORDINARY, Values.Kind.ZEROS, Values.Kind.ZEROS),
                        new ScenarioPlan("gradients absent now and then", rule)
                                .absent((step, tensor) -> (step + tensor) % 3 == 0)
                                .settings(plain.withClipNorm(0.1)),
                        new ScenarioPlan(
                                        "a parameter that joins late and one that never does", rule)
                                .absent(
                                        (step, tensor) ->
                                                tensor == 1 || (tensor == 2 && step <= 3)),
                        new ScenarioPlan("several groups, changed between steps", rule)
                                .steps(8)
                                .and(rule.atLearningRate(0.05), ScenarioPlan.vectors(33, 0))
                                .and(rule.atLearningRate(0), ScenarioPlan.vectors(5))
                                .settings(
                                        plain.withSchedule(Scenario.ScheduleKind.WARMUP_COSINE)
                                                .withClipNorm(0.1))
                                .beforeSteps(
                                        Map.of(
                                                3,
                                                new Scenario.Freeze(1, true),
                                                4,
                                                new Scenario.Rate(0, 0.003),
                                                6,
                                                new Scenario.Freeze(1, false))),
                        new ScenarioPlan(
                                        "one-cycle schedule with its momentum, a cosine without",
                                        rule)
                                .steps(8)
                                .settings(plain.withSchedule(Scenario.ScheduleKind.ONE_CYCLE)))
                .map(ScenarioPlan::scenario);
    }

    private static boolean isBad(int step, int tensor) {
        return step % 3 == 1 && tensor == step % 4;
    }
}
