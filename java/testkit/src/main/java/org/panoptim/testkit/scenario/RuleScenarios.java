package org.panoptim.testkit.scenario;

import org.panoptim.rule.LineRule;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.scenario.Scenario.Settings;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Every rule's variants, and each rule in every condition. */
public final class RuleScenarios {

    private static final List<Shape> SIZES = vectors(64, 7, 1000, 1);

    /** Around the widths of vectors and the block of a reduction, with nothing first and last. */
    private static final List<Shape> ODD_SIZES =
            vectors(
                    0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 127, 129, 255, 4095,
                    4096, 4097, 12289, 0);

    /** Enough for several threads, and no multiple of anything. */
    private static final List<Shape> LARGE_SIZES = vectors(300_007, 5, 70_001);

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

    private static final int STEPS = 6;

    private static List<Shape> vectors(int... elements) {
        return Arrays.stream(elements).mapToObj(Scenario.Tensor::vector).toList();
    }

    private RuleScenarios() {}

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
        var variants = RuleVariants.of(rule);
        var last = variants.getLast().rule();
        return Stream.of(
                        variants.stream()
                                .map(
                                        variant ->
                                                new Plan(variant.title(), variant.rule())
                                                        .scenario()),
                        conditions(last),
                        last instanceof LineRule ? ofMatrices(variants) : Stream.<Scenario>empty())
                .flatMap(Function.identity());
    }

    /** What a rule that sums over rows and columns does beside. */
    private static Stream<Scenario> ofMatrices(List<RuleVariants.Variant> variants) {
        var rule = variants.getLast().rule();
        var plain = Settings.PLAIN;
        var each =
                variants.stream()
                        .map(
                                variant ->
                                        new Plan("matrices, " + variant.title(), variant.rule())
                                                .sizes(MATRICES)
                                                .steps(3));
        var conditions =
                Stream.of(
                        new Plan("matrices at odd addresses, clipped", rule)
                                .sizes(MATRICES)
                                .misaligned()
                                .settings(plain.withClipNorm(0.5).measuring().zeroing()),
                        new Plan("matrices of bfloat16, copies and averages", rule)
                                .sizes(MATRICES)
                                .types(
                                        Scenario.Types.of(DType.BF16),
                                        Scenario.Types.of(DType.F32, DType.BF16, DType.F32),
                                        Scenario.Types.of(DType.BF16, DType.F32, DType.BF16))
                                .settings(plain.withClipNorm(0.5).measuring().zeroing()),
                        new Plan("matrices of special values", rule)
                                .sizes(MATRICES)
                                .numbers(
                                        Values.Kind.SPECIAL,
                                        Values.Kind.SPECIAL,
                                        Values.Kind.SPECIAL),
                        new Plan("matrices of all magnitudes", rule)
                                .sizes(MATRICES)
                                .numbers(
                                        Values.Kind.MODERATE,
                                        Values.Kind.MODERATE,
                                        Values.Kind.MODERATE),
                        new Plan("matrices with gradients that are absent or zero", rule)
                                .sizes(MATRICES)
                                .numbers(Values.Kind.ORDINARY, Values.Kind.ZEROS, Values.Kind.ZEROS)
                                .absent((step, tensor) -> (step + tensor) % 3 == 0),
                        new Plan("matrices in steps of which some are skipped", rule)
                                .sizes(MATRICES)
                                .scale(1000)
                                .bad((step, tensor) -> step % 3 == 2 && tensor == 1)
                                .settings(
                                        plain.withLossScale(new LossScale.Dynamic(1024, 2, 0.5, 2))
                                                .zeroing()),
                        new Plan("matrices in several groups, frozen for a while", rule)
                                .sizes(MATRICES)
                                .and(rule.atLearningRate(0.05), MATRICES.reversed())
                                .settings(plain.measuring().zeroing())
                                .beforeSteps(
                                        Map.of(
                                                3,
                                                new Scenario.Freeze(1, true),
                                                5,
                                                new Scenario.Freeze(1, false))));
        return Stream.concat(each, conditions).map(Plan::scenario);
    }

    /** Whether something is so in a step, from 1, for a tensor, counted over all groups from 0. */
    private interface When {
        boolean test(int step, int tensor);
    }

    /** A scenario to be made: ordinary numbers and nothing special unless said otherwise. */
    private static final class Plan {
        private final String title;
        private final UpdateRule rule;
        private final List<Scenario.Group> groups = new ArrayList<>();
        private List<Shape> sizes = SIZES;
        private int steps = STEPS;
        private int offset;
        private List<Scenario.Types> types = List.of(Scenario.Types.FLOATS);
        private Settings settings = Settings.PLAIN;
        private Values.Kind values = Values.Kind.ORDINARY;
        private Values.Kind gradients = Values.Kind.ORDINARY;
        private Values.Kind curvatures = Values.Kind.ORDINARY;
        private float scale = 1;
        private When absent = (_, _) -> false;
        private When bad = (_, _) -> false;
        // On every third step and not for every parameter.
        private When curved = (step, tensor) -> step % 3 == 1 && (step + tensor) % 4 != 0;
        private Map<Integer, Scenario.Action> beforeSteps = Map.of();

        Plan(String title, UpdateRule rule) {
            this.title = title;
            this.rule = rule;
        }

        Plan sizes(List<Shape> some) {
            sizes = some;
            return this;
        }

        Plan steps(int number) {
            steps = number;
            return this;
        }

        Plan misaligned() {
            offset = 1;
            return this;
        }

        /** Tensors take turns. */
        Plan types(Scenario.Types... some) {
            types = List.of(some);
            return this;
        }

        Plan settings(Settings some) {
            settings = some;
            return this;
        }

        Plan numbers(Values.Kind ofValues, Values.Kind ofGradients, Values.Kind ofCurvatures) {
            values = ofValues;
            gradients = ofGradients;
            curvatures = ofCurvatures;
            return this;
        }

        /** Gradients and curvatures are multiplied by this. */
        Plan scale(float factor) {
            scale = factor;
            return this;
        }

        Plan absent(When when) {
            absent = when;
            return this;
        }

        /** Where a gradient has an element that is NaN or infinite. */
        Plan bad(When when) {
            bad = when;
            return this;
        }

        Plan curved(When when) {
            curved = when;
            return this;
        }

        /** One more group. */
        Plan and(UpdateRule other, List<Shape> itsSizes) {
            groups.add(group(other, itsSizes));
            return this;
        }

        /** What happens before a step of that number. */
        Plan beforeSteps(Map<Integer, Scenario.Action> actions) {
            beforeSteps = actions;
            return this;
        }

        private Scenario.Group group(UpdateRule ofGroup, List<Shape> itsSizes) {
            var start = new Values(values, 1);
            var tensors = new ArrayList<Scenario.Tensor>();
            for (int i = 0; i < itsSizes.size(); i++) {
                var ofTensor = types.get(i % types.size());
                tensors.add(new Scenario.Tensor(itsSizes.get(i), offset, start, ofTensor));
            }
            return new Scenario.Group(ofGroup, tensors);
        }

        Scenario scenario() {
            var all = new ArrayList<Scenario.Group>();
            all.add(group(rule, sizes));
            all.addAll(groups);
            int tensors = all.stream().mapToInt(group -> group.tensors().size()).sum();
            var actions = new ArrayList<Scenario.Action>();
            for (int step = 1; step <= steps; step++) {
                Optional.ofNullable(beforeSteps.get(step)).ifPresent(actions::add);
                int number = step;
                actions.add(
                        new Scenario.Step(
                                IntStream.range(0, tensors)
                                        .mapToObj(tensor -> gradient(number, tensor))
                                        .toList()));
            }
            actions.add(Math.ceilDiv(actions.size(), 2), new Scenario.SaveAndSwap());
            return new Scenario(title, settings, all, actions);
        }

        private Scenario.Gradient gradient(int step, int tensor) {
            var kind = bad.test(step, tensor) ? Values.Kind.ONE_BAD : gradients;
            return new Scenario.Gradient(
                    absent.test(step, tensor) ? Scenario.Source.ABSENT : Scenario.Source.FRESH,
                    offset,
                    new Values(kind, 0.1f * scale, 1000 + step),
                    curved.test(step, tensor)
                            ? Optional.of(new Values(curvatures, 0.01f * scale, 2000 + step))
                            : Optional.empty());
        }
    }

    private static Stream<Scenario> conditions(UpdateRule rule) {
        var plain = Settings.PLAIN;
        return Stream.of(
                        new Plan("never any curvature", rule).curved((_, _) -> false),
                        new Plan("odd sizes", rule).sizes(ODD_SIZES).steps(4),
                        new Plan("odd sizes at odd addresses", rule)
                                .sizes(ODD_SIZES)
                                .steps(4)
                                .misaligned(),
                        new Plan("bfloat16, copies and averages", rule)
                                .sizes(ODD_SIZES)
                                .steps(4)
                                .types(
                                        Scenario.Types.of(DType.BF16),
                                        Scenario.Types.of(DType.F32, DType.BF16, DType.F32),
                                        Scenario.Types.FLOATS,
                                        Scenario.Types.of(DType.BF16, DType.F32, DType.BF16))
                                .settings(plain.withClipNorm(0.5).measuring().zeroing()),
                        new Plan("large tensors", rule)
                                .sizes(LARGE_SIZES)
                                .steps(2)
                                .settings(plain.withClipNorm(0.5).measuring()),
                        new Plan("clipped", rule)
                                .settings(plain.withClipNorm(0.1).measuring().zeroing()),
                        new Plan("clipping that does not bind", rule)
                                .settings(plain.withClipNorm(1e6)),
                        new Plan("fixed loss scale", rule)
                                .settings(
                                        plain.withLossScale(LossScale.fixed(1024))
                                                .withClipNorm(1e-4)),
                        new Plan("dynamic loss scale, some overflows", rule)
                                .steps(12)
                                .scale(1000)
                                .bad((step, tensor) -> step % 4 == 2 && tensor == 2)
                                .settings(
                                        plain.withLossScale(new LossScale.Dynamic(1024, 2, 0.5, 2))
                                                .zeroing()),
                        new Plan("non-finite gradients skipped from the first step on", rule)
                                .steps(8)
                                .scale(10)
                                .bad(RuleScenarios::isBad)
                                .settings(plain.withPolicy(NonFinitePolicy.SKIP).zeroing()),
                        new Plan("non-finite gradients fail", rule)
                                .steps(8)
                                .scale(10)
                                .bad(RuleScenarios::isBad)
                                .settings(plain.withPolicy(NonFinitePolicy.FAIL)),
                        new Plan("special values", rule)
                                .sizes(ODD_SIZES)
                                .steps(4)
                                .numbers(
                                        Values.Kind.SPECIAL,
                                        Values.Kind.SPECIAL,
                                        Values.Kind.SPECIAL),
                        new Plan("all magnitudes, denormals included", rule)
                                .numbers(
                                        Values.Kind.MODERATE,
                                        Values.Kind.MODERATE,
                                        Values.Kind.MODERATE),
                        new Plan("zero gradients", rule)
                                .numbers(
                                        Values.Kind.ORDINARY, Values.Kind.ZEROS, Values.Kind.ZEROS),
                        new Plan("gradients absent now and then", rule)
                                .absent((step, tensor) -> (step + tensor) % 3 == 0)
                                .settings(plain.withClipNorm(0.1)),
                        new Plan("a parameter that joins late and one that never does", rule)
                                .absent(
                                        (step, tensor) ->
                                                tensor == 1 || (tensor == 2 && step <= 3)),
                        new Plan("several groups, changed between steps", rule)
                                .steps(8)
                                .and(rule.atLearningRate(0.05), vectors(33, 0))
                                .and(rule.atLearningRate(0), vectors(5))
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
                        new Plan("one-cycle schedule with its momentum, a cosine without", rule)
                                .steps(8)
                                .settings(plain.withSchedule(Scenario.ScheduleKind.ONE_CYCLE)))
                .map(Plan::scenario);
    }

    private static boolean isBad(int step, int tensor) {
        return step % 3 == 1 && tensor == step % 4;
    }
}
