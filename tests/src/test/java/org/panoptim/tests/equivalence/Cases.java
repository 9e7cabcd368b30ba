package org.panoptim.tests.equivalence;

import org.panoptim.LossScale;
import org.panoptim.NonFinitePolicy;
import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Lion;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.SophiaH;
import org.panoptim.rule.UpdateRule;
import org.panoptim.seeded.Draw;

import java.util.Optional;
import java.util.function.Function;

/** Generates cases, with what has gone wrong elsewhere more often than chance would have it. */
final class Cases {

    /** Around the widths of vectors and rows of lanes. */
    private static final long[] SMALL = {
        0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 257
    };

    /** Around blocks. */
    private static final long[] BLOCKS = {511, 513, 4095, 4096, 4097, 8191, 8192, 12289};

    /** Around chunks. */
    private static final long[] CHUNKS = {65535, 65536, 65537, 131072, 200_001};

    private Cases() {}

    /** A run over groups under these rules. */
    static Case over(Draw draw, Function<Draw, ? extends UpdateRule> rule) {
        return new Case(
                settings(draw),
                draw.list(1, 4, each -> group(each, rule)),
                draw.list(1, 12, each -> action(each, rule)));
    }

    /** Any rule of the library, with hyper-parameters of all sizes. */
    static UpdateRule rule(Draw draw) {
        return switch (draw.weighted(1, 1, 1, 1, 1, 1, 1)) {
            case 0 -> sgd(draw);
            case 1 ->
                    new Adam(
                            rate(draw),
                            decay(draw),
                            decay(draw),
                            epsilon(draw),
                            weightDecay(draw),
                            draw.flag(),
                            draw.flag());
            case 2 ->
                    new AdamW(
                            rate(draw),
                            decay(draw),
                            decay(draw),
                            epsilon(draw),
                            weightDecay(draw),
                            draw.flag(),
                            draw.flag());
            case 3 -> new Lion(rate(draw), decay(draw), decay(draw), weightDecay(draw));
            case 4 ->
                    new SophiaG(
                            rate(draw),
                            decay(draw),
                            decay(draw),
                            draw.of(0.04, 1.0, 1e-30, 1e30),
                            draw.of(1.0, 480.0, 5120.0),
                            weightDecay(draw),
                            draw.flag());
            case 5 ->
                    new SophiaH(
                            rate(draw),
                            decay(draw),
                            decay(draw),
                            draw.of(0.01, 1.0, 1e-40, 1e30),
                            draw.of(1e-12, 1.0, 1e-44, 1.4e-45),
                            weightDecay(draw));
            default ->
                    new AdaFisher(
                            rate(draw),
                            decay(draw),
                            draw.of(1e-3, 1.0, 1e-44, 1.4e-45, 1e38),
                            weightDecay(draw),
                            draw.flag());
        };
    }

    private static SGD sgd(Draw draw) {
        double momentum = draw.weighted(1, 3) == 0 ? 0 : decay(draw);
        double dampening = draw.of(0.0, 0.0, 0.1, 1.0, 2.0, -0.5);
        return new SGD(
                rate(draw),
                momentum,
                dampening,
                weightDecay(draw),
                draw.flag() && momentum > 0 && dampening == 0,
                draw.flag());
    }

    /** Learning rates: usual ones, ones that vanish in float, and some of the largest. */
    static double rate(Draw draw) {
        return draw.weighted(6, 1) == 0
                ? draw.of(1e-3, 0.1, 0.01, 1.0)
                : draw.of(0.0, 1e-41, 1e-50, 1e25, 1e28);
    }

    private static double decay(Draw draw) {
        return draw.of(0.9, 0.999, 0.99, 0.5, 0.0, 0.1, 0.9999999, 1 - 0x1p-24, 1e-10);
    }

    private static double epsilon(Draw draw) {
        return draw.of(1e-8, 1e-8, 1e-3, 0.0, 1e-40, 1.0);
    }

    private static double weightDecay(Draw draw) {
        return draw.of(0.0, 0.01, 0.1, 1.0, 1e-9, 30.0);
    }

    private static Case.Settings settings(Draw draw) {
        return new Case.Settings(
                draw.of(NonFinitePolicy.values()),
                draw.of(
                        Double.POSITIVE_INFINITY,
                        Double.POSITIVE_INFINITY,
                        1.0,
                        100.0,
                        1e-30,
                        1e30,
                        Double.MIN_VALUE),
                lossScale(draw),
                draw.of(Case.Course.values()),
                draw.flag(),
                draw.flag(),
                draw.of(false, false, false, true));
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

    private static Case.Group group(Draw draw, Function<Draw, ? extends UpdateRule> rule) {
        return new Case.Group(
                rule.apply(draw),
                // Very many tensors only in cases that may be large.
                draw.weighted(30, draw.size(0, 2)) == 0
                        ? draw.list(0, 5, each -> tensor(each, elements(each)))
                        : draw.list(100, 300, each -> tensor(each, each.between(0, 9))));
    }

    private static Case.Tensor tensor(Draw draw, long elements) {
        return new Case.Tensor(elements, offset(draw), values(draw));
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

    private static Case.Action action(Draw draw, Function<Draw, ? extends UpdateRule> rule) {
        return switch (draw.weighted(20, 2, 1, 1, 2, 1, 1, 1, 2)) {
            case 0 -> new Case.Step(draw.list(1, 5, Cases::gradient));
            case 1 ->
                    new Case.Retune(
                            index(draw), rate(draw), weightDecay(draw), draw.of(0.0, 0.5, 0.95));
            case 2 -> new Case.Rate(index(draw), rate(draw));
            case 3 -> new Case.Add(group(draw, rule));
            case 4 -> new Case.Freeze(index(draw), draw.flag());
            case 5 -> new Case.SetStates(index(draw), values(draw));
            case 6 -> new Case.ZeroGradients();
            case 7 -> new Case.Observe(draw.of(1.0, 0.5, 0.5, 2.0, Double.NaN));
            default -> new Case.SaveAndSwap();
        };
    }

    private static int index(Draw draw) {
        return draw.between(0, 7);
    }

    private static Case.Gradient gradient(Draw draw) {
        var source =
                switch (draw.weighted(6, 1, 1)) {
                    case 0 -> Case.Source.FRESH;
                    case 1 -> Case.Source.KEPT;
                    default -> Case.Source.ABSENT;
                };
        return new Case.Gradient(
                source,
                offset(draw),
                values(draw),
                draw.chance(0.3) ? Optional.of(values(draw)) : Optional.empty());
    }
}
