package org.panoptim.tests.equivalence;

import org.panoptim.rule.Rules;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;
import org.panoptim.seeded.Draw;
import org.panoptim.step.Clipping;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.scenario.RuleVariants;
import org.panoptim.testkit.scenario.Scenario;
import org.panoptim.testkit.scenario.Values;

import java.util.LinkedHashMap;
import java.util.Optional;
import java.util.function.Function;

/** Generates scenarios, with what has gone wrong elsewhere more often than chance would have it. */
final class GeneratedScenario {

    /** Around the widths of vectors and rows of lanes. */
    private static final long[] SMALL = {
        0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 257
    };

    /** Around blocks. */
    private static final long[] BLOCKS = {511, 513, 4095, 4096, 4097, 8191, 8192, 12289};

    /** Around chunks. */
    private static final long[] CHUNKS = {65535, 65536, 65537, 131072, 200_001};

    private static final long[] ROWS = {1, 2, 3, 5, 63, 64, 65, 129};

    private static final long[] COLUMNS = {1, 2, 3, 5, 17, 127, 128, 129, 1023, 1024, 1025};

    private GeneratedScenario() {}

    /** A run over groups under these rules. */
    static Scenario of(Draw draw, Function<Draw, ? extends UpdateRule> rule) {
        return new Scenario(
                "generated",
                settings(draw),
                draw.list(1, 4, each -> group(each, rule)),
                draw.list(1, 12, each -> action(each, rule)));
    }

    /** Any rule of the library that has one result, with hyper-parameters of all sizes. */
    static UpdateRule rule(Draw draw) {
        return ofName(draw, draw.of(Rules.exact()).name());
    }

    /** The rule of a name, with hyper-parameters of all sizes. */
    static UpdateRule ofName(Draw draw, String name) {
        var rule = Rules.named(name);
        var settings = new LinkedHashMap<String, String>();
        for (var setting : Rules.settings(rule).keySet()) {
            settings.put(setting, draw.of(RuleVariants.values(rule, setting)));
        }
        return RuleVariants.with(rule, settings);
    }

    /** A learning rate for any rule. */
    static double rate(Draw draw) {
        return number(draw, "lr");
    }

    private static double number(Draw draw, String setting) {
        return Double.parseDouble(draw.of(RuleVariants.values(SGD.defaults(), setting)));
    }

    private static Scenario.Settings settings(Draw draw) {
        return new Scenario.Settings(
                draw.of(NonFinitePolicy.values()),
                clipping(draw),
                lossScale(draw),
                draw.of(Scenario.ScheduleKind.values()),
                draw.flag(),
                draw.flag(),
                draw.of(false, false, false, true),
                draw.flag());
    }

    private static Clipping clipping(Draw draw) {
        return new Clipping(
                draw.of(Clipping.Scope.values()),
                draw.of(
                        Double.POSITIVE_INFINITY,
                        Double.POSITIVE_INFINITY,
                        1.0,
                        100.0,
                        1e-30,
                        1e30,
                        Double.MIN_VALUE),
                draw.of(
                        Double.POSITIVE_INFINITY,
                        Double.POSITIVE_INFINITY,
                        0.5,
                        1e-3,
                        1e-40,
                        1e38));
    }

    private static LossScale lossScale(Draw draw) {
        return switch (draw.weighted(2, 2, 2)) {
            case 0 -> LossScale.none();
            case 1 -> LossScale.fixed(draw.of(1024.0, 3.0, 0x1p-20, 0x1p-126, 1e37));
            default ->
                    new LossScale.Dynamic(
                            draw.of(65536.0, 1.0, 1e-37, 1e37),
                            draw.of(2.0, 1e10),
                            draw.of(0.5, 1e-3),
                            draw.of(1L, 2L, 2000L));
        };
    }

    private static Scenario.Group group(Draw draw, Function<Draw, ? extends UpdateRule> rule) {
        return new Scenario.Group(
                rule.apply(draw),
                // Very many tensors only in cases that may be large.
                draw.weighted(30, draw.size(0, 2)) == 0
                        ? draw.list(0, 5, each -> tensor(each, shape(each)))
                        : draw.list(
                                100,
                                300,
                                each -> tensor(each, Scenario.Tensor.vector(each.between(0, 9)))));
    }

    private static Scenario.Tensor tensor(Draw draw, Shape shape) {
        return new Scenario.Tensor(shape, offset(draw), values(draw), types(draw));
    }

    /** A vector, or one or more matrices whose sides lie around those of panels. */
    private static Shape shape(Draw draw) {
        if (draw.weighted(2, 1) == 0) {
            return Scenario.Tensor.vector(elements(draw));
        }
        long rows = ROWS[draw.size(0, ROWS.length - 1)];
        long columns = COLUMNS[draw.size(0, COLUMNS.length - 1)];
        return draw.weighted(2, 1) == 0
                ? Shape.of(rows, columns)
                : Shape.of(draw.between(1, 3), rows, columns);
    }

    /** The arrays of a parameter, mostly of floats alone. */
    static Scenario.Types types(Draw draw) {
        return draw.chance(0.25)
                ? new Scenario.Types(type(draw), output(draw), output(draw))
                : Scenario.Types.FLOATS;
    }

    private static Optional<DType> output(Draw draw) {
        return draw.flag() ? Optional.of(type(draw)) : Optional.empty();
    }

    private static DType type(Draw draw) {
        return draw.of(DType.BF16, DType.F32);
    }

    private static long elements(Draw draw) {
        var sizes =
                switch (draw.weighted(16, 4, 1)) {
                    case 0 -> SMALL;
                    case 1 -> BLOCKS;
                    default -> CHUNKS;
                };
        return sizes[draw.size(0, sizes.length - 1)];
    }

    private static int offset(Draw draw) {
        return draw.flag() ? 0 : draw.between(0, 15);
    }

    private static Values values(Draw draw) {
        return new Values(
                draw.weighted(6, 4) == 0 ? Values.Kind.ORDINARY : draw.of(Values.Kind.values()),
                draw.between(0, 999));
    }

    private static Scenario.Action action(Draw draw, Function<Draw, ? extends UpdateRule> rule) {
        return switch (draw.weighted(20, 2, 1, 1, 2, 1, 1, 1, 2)) {
            case 0 -> new Scenario.Step(draw.list(1, 5, GeneratedScenario::gradient));
            case 1 ->
                    new Scenario.Retune(
                            index(draw),
                            rate(draw),
                            number(draw, "weight_decay"),
                            draw.of(0.0, 0.5, 0.95));
            case 2 -> new Scenario.Rate(index(draw), rate(draw));
            case 3 -> new Scenario.Add(group(draw, rule));
            case 4 -> new Scenario.Freeze(index(draw), draw.flag());
            case 5 -> new Scenario.SetStates(index(draw), values(draw));
            case 6 -> new Scenario.ZeroGradients();
            case 7 -> new Scenario.Observe(draw.of(1.0, 0.5, 0.5, 2.0, Double.NaN));
            default -> new Scenario.SaveAndSwap();
        };
    }

    private static int index(Draw draw) {
        return draw.between(0, 7);
    }

    private static Scenario.Gradient gradient(Draw draw) {
        var source =
                switch (draw.weighted(6, 1, 1)) {
                    case 0 -> Scenario.Source.FRESH;
                    case 1 -> Scenario.Source.KEPT;
                    default -> Scenario.Source.ABSENT;
                };
        return new Scenario.Gradient(
                source,
                offset(draw),
                values(draw),
                draw.chance(0.3) ? Optional.of(values(draw)) : Optional.empty());
    }
}
