package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.kfac.Fallback.CHOLESKY;
import static org.panoptim.kfac.Fallback.DOUBLE_PRECISION;
import static org.panoptim.kfac.Fallback.LARGER_DAMPING;
import static org.panoptim.kfac.Fallback.NONE;
import static org.panoptim.kfac.Fallback.PREVIOUS_INVERSE;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.kfac.engine.Contribution;
import org.panoptim.kfac.engine.FactorState;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.kfac.engine.Preconditioning;
import org.panoptim.matrix.InversionMethod;
import org.panoptim.matrix.Inverted;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.StepFacts;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Predicate;
import java.util.stream.IntStream;

/**
 * What a refresh asks of an engine, and what it makes of the answers. The layers are "first" of 3
 * inputs, a bias and 2 outputs, and "second" of 2 inputs and 5 outputs; √γ is .25.
 */
class RefreshTest {

    private static final double ROOT = .25;
    private static final double TOLERANCE = .125;

    private static final InversionMethod FLOAT = new InversionMethod.Cholesky(false);
    private static final InversionMethod DOUBLE = new InversionMethod.Cholesky(true);

    /** A factorisation that failed. */
    private static final Inverted INDEFINITE =
            Inverted.failed(Inverted.Status.NOT_POSITIVE_DEFINITE);

    private static final Inverted INACCURATE = inverted(2 * TOLERANCE);
    private static final Inverted GOOD = inverted(TOLERANCE / 2);

    private static Inverted inverted(double error) {
        return new Inverted(Inverted.Status.INVERTED, error / 2, error, 10, 0);
    }

    private final KroneckerPlan plan =
            new KroneckerPlan(
                    List.of(
                            new KroneckerLayer(
                                    "first",
                                    parameter("w1", 2, 3),
                                    Optional.of(parameter("b1", 2))),
                            new KroneckerLayer("second", parameter("w2", 5, 2), Optional.empty())),
                    .5);
    private final Engine engine = new Engine();
    private final FactorHistory[] histories =
            IntStream.range(0, 4).mapToObj(_ -> new FactorHistory()).toArray(FactorHistory[]::new);
    private final FactorReport[] reports = new FactorReport[4];
    private double newtonError;
    private boolean piCorrection;
    private WithoutInverse withoutInverse = WithoutInverse.ZERO;

    private static Parameter parameter(String name, int... shape) {
        int elements = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        return Parameter.of(
                name,
                Shape.of(Arrays.stream(shape).asLongStream().toArray()),
                MemorySegment.ofArray(new float[elements]));
    }

    private long refresh(Integer... layers) {
        var settings =
                new KfacSettings(ROOT * ROOT, piCorrection, .5, 1, 1, 10, TOLERANCE, newtonError);
        return new Refresh(engine, plan, settings, withoutInverse)
                .run(List.of(layers), histories, reports);
    }

    /** Lets the engine answer for the first factor, one after the other; of others all is good. */
    private void answers(Inverted... answers) {
        engine.answers.addAll(List.of(answers));
    }

    private static Inversion wish(double damping, InversionMethod method) {
        return new Inversion(0, damping, method);
    }

    private List<Inversion> wishes(Predicate<Inversion> which) {
        return engine.rounds.stream().flatMap(List::stream).filter(which).toList();
    }

    /** What was tried for the first factor. */
    private List<Inversion> tried() {
        return wishes(each -> each.factor() == 0);
    }

    /** The damping that each factor was inverted with. */
    private double[] dampings() {
        return wishes(each -> true).stream().mapToDouble(Inversion::damping).toArray();
    }

    @Test
    void allFactorsOfALayerAreInvertedInOneRound() {
        refresh(0, 1);
        assertThat(engine.rounds)
                .containsExactly(
                        List.of(
                                new Inversion(0, ROOT, FLOAT),
                                new Inversion(1, ROOT, FLOAT),
                                new Inversion(2, ROOT, FLOAT),
                                new Inversion(3, ROOT, FLOAT)));
        assertThat(engine.adopted).containsExactly(List.of(0, 1, 2, 3));
    }

    @Test
    void itReportsOnEachFactor() {
        refresh(0, 1);
        double error = TOLERANCE / 2;
        var inputs = FactorReport.Side.INPUTS;
        var outputs = FactorReport.Side.OUTPUT_GRADIENTS;
        assertThat(reports)
                .containsExactly(
                        new FactorReport("first", inputs, 4, 10, error, ROOT, 0, NONE, 0),
                        new FactorReport("first", outputs, 2, 10, error, ROOT, 0, NONE, 0),
                        new FactorReport("second", inputs, 2, 10, error, ROOT, 0, NONE, 0),
                        new FactorReport("second", outputs, 5, 10, error, ROOT, 0, NONE, 0));
    }

    @Test
    void layersThatAreNotAskedForAreLeftAlone() {
        refresh(1);
        assertThat(engine.rounds.getFirst()).extracting(Inversion::factor).containsExactly(2, 3);
        assertThat(reports[0]).isNull();
        assertThat(histories[1].hasInverse()).isFalse();
        assertThat(histories[2].hasInverse()).isTrue();
    }

    @Test
    void itCountsWhatEachLayerHasDropped() {
        engine.states(new FactorState(1, 3, 4), new FactorState(1, 3, 7));
        assertThat(refresh(0)).isEqualTo(11);
    }

    @Test
    void whereAFactorisationFailsDampingIsRaisedAndDoubleComesLast() {
        answers(INDEFINITE, INDEFINITE, INDEFINITE, GOOD);
        refresh(0);
        assertThat(tried())
                .containsExactly(
                        wish(ROOT, FLOAT),
                        wish(10 * ROOT, FLOAT),
                        wish(100 * ROOT, FLOAT),
                        wish(ROOT, DOUBLE));
        assertThat(reports[0].fallback()).isEqualTo(DOUBLE_PRECISION);
        assertThat(reports[0].damping()).isEqualTo(ROOT);
    }

    @Test
    void whereOnlyTheCertificateIsNotGoodEnoughDoubleComesFirst() {
        answers(INACCURATE, INACCURATE, INDEFINITE, GOOD);
        refresh(0);
        assertThat(tried())
                .containsExactly(
                        wish(ROOT, FLOAT),
                        wish(ROOT, DOUBLE),
                        wish(10 * ROOT, FLOAT),
                        wish(100 * ROOT, FLOAT));
        assertThat(reports[0].fallback()).isEqualTo(LARGER_DAMPING);
        assertThat(reports[0].damping()).isEqualTo(100 * ROOT);
    }

    @Test
    void whereMoreDampingOnlyLacksAccuracyDoubleFollows() {
        answers(INDEFINITE, INACCURATE, INDEFINITE, GOOD);
        refresh(0);
        assertThat(tried())
                .containsExactly(
                        wish(ROOT, FLOAT),
                        wish(10 * ROOT, FLOAT),
                        wish(ROOT, DOUBLE),
                        wish(100 * ROOT, FLOAT));
    }

    @Test
    void doubleIsTriedOnce() {
        answers(INACCURATE, INACCURATE, INACCURATE, INACCURATE);
        refresh(0);
        assertThat(tried())
                .containsExactly(
                        wish(ROOT, FLOAT),
                        wish(ROOT, DOUBLE),
                        wish(10 * ROOT, FLOAT),
                        wish(100 * ROOT, FLOAT));
    }

    @Test
    void onlyWhatIsLeftIsTriedAgainAndEachIsAdoptedWhenItIsGoodEnough() {
        answers(INDEFINITE, GOOD);
        refresh(0);
        assertThat(engine.rounds.get(1)).containsExactly(wish(10 * ROOT, FLOAT));
        assertThat(engine.adopted).containsExactly(List.of(1), List.of(0));
    }

    @Test
    void anErrorOfTheToleranceIsGoodEnough() {
        answers(inverted(TOLERANCE));
        refresh(0);
        assertThat(tried()).hasSize(1);
        assertThat(reports[0].certifiedError()).isEqualTo(TOLERANCE);
        assertThat(reports[0].fallback()).isEqualTo(NONE);
    }

    @ParameterizedTest
    @CsvSource({"ZERO, ZERO", "IDENTITY, IDENTITY"})
    void whereNothingHelpsAndThereIsNoInverseItSaysWhatStandsIn(
            WithoutInverse asked, Fallback expected) {
        withoutInverse = asked;
        engine.byDefault = INDEFINITE;
        refresh(0, 1);
        assertThat(reports)
                .containsExactly(
                        stale("first", FactorReport.Side.INPUTS, 4, expected, 1),
                        stale("first", FactorReport.Side.OUTPUT_GRADIENTS, 2, expected, 1),
                        stale("second", FactorReport.Side.INPUTS, 2, expected, 1),
                        stale("second", FactorReport.Side.OUTPUT_GRADIENTS, 5, expected, 1));
        assertThat(engine.adopted).allMatch(List::isEmpty);
    }

    @Test
    void anInverseIsKeptWhereNothingHelpsAndItsAgeIsCounted() {
        refresh(0);
        engine.byDefault = INDEFINITE;
        refresh(0);
        refresh(0);
        assertThat(reports[1])
                .isEqualTo(
                        stale("first", FactorReport.Side.OUTPUT_GRADIENTS, 2, PREVIOUS_INVERSE, 2));
    }

    private static FactorReport stale(
            String layer, FactorReport.Side side, int size, Fallback fallback, int refreshes) {
        double infinity = Double.POSITIVE_INFINITY;
        return new FactorReport(layer, side, size, infinity, infinity, 0, 0, fallback, refreshes);
    }

    @Test
    void dampingIsSharedOutByTheMeanEigenvalues() {
        piCorrection = true;
        // Traces of the inputs and output gradients of both layers: means of 8, 2 and 1, 9.
        engine.traces(32, 4, 2, 45);
        refresh(0, 1);
        // π is 2 and 1/3; the inputs' factor gets π√γ, the other √γ/π.
        assertThat(dampings())
                .containsExactly(
                        new double[] {2 * ROOT, ROOT / 2, ROOT / 3, 3 * ROOT}, within(1e-15));
    }

    @ParameterizedTest
    @CsvSource({"0, 4", "32, 0", "0, 0", "NaN, 4", "32, Infinity", "Infinity, 4"})
    void whereMeansHaveNoRatioBothFactorsGetTheSameDamping(double inputs, double outputs) {
        piCorrection = true;
        engine.traces(inputs, outputs, 1, 1);
        refresh(0);
        assertThat(dampings()).containsExactly(ROOT, ROOT);
    }

    @Test
    void withoutTheCorrectionTracesDoNotMatter() {
        engine.traces(32, 4, 2, 45);
        refresh(0);
        assertThat(dampings()).containsExactly(ROOT, ROOT);
    }

    /** Lets the first factor have an inverse, of an average of so many updates. */
    private void inverted(long updates, double damping, double condition, double error) {
        histories[0].invertedAt(
                updates,
                damping,
                new Inverted(Inverted.Status.INVERTED, error, error, condition, 0));
    }

    private static Inversion newton(double lowest) {
        return wish(ROOT, new InversionMethod.Newton(lowest, .01, 6));
    }

    @Test
    void newtonsMethodStartsFromWhatIsLeftOfTheAverageThatWasInverted() {
        newtonError = .01;
        engine.states(new FactorState(1, 3, 0), new FactorState(1, 3, 0));
        inverted(1, ROOT, 10, .25);
        refresh(0);
        // Of three updates with a decay of ½ the first has a weight of (1/4) / (1 + 1/2 + 1/4), a
        // seventh; the inverse's own error takes a quarter of it.
        assertNewton(3 / 28.);
        assertThat(reports[0].fallback()).isEqualTo(NONE);
    }

    private void assertNewton(double lowest) {
        assertThat(tried()).hasSize(1);
        var method = (InversionMethod.Newton) tried().getFirst().method();
        assertThat(method.lowestEigenvalue()).isCloseTo(lowest, within(1e-15));
        assertThat(tried().getFirst()).isEqualTo(newton(method.lowestEigenvalue()));
    }

    @Test
    void ofSeveralUpdatesThatWereInvertedMoreIsLeft() {
        newtonError = .01;
        engine.states(new FactorState(1, 3, 0), new FactorState(1, 3, 0));
        inverted(2, ROOT, 10, 0);
        refresh(0);
        // The weights (1/4 + 1/2) / (1/4 + 1/2 + 1).
        assertNewton(3 / 7.);
    }

    @Test
    void lessDampingThanWasInvertedBoundsItToo() {
        newtonError = .01;
        engine.states(new FactorState(1, 2, 0), new FactorState(1, 2, 0));
        inverted(2, 4 * ROOT, 10, .5);
        refresh(0);
        assertNewton(1 / 8.);
    }

    @Test
    void anInverseOfThePresentAverageNeedsNoOtherBound() {
        newtonError = .01;
        engine.states(new FactorState(1, 2, 0), new FactorState(1, 2, 0));
        inverted(2, ROOT, 10, 0);
        refresh(0);
        assertNewton(1);
    }

    @Test
    void whereNewtonsMethodFailsTheFactorisationsFollow() {
        newtonError = .01;
        inverted(1, ROOT, 10, 0);
        answers(
                Inverted.failed(Inverted.Status.NOT_CONVERGED),
                INDEFINITE,
                INDEFINITE,
                INDEFINITE,
                INDEFINITE);
        refresh(0);
        assertThat(tried())
                .containsExactly(
                        newton(1),
                        wish(ROOT, FLOAT),
                        wish(10 * ROOT, FLOAT),
                        wish(100 * ROOT, FLOAT),
                        wish(ROOT, DOUBLE));
    }

    @Test
    void anInverseOfNewtonsMethodThatIsNotGoodEnoughIsLeftForTheFactorisationInFloat() {
        newtonError = .01;
        inverted(1, ROOT, 10, 0);
        answers(INACCURATE, GOOD);
        refresh(0);
        assertThat(tried()).containsExactly(newton(1), wish(ROOT, FLOAT));
        assertThat(reports[0].fallback()).isEqualTo(CHOLESKY);
    }

    @ParameterizedTest
    @ValueSource(doubles = {1, 1e4})
    void newtonsMethodIsTriedUpToAConditionOfTenThousand(double condition) {
        newtonError = .01;
        inverted(1, ROOT, condition, 0);
        refresh(0);
        assertThat(tried()).containsExactly(newton(1));
    }

    @ParameterizedTest
    @CsvSource({
        // Not asked for; ill-conditioned; an error that leaves no bound.
        "0, 10, 0",
        ".01, 10001, 0",
        ".01, Infinity, 0",
        ".01, 10, 1",
        ".01, 10, 2"
    })
    void otherwiseItIsNotTried(double asked, double condition, double error) {
        newtonError = asked;
        inverted(1, ROOT, condition, error);
        refresh(0);
        assertThat(tried()).containsExactly(wish(ROOT, FLOAT));
        assertThat(reports[0].fallback()).isEqualTo(NONE);
    }

    @Test
    void norIsItTriedFromAnInverseThatIsNotOfTheLastRefreshNorFromNone() {
        newtonError = .01;
        inverted(1, ROOT, 10, 0);
        histories[0].keptStale();
        refresh(0);
        assertThat(wishes(_ -> true))
                .containsExactly(wish(ROOT, FLOAT), new Inversion(1, ROOT, FLOAT));
    }

    /** Answers as it is told to, and keeps what it was asked. */
    private static final class Engine implements KroneckerEngine {
        final List<List<Inversion>> rounds = new ArrayList<>();
        final List<List<Integer>> adopted = new ArrayList<>();

        /** For the first factor. */
        final Deque<Inverted> answers = new ArrayDeque<>();

        Inverted byDefault = GOOD;
        private List<FactorState> states;

        Engine() {
            traces(1, 1, 1, 1);
        }

        void traces(double... traces) {
            states = Arrays.stream(traces).mapToObj(each -> new FactorState(each, 1, 0)).toList();
        }

        /** Of both layers. */
        void states(FactorState first, FactorState second) {
            states = List.of(first, first, second, second);
        }

        @Override
        public List<FactorState> factors() {
            return states;
        }

        @Override
        public List<Inverted> invert(List<Inversion> inversions) {
            rounds.add(inversions);
            return inversions.stream()
                    .map(
                            each ->
                                    each.factor() == 0 && !answers.isEmpty()
                                            ? answers.remove()
                                            : byDefault)
                    .toList();
        }

        @Override
        public void adopt(List<Integer> factors) {
            adopted.add(List.copyOf(factors));
        }

        @Override
        public void accumulate(int layer, Contribution contribution) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void commit(StepFacts step) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void discard() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void begin() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void undo() {
            throw new UnsupportedOperationException();
        }

        @Override
        public long[] updates() {
            throw new UnsupportedOperationException();
        }

        @Override
        public void adoptIdentity(List<Integer> factors) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void adoptZeros(List<Integer> factors) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void check(List<Preconditioning> layers) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void precondition(StepFacts step, List<Preconditioning> layers, double klClip) {
            throw new UnsupportedOperationException();
        }

        @Override
        public OptionalDouble klCoefficient() {
            throw new UnsupportedOperationException();
        }

        @Override
        public StateTensor average(int factor) {
            throw new UnsupportedOperationException();
        }

        @Override
        public StateTensor inverse(int factor) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void restore(int layer, long updates, long refused) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void close() {}
    }
}
