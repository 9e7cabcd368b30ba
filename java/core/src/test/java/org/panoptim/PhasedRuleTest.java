package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Normalized;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.LossScale;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Rules of several phases with reductions between them. */
class PhasedRuleTest {

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    @Test
    void twoPhasesWithBothKindsOfReductionWorkedOutByHand() {
        // β = 0, so m = g. Squares per tensor: 9 + 16 = 25 and 4; magnitude over all: 3 + 4 + 2 =
        // 9.
        // The steps are η/(5 + 1e-8)/10 and η/(2 + 1e-8)/10.
        var a = vector("a", 0, 0);
        var b = vector("b", 0);
        try (var optimizer =
                Optimizer.builder(new Normalized(100, 0))
                        .group("first", List.of(a))
                        .group("second", List.of(b), rule -> rule.atLearningRate(10))
                        .backend(backend)
                        .build()) {
            gradient(a, 3, -4);
            gradient(b, 2);
            optimizer.step();
            assertThat(optimizer.state("a", "exp_avg").toArray()).containsExactly(3, -4);
            assertThat(values(a)).containsExactly(-3 * 2f, 4 * 2f);
            assertThat(values(b)).containsExactly(-2 * 0.5f);
        }
    }

    /** A tensor of the naive computation. */
    private static final class Naive {
        final float[] p;
        final float[] m;
        float[] g = {};
        boolean live = true;

        Naive(float[] p) {
            this.p = p.clone();
            this.m = new float[p.length];
        }

        double square() {
            double sum = 0;
            for (float value : m) {
                sum += (double) value * value;
            }
            return sum;
        }

        double magnitude() {
            double sum = 0;
            for (float value : m) {
                sum += Math.abs(value);
            }
            return sum;
        }
    }

    @Test
    void manyTensorsAgreeWithANaiveComputation() {
        // Gradients are small whole numbers over powers of two, so that every sum is exact and any
        // order of adding gives the same: what differs would be a wrong phase or a wrong scope.
        var random = new Random(11);
        var sizes = new int[] {1, 5, 127, 128, 4096, 4097, 3 * 4096 + 5, 0};
        var parameters = new ArrayList<Parameter>();
        var naive = new ArrayList<Naive>();
        for (int i = 0; i < sizes.length; i++) {
            var values = wholes(random, sizes[i]);
            parameters.add(vector("p" + i, values));
            naive.add(new Naive(values));
        }
        var other = vector("other", 1, 1);
        try (var optimizer =
                Optimizer.builder(new Normalized(0.5, 0.5))
                        .group("first", parameters.subList(0, 3))
                        .group("other rule", List.of(other), SGD.withLearningRate(1))
                        .group("second", parameters.subList(3, 6), rule -> rule.atLearningRate(2))
                        .group("third", parameters.subList(6, 8))
                        .backend(backend)
                        .build()) {
            gradient(other, 100, 100);
            for (int step = 1; step <= 4; step++) {
                for (int i = 0; i < sizes.length; i++) {
                    var tensor = naive.get(i);
                    // Some are absent in some steps, and the second group is frozen in the third.
                    boolean absent = i == step;
                    tensor.live = !absent && !(step == 3 && i >= 3 && i < 6);
                    tensor.g = wholes(random, sizes[i]);
                    if (absent) {
                        parameters.get(i).clearGradient();
                    } else {
                        gradient(parameters.get(i), tensor.g);
                    }
                }
                if (step == 3) {
                    optimizer.freeze("second");
                } else if (step == 4) {
                    optimizer.unfreeze("second");
                }
                optimizer.step();
                naiveStep(naive);
                for (int i = 0; i < sizes.length; i++) {
                    assertThat(optimizer.state("p" + i, "exp_avg").toArray())
                            .as("momentum of p%d after step %d", i, step)
                            .containsExactly(naive.get(i).m);
                    assertThat(values(parameters.get(i)))
                            .as("p%d after step %d", i, step)
                            .containsExactly(naive.get(i).p);
                }
            }
        }
    }

    private static void naiveStep(List<Naive> tensors) {
        double magnitude = 0;
        for (var tensor : tensors) {
            if (tensor.live) {
                for (int i = 0; i < tensor.m.length; i++) {
                    tensor.m[i] = 0.5f * tensor.m[i] + 0.5f * tensor.g[i];
                }
                magnitude += tensor.magnitude();
            }
        }
        for (int t = 0; t < tensors.size(); t++) {
            var tensor = tensors.get(t);
            double rate = t >= 3 && t < 6 ? 2 : 0.5;
            float step = (float) (rate / (Math.sqrt(tensor.square()) + 1e-8) / (1 + magnitude));
            if (tensor.live) {
                for (int i = 0; i < tensor.p.length; i++) {
                    tensor.p[i] = tensor.p[i] - step * tensor.m[i];
                }
            }
        }
    }

    private static float[] wholes(Random random, int count) {
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextInt(-8, 9);
        }
        return values;
    }

    /**
     * Three phases: the first sums g, the second g² less that sum, the third moves by both. The
     * schedule's factor, the counts and the gradient's scale must be there in each phase.
     */
    public record ThreePhases(double learningRate) implements UpdateRule {

        @Override
        public String name() {
            return "three-phases";
        }

        @Override
        public String kernelName() {
            return "three_phases";
        }

        @Override
        public ThreePhases atLearningRate(double value) {
            return new ThreePhases(value);
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public int phases() {
            return 3;
        }

        @Override
        public List<Reduction> reductions() {
            return List.of(
                    new Reduction("late", Reduction.Scope.TENSOR, 1),
                    new Reduction("early", Reduction.Scope.TENSOR, 0));
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            float early = (float) preparation.reduction(1);
            float late = (float) preparation.reduction(0);
            float rate = (float) preparation.rate(learningRate);
            assertThat(preparation.count()).isEqualTo(preparation.step());
            return switch (phase) {
                case 0 -> element -> element.reduce(1, element.gradient(), 1);
                case 1 ->
                        element ->
                                element.reduce(0, element.gradient(), element.gradient() - early);
                default ->
                        element -> element.parameter(element.parameter() - rate * (late + early));
            };
        }
    }

    @Test
    void aLaterPhaseReadsTheReductionsOfAllBefore() {
        var p = vector("p", 0, 0);
        try (var optimizer =
                Optimizer.builder(new ThreePhases(1))
                        .group("all", List.of(p))
                        .schedule(Schedule.of(step -> step))
                        .lossScale(LossScale.fixed(2))
                        .statistics(true)
                        .backend(backend)
                        .build()) {
            gradient(p, 2, 4); // unscaled (1, 2): early = 3; late = 1·(1 − 3) + 2·(2 − 3) = −4
            optimizer.step();
            assertThat(values(p)).containsExactly(1, 1);
            assertThat(optimizer.report().updateNorm()).hasValue(Math.sqrt(2));
            optimizer.step(); // at twice the rate
            assertThat(values(p)).containsExactly(3, 3);
        }
    }

    /** Takes a reduction in a later phase again. */
    public record Wrong(double learningRate) implements UpdateRule {

        @Override
        public String name() {
            return "wrong";
        }

        @Override
        public String kernelName() {
            return "wrong";
        }

        @Override
        public Wrong atLearningRate(double value) {
            return new Wrong(value);
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public int phases() {
            return 2;
        }

        @Override
        public List<Reduction> reductions() {
            return List.of(new Reduction("early", Reduction.Scope.ALL));
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return element -> element.reduce(0, 1, 1);
        }
    }

    @Test
    void aReductionThatAnotherPhaseTakesIsRefused() {
        var p = vector("p", 0, 0);
        try (var optimizer =
                Optimizer.builder(new Wrong(1)).group("all", List.of(p)).backend(backend).build()) {
            gradient(p, 2, 4);
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(UnusableOptimizerException.class)
                    .hasMessageContaining("reduction 0 is not taken by this phase");
        }
    }

    @Test
    void aReductionHasANameAScopeAndAPhase() {
        assertThat(new Reduction("square", Reduction.Scope.ALL).phase()).isZero();
        assertThatThrownBy(() -> new Reduction("square", Reduction.Scope.ALL, -1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("phase must be at least 0, but is -1");
    }
}
