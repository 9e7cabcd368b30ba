package org.panoptim.tests.equivalence;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Tuple;

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

import java.util.Arrays;

/** Generates cases, with what has gone wrong elsewhere more often than chance would have it. */
final class Cases {

    private Cases() {}

    /** Runs over groups under these rules. */
    static Arbitrary<Case> over(Arbitrary<? extends UpdateRule> rules) {
        Arbitrary<Case.Group> groups = groups(rules);
        return Combinators.combine(
                        settings(),
                        groups.list().ofMinSize(1).ofMaxSize(4),
                        actions(groups).list().ofMinSize(1).ofMaxSize(12))
                .as(Case::new);
    }

    /** Every rule of the library, with hyper-parameters of all sizes. */
    static Arbitrary<UpdateRule> rules() {
        return Arbitraries.oneOf(sgd(), adam(), adamW(), lion(), sophiaG(), sophiaH(), adaFisher());
    }

    private static Arbitrary<SGD> sgd() {
        return Combinators.combine(
                        rate(),
                        Arbitraries.frequencyOf(
                                Tuple.of(1, Arbitraries.just(0.0)), Tuple.of(3, decay())),
                        Arbitraries.of(0.0, 0.0, 0.1, 1.0, 2.0, -0.5),
                        weightDecay(),
                        flag(),
                        flag())
                .as(
                        (rate, momentum, dampening, weightDecay, nesterov, maximize) ->
                                new SGD(
                                        rate,
                                        momentum,
                                        dampening,
                                        weightDecay,
                                        nesterov && momentum > 0 && dampening == 0,
                                        maximize));
    }

    private static Arbitrary<Adam> adam() {
        return Combinators.combine(
                        rate(), decay(), decay(), epsilon(), weightDecay(), flag(), flag())
                .as(Adam::new);
    }

    private static Arbitrary<AdamW> adamW() {
        return Combinators.combine(
                        rate(), decay(), decay(), epsilon(), weightDecay(), flag(), flag())
                .as(AdamW::new);
    }

    private static Arbitrary<Lion> lion() {
        return Combinators.combine(rate(), decay(), decay(), weightDecay()).as(Lion::new);
    }

    private static Arbitrary<SophiaG> sophiaG() {
        return Combinators.combine(
                        rate(),
                        decay(),
                        decay(),
                        Arbitraries.of(0.04, 1.0, 1e-30, 1e30),
                        Arbitraries.of(1.0, 480.0, 5120.0),
                        weightDecay(),
                        flag())
                .as(SophiaG::new);
    }

    private static Arbitrary<SophiaH> sophiaH() {
        return Combinators.combine(
                        rate(),
                        decay(),
                        decay(),
                        Arbitraries.of(0.01, 1.0, 1e-40, 1e30),
                        Arbitraries.of(1e-12, 1.0, 1e-44, 1.4e-45),
                        weightDecay())
                .as(SophiaH::new);
    }

    private static Arbitrary<AdaFisher> adaFisher() {
        return Combinators.combine(
                        rate(),
                        decay(),
                        Arbitraries.of(1e-3, 1.0, 1e-44, 1.4e-45, 1e38),
                        weightDecay(),
                        flag())
                .as(AdaFisher::new);
    }

    /** Learning rates: usual ones, ones that vanish in float, and some of the largest. */
    static Arbitrary<Double> rate() {
        return Arbitraries.frequencyOf(
                Tuple.of(6, Arbitraries.of(1e-3, 0.1, 0.01, 1.0)),
                Tuple.of(1, Arbitraries.of(0.0, 1e-41, 1e-50, 1e25, 1e28)));
    }

    private static Arbitrary<Double> decay() {
        return Arbitraries.of(0.9, 0.999, 0.99, 0.5, 0.0, 0.1, 0.9999999, 1 - 0x1p-24, 1e-10);
    }

    private static Arbitrary<Double> epsilon() {
        return Arbitraries.of(1e-8, 1e-8, 1e-3, 0.0, 1e-40, 1.0);
    }

    private static Arbitrary<Double> weightDecay() {
        return Arbitraries.of(0.0, 0.01, 0.1, 1.0, 1e-9, 30.0);
    }

    private static Arbitrary<Boolean> flag() {
        return Arbitraries.of(false, true);
    }

    private static Arbitrary<Case.Settings> settings() {
        return Combinators.combine(
                        Arbitraries.of(NonFinitePolicy.class),
                        Arbitraries.of(
                                Double.POSITIVE_INFINITY,
                                Double.POSITIVE_INFINITY,
                                1.0,
                                100.0,
                                1e-30,
                                1e30,
                                Double.MIN_VALUE),
                        lossScale(),
                        Arbitraries.of(Case.Course.class),
                        flag(),
                        flag(),
                        Arbitraries.of(false, false, false, true))
                .as(Case.Settings::new);
    }

    private static Arbitrary<LossScale> lossScale() {
        return Arbitraries.frequencyOf(
                Tuple.of(2, Arbitraries.just(LossScale.none())),
                Tuple.of(
                        2,
                        Arbitraries.of(1024.0, 3.0, 0x1p-20, 0x1p-126, 1e37).map(LossScale::fixed)),
                Tuple.of(
                        2,
                        Combinators.combine(
                                        Arbitraries.of(65536.0, 1.0, 1e-37, 1e37),
                                        Arbitraries.of(2.0, 1e10),
                                        Arbitraries.of(0.5, 1e-3),
                                        Arbitraries.of(1L, 2L, 2000L))
                                .as(LossScale.Dynamic::new)));
    }

    private static Arbitrary<Case.Group> groups(Arbitrary<? extends UpdateRule> rules) {
        return Combinators.combine(
                        rules,
                        Arbitraries.frequencyOf(
                                Tuple.of(30, tensors(sizes()).list().ofMaxSize(5)),
                                Tuple.of(
                                        1,
                                        tensors(Arbitraries.longs().between(0, 9))
                                                .list()
                                                .ofMinSize(100)
                                                .ofMaxSize(300))))
                .as(Case.Group::new);
    }

    private static Arbitrary<Case.Tensor> tensors(Arbitrary<Long> sizes) {
        return Combinators.combine(sizes, offset(), values()).as(Case.Tensor::new);
    }

    /** Around the widths of vectors, rows of lanes, blocks and chunks. */
    private static Arbitrary<Long> sizes() {
        return Arbitraries.frequencyOf(
                Tuple.of(
                        16,
                        sizes(
                                0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127,
                                128, 129, 255, 257)),
                Tuple.of(4, sizes(511, 513, 4095, 4096, 4097, 8191, 8192, 12289)),
                Tuple.of(1, sizes(65535, 65536, 65537, 131072, 200_001)));
    }

    private static Arbitrary<Long> sizes(long... sizes) {
        return Arbitraries.of(Arrays.stream(sizes).boxed().toList());
    }

    private static Arbitrary<Integer> offset() {
        return Arbitraries.frequencyOf(
                Tuple.of(1, Arbitraries.just(0)),
                Tuple.of(1, Arbitraries.integers().between(0, 15)));
    }

    private static Arbitrary<Values> values() {
        return Combinators.combine(
                        Arbitraries.frequencyOf(
                                Tuple.of(6, Arbitraries.just(Values.Kind.ORDINARY)),
                                Tuple.of(4, Arbitraries.of(Values.Kind.class))),
                        Arbitraries.longs().between(0, 999))
                .as(Values::new);
    }

    private static Arbitrary<Case.Action> actions(Arbitrary<Case.Group> groups) {
        Arbitrary<Integer> place = Arbitraries.integers().between(0, 7);
        return Arbitraries.frequencyOf(
                Tuple.of(20, gradients().list().ofMinSize(1).ofMaxSize(5).map(Case.Step::new)),
                Tuple.of(
                        2,
                        Combinators.combine(
                                        place,
                                        rate(),
                                        weightDecay(),
                                        Arbitraries.of(0.0, 0.5, 0.95))
                                .as(Case.Retune::new)),
                Tuple.of(1, Combinators.combine(place, rate()).as(Case.Rate::new)),
                Tuple.of(1, groups.map(Case.Add::new)),
                Tuple.of(2, Combinators.combine(place, flag()).as(Case.Freeze::new)),
                Tuple.of(1, Combinators.combine(place, values()).as(Case.SetStates::new)),
                Tuple.of(1, Arbitraries.create(Case.ZeroGradients::new)),
                Tuple.of(1, Arbitraries.of(1.0, 0.5, 0.5, 2.0, Double.NaN).map(Case.Observe::new)),
                Tuple.of(2, Arbitraries.create(Case.SaveAndSwap::new)));
    }

    private static Arbitrary<Case.Gradient> gradients() {
        Arbitrary<Case.Source> source =
                Arbitraries.frequency(
                        Tuple.of(6, Case.Source.FRESH),
                        Tuple.of(1, Case.Source.KEPT),
                        Tuple.of(1, Case.Source.ABSENT));
        return Combinators.combine(source, offset(), values(), values().optional(0.3))
                .as(Case.Gradient::new);
    }
}
