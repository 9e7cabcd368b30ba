package org.panoptim.tests.small;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.backend.Backend;
import org.panoptim.rule.LAMB;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;
import org.panoptim.simd.SimdBackend;
import org.panoptim.simd.SimdOptions;
import org.panoptim.testkit.scenario.RuleVariants;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A group of ten thousand {@link SmallTensors} takes three steps, with each rule and each
 * companion, and every tensor becomes what it becomes in a small group, to the bit. Where a sum
 * over all tensors is part of the step, they become what the same elements become in three {@link
 * LongVectors}, but for rounding: there the sum is of elements, and knows no tensors. LAMB, which
 * takes norms of both kinds, is tried with either alone, and LookSAM with those of tensors.
 */
class ManyTensorsTest {

    /** Has no factor in common with a power of two, or with the number of shapes. */
    private static final int SMALL_GROUP = 241;

    private static boolean sumsOverAll(UpdateRule rule) {
        return rule.reductions().stream()
                .map(Reduction::scope)
                .anyMatch(scope -> scope == Reduction.Scope.ALL || scope == Reduction.Scope.GROUP);
    }

    static Stream<Routine> ofEachTensor() {
        var rules =
                RuleVariants.ofEveryKernel().filter(Predicate.not(ManyTensorsTest::sumsOverAll));
        // With a bound that is never reached, LAMB's norm over all changes nothing.
        var lamb = Rules.with(LAMB.defaults(), Map.of("max_grad_norm", "1e6"));
        return Stream.concat(
                Stream.concat(rules, Stream.of(lamb)).map(Routine::of),
                Routine.ofEachTensor().stream());
    }

    static Stream<Routine> ofAllTensors() {
        var rules =
                RuleVariants.ofEveryKernel()
                        .filter(ManyTensorsTest::sumsOverAll)
                        .map(ManyTensorsTest::showingTheSum);
        return Stream.concat(rules.map(Routine::of), Routine.ofAllTensors().stream());
    }

    /**
     * LAMB without decay, which scales no tensor by a norm of its own, and with an epsilon that
     * lets the size of gradients count; the others where they take steps that show.
     */
    private static UpdateRule showingTheSum(UpdateRule rule) {
        return Rules.with(
                rule,
                rule instanceof LAMB
                        ? Map.of("lr", "1000", "eps", "1", "weight_decay", "0")
                        : Map.of("d0", "0.1"));
    }

    @Test
    void everyRuleAndCompanionIsTried() {
        var tried =
                Stream.concat(ofEachTensor(), ofAllTensors())
                        .flatMap(routine -> routine.keepers().stream())
                        .map(UpdateRule::name);
        var all = Stream.concat(Rules.exact().stream(), Rules.companions().stream());
        assertThat(tried.toList()).containsAll(all.map(UpdateRule::name).toList());
    }

    /** The yardstick, and the library on as many threads as share out the tensors. */
    private static List<Backend> backends() {
        return List.of(
                Backend.named("reference"),
                SimdBackend.open(SimdOptions.defaults().withThreads(3)));
    }

    @ParameterizedTest
    @MethodSource("ofEachTensor")
    void everyTensorBecomesWhatItBecomesInASmallGroup(Routine routine) {
        var apart = routine.tensors();
        var expected = new Outcome();
        try (var backend = Backend.named("reference")) {
            for (int from = 0; from < SmallTensors.COUNT; from += SMALL_GROUP) {
                int first = from;
                int end = Math.min(from + SMALL_GROUP, SmallTensors.COUNT);
                try (var optimizer = routine.optimizer(apart.part(first, end), backend)) {
                    routine.run(
                            optimizer,
                            (step, stage) -> apart.setGradients(first, end, step, stage));
                    expected.add(optimizer, routine, first, end);
                }
            }
        }
        requireThatWhatHasGradientsMoves(apart.values());
        assertThat(expected.counts()).isEqualTo(counts());

        for (var backend : backends()) {
            var together = routine.tensors();
            var actual = new Outcome();
            try (backend;
                    var optimizer = routine.optimizer(together.all(), backend)) {
                routine.run(optimizer, together::setGradients);
                actual.add(optimizer, routine, 0, SmallTensors.COUNT);
            }
            assertThat(mismatch(together, apart)).as(backend.name()).isEmpty();
            assertThat(actual.states()).as(backend.name()).isEqualTo(expected.states());
            assertThat(actual.counts()).as(backend.name()).isEqualTo(expected.counts());
        }
    }

    /** The first tensor whose elements have other bits, if there is one. */
    private static Optional<String> mismatch(SmallTensors actual, SmallTensors expected) {
        int element = Arrays.mismatch(actual.values(), expected.values());
        return IntStream.range(0, SmallTensors.COUNT)
                .filter(i -> element >= 0 && SmallTensors.start(i + 1) > element)
                .mapToObj(SmallTensors::name)
                .findFirst();
    }

    /** In how many steps each tensor takes part. */
    private static Map<String, Long> counts() {
        var counts = new HashMap<String, Long>();
        for (int i = 0; i < SmallTensors.COUNT; i++) {
            int tensor = i;
            long steps =
                    IntStream.rangeClosed(1, Routine.STEPS)
                            .filter(step -> SmallTensors.hasGradient(tensor, step))
                            .count();
            boolean empty = SmallTensors.shape(i).elements() == 0;
            counts.put(SmallTensors.name(i), empty ? 0 : steps);
        }
        return counts;
    }

    /** Single elements may come back, or get gradients of zero; what never has one stays. */
    private static void requireThatWhatHasGradientsMoves(float[] values) {
        var start = new SmallTensors(false, false).values();
        int live = 0;
        int moved = 0;
        for (int i = 0; i < SmallTensors.COUNT; i++) {
            for (int e = SmallTensors.start(i); e < SmallTensors.start(i + 1); e++) {
                if (SmallTensors.hasGradient(i, 1)) {
                    live++;
                    moved += values[e] == start[e] ? 0 : 1;
                } else {
                    assertThat(values[e]).isEqualTo(start[e]);
                }
            }
        }
        assertThat(moved).isGreaterThan(live / 10 * 9);
    }

    @ParameterizedTest
    @MethodSource("ofAllTensors")
    void aSumOverAllTensorsIsThatOfTheirElements(Routine routine) {
        var vectors = new LongVectors(routine.tensors());
        var expected = new Outcome();
        try (var backend = Backend.named("reference");
                var optimizer = routine.optimizer(vectors.all(), backend)) {
            routine.run(optimizer, vectors::setGradients);
            expected.addOfRules(optimizer, routine);
        }
        var values = vectors.values();
        requireThatWhatHasGradientsMoves(values);

        for (var backend : backends()) {
            var tensors = routine.tensors();
            var actual = new Outcome();
            try (backend;
                    var optimizer = routine.optimizer(tensors.all(), backend)) {
                routine.run(optimizer, tensors::setGradients);
                actual.addOfRules(optimizer, routine);
            }
            requireClose(tensors.values(), values);
            assertThat(actual.states()).hasSameSizeAs(expected.states());
            expected.states()
                    .forEach(
                            (name, state) ->
                                    assertThat(actual.states().get(name).getFirst())
                                            .as(name)
                                            .isCloseTo(state.getFirst(), withinPercentage(1e-8)));
        }
    }

    /** A tensor's share of a sum is some 1e-5 of it, and would be missed in all elements. */
    private static void requireClose(float[] actual, float[] expected) {
        double largest = 0;
        double farthest = 0;
        for (int i = 0; i < expected.length; i++) {
            largest = Math.max(largest, Math.abs(expected[i]));
            farthest = Math.max(farthest, Math.abs((double) actual[i] - expected[i]));
        }
        assertThat(farthest).isLessThanOrEqualTo(1e-6 * largest);
    }
}
