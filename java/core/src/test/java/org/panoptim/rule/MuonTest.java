package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.Snapshot;
import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** After PyTorch's loop, torch/optim/_muon.py, in double in place of bfloat16. */
class MuonTest {

    /** What one iteration makes of a singular value of 1. */
    private static final double ONCE = 3.4445 - 4.775 + 2.0315;

    /** The usual rule without what else moves a parameter, and with one iteration. */
    private static final Muon PLAIN =
            Muon.withLearningRate(1).withWeightDecay(0).withMomentum(0).withSteps(1);

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        backend.close();
    }

    private static final class Loop extends SourceLoop {

        private static final List<int[]> SIZES =
                List.of(new int[] {2, 3}, new int[] {5, 2}, new int[] {3, 3}, new int[] {2, 6});

        private final Muon rule;
        private final double[][] momentum;

        Loop(Muon rule) {
            super(List.of(Shape.of(2, 3), Shape.of(5, 2), Shape.of(3, 3), Shape.of(2, 3, 2)));
            this.rule = rule;
            momentum = zeros();
        }

        @Override
        void step() {
            double mu = rule.momentum();
            double rate = rule.learningRate() * FACTOR;
            for (int i = 0; i < p.length; i++) {
                int rows = SIZES.get(i)[0];
                int columns = SIZES.get(i)[1];
                var update = new double[rows * columns];
                for (int j = 0; j < update.length; j++) {
                    momentum[i][j] += (1 - mu) * (g[i][j] - momentum[i][j]);
                    update[j] =
                            rule.nesterov()
                                    ? g[i][j] + mu * (momentum[i][j] - g[i][j])
                                    : momentum[i][j];
                }
                var x = orthogonal(update, rows, columns);
                double scale =
                        rule.matchRmsAdamw()
                                ? 0.2 * Math.sqrt(Math.max(rows, columns))
                                : Math.sqrt(Math.max(1, (double) rows / columns));
                for (int j = 0; j < update.length; j++) {
                    p[i][j] *= 1 - rate * rule.weightDecay();
                    p[i][j] -= rate * scale * x[j];
                }
            }
        }

        private double[] orthogonal(double[] update, int rows, int columns) {
            boolean turned = rows > columns;
            int n = turned ? columns : rows;
            int m = turned ? rows : columns;
            var x = new double[n][m];
            double norm = Math.max(Math.sqrt(squares(update)), rule.epsilon());
            for (int r = 0; r < n; r++) {
                for (int c = 0; c < m; c++) {
                    x[r][c] = update[turned ? c * columns + r : r * columns + c] / norm;
                }
            }
            for (int step = 0; step < rule.nsSteps(); step++) {
                var gram = new double[n][n];
                for (int r = 0; r < n; r++) {
                    for (int s = 0; s < n; s++) {
                        for (int c = 0; c < m; c++) {
                            gram[r][s] += x[r][c] * x[s][c];
                        }
                    }
                }
                var polynomial = new double[n][n];
                for (int r = 0; r < n; r++) {
                    for (int s = 0; s < n; s++) {
                        polynomial[r][s] = rule.nsB() * gram[r][s];
                        for (int t = 0; t < n; t++) {
                            polynomial[r][s] += rule.nsC() * gram[r][t] * gram[t][s];
                        }
                    }
                }
                var next = new double[n][m];
                for (int r = 0; r < n; r++) {
                    for (int c = 0; c < m; c++) {
                        next[r][c] = rule.nsA() * x[r][c];
                        for (int s = 0; s < n; s++) {
                            next[r][c] += polynomial[r][s] * x[s][c];
                        }
                    }
                }
                x = next;
            }
            var result = new double[update.length];
            for (int r = 0; r < n; r++) {
                for (int c = 0; c < m; c++) {
                    result[turned ? c * columns + r : r * columns + c] = x[r][c];
                }
            }
            return result;
        }
    }

    static Stream<Muon> rules() {
        var usual = new Muon(0.1, 0.3, 0.8, true, 3.4445, -4.775, 2.0315, 1e-7, 5, false);
        return Stream.of(
                Muon.withLearningRate(0.1),
                usual,
                usual.withNesterov(false),
                usual.withMomentum(0),
                usual.withMatchRmsAdamw(true),
                usual.withWeightDecay(0),
                usual.withSteps(1),
                usual.withSteps(2),
                usual.withSteps(6),
                // Norms are below this.
                new Muon(0.1, 0.3, 0.8, true, 3.4445, -4.775, 2.0315, 50, 5, false),
                new Muon(0.1, 0.3, 0.8, true, 1.875, -1.25, 0.375, 1e-7, 8, true));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void itFollowsPyTorchsLoop(Muon rule) {
        new Loop(rule).isFollowedBy(rule);
    }

    @Test
    void theDefaultsArePyTorchs() {
        var rule = Muon.defaults();
        assertThat(rule)
                .isEqualTo(new Muon(1e-3, 0.1, 0.95, true, 3.4445, -4.775, 2.0315, 1e-7, 5, false));
        assertThat(Rules.muon(0.5)).isEqualTo(Muon.withLearningRate(0.5));
        assertThat(Rules.muon(0.5).learningRate()).isEqualTo(0.5);
        assertThat(rule.name()).isEqualTo("muon");
        assertThat(rule.takesMomentum()).isTrue();
        assertThat(rule.decoupledDecay()).hasValue(0.1);
        assertThat(rule.slots().stream().filter(Slot::isKept))
                .containsExactly(new Slot("momentum_buffer"));
        assertThat(Rules.settings(rule))
                .containsOnlyKeys(
                        "lr",
                        "weight_decay",
                        "momentum",
                        "nesterov",
                        "ns_a",
                        "ns_b",
                        "ns_c",
                        "eps",
                        "ns_steps",
                        "match_rms_adamw");
    }

    @Test
    void tooManyIterationsAreRefused() {
        assertThat(Muon.defaults().withSteps(99).nsSteps()).isEqualTo(99);
        assertThatThrownBy(() -> Muon.defaults().withSteps(100))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("Muon: nsSteps must be from 1 to 99, but is 100");
    }

    private Optimizer optimizer(Muon rule, Parameter... parameters) {
        return Optimizer.builder(rule)
                .group("all", List.of(parameters))
                .nonFinite(NonFinitePolicy.SKIP)
                .backend(backend)
                .build();
    }

    private float[] afterAStep(Muon rule, Shape shape, float start, float... gradient) {
        var starts = new float[gradient.length];
        Arrays.fill(starts, start);
        var parameter = gradient(tensor("p", shape, starts), gradient);
        try (var optimizer = optimizer(rule, parameter)) {
            optimizer.step();
        }
        return values(parameter);
    }

    /** A single row or column has one singular value, its norm. */
    @Test
    void aRowAndAColumn() {
        float[] ofRow = {(float) (1 - 0.6 * ONCE), (float) (1 - 0.8 * ONCE)};
        assertThat(afterAStep(PLAIN, Shape.of(1, 2), 1, 3, 4))
                .containsExactly(ofRow, within(2e-7f));
        // Two rows to a column make the step √2 times as long.
        double root = Math.sqrt(2);
        float[] ofColumn = {(float) (1 - root * 0.6 * ONCE), (float) (1 - root * 0.8 * ONCE)};
        assertThat(afterAStep(PLAIN, Shape.of(2, 1), 1, 3, 4))
                .containsExactly(ofColumn, within(2e-7f));
        // 0.2 √2 whichever of the two it is.
        double rms = 0.2 * root;
        float[] asAdamW = {(float) (1 - rms * 0.6 * ONCE), (float) (1 - rms * 0.8 * ONCE)};
        for (var shape : List.of(Shape.of(1, 2), Shape.of(2, 1))) {
            assertThat(afterAStep(PLAIN.withMatchRmsAdamw(true), shape, 1, 3, 4))
                    .containsExactly(asAdamW, within(2e-7f));
        }
    }

    /** Of a diagonal matrix singular values stay where they are. */
    @Test
    void singularValuesAreBroughtNearOne() {
        // 0.6 and 0.8 become 3.4445 x - 4.775 x^3 + 2.0315 x^5.
        assertThat(afterAStep(PLAIN, Shape.of(2, 2), 0, 3, 0, 0, -4))
                .containsExactly(new float[] {-1.1932694f, 0, 0, 0.97648192f}, within(4e-7f));
        float[] values = afterAStep(PLAIN.withSteps(5), Shape.of(2, 2), 0, 3, 0, 0, -4);
        assertThat(-values[0]).isBetween(0.65f, 1.25f);
        assertThat(values[3]).isBetween(0.65f, 1.25f);
    }

    @Test
    void convolutionsAreMatricesWithARowForEachFilter() {
        float[] gradient = {1, -2, 3, 0.5f, 4, -1, 2, 0, 1, 1, -3, 2};
        var rule = Muon.withLearningRate(0.1);
        assertThat(afterAStep(rule, Shape.of(2, 3, 2), 1, gradient))
                .containsExactly(afterAStep(rule, Shape.of(2, 6), 1, gradient))
                .isNotEqualTo(afterAStep(rule, Shape.of(6, 2), 1, gradient));
    }

    /** Only the weight decay moves a parameter whose gradients are zero. */
    @Test
    void zeroGradientsMakeNoUpdate() {
        var rule = Muon.withLearningRate(0.5).withWeightDecay(0.5);
        for (var shape : List.of(Shape.of(2, 2), Shape.of(1, 4), Shape.of(4, 1))) {
            assertThat(afterAStep(rule, shape, 4, 0, 0, 0, 0)).containsExactly(3, 3, 3, 3);
        }
    }

    /** The norm is summed in double, and divided by in two factors where its inverse is none. */
    @ParameterizedTest
    @ValueSource(floats = {1e30f, 3e38f, 1e-30f, 1e-38f})
    void aGradientsSizeIsNoneOfItsDirection(float size) {
        var rule = new Muon(1, 0, 0, true, 3.4445, -4.775, 2.0315, 1e-42, 5, false);
        float[] usual = afterAStep(rule, Shape.of(2, 2), 0, 1, 0.5f, -0.25f, 1);
        float[] scaled =
                afterAStep(rule, Shape.of(2, 2), 0, size, size * 0.5f, size * -0.25f, size);
        // The products' rounding, and that of elements which are denormal before they are divided.
        assertThat(scaled).containsExactly(usual, within(1e-5f));
    }

    /** Such a gradient is one among others: whole multiples of the least float. */
    @Test
    void denormalGradientsHaveADirectionIfEpsilonLetsThem() {
        float least = Float.MIN_VALUE;
        var rule = new Muon(1, 0, 0, true, 3.4445, -4.775, 2.0315, least, 1, false);
        assertThat(afterAStep(rule, Shape.of(1, 2), 0, 3 * least, 4 * least))
                .containsExactly(
                        new float[] {(float) (-0.6 * ONCE), (float) (-0.8 * ONCE)}, within(2e-7f));
        // With the usual one the step is as much smaller as the norm is below it.
        assertThat(afterAStep(PLAIN, Shape.of(1, 2), 0, 3e-40f, 4e-40f))
                .containsExactly(
                        new float[] {(float) (-3e-33 * 3.4445), (float) (-4e-33 * 3.4445)},
                        within(1e-36f));
    }

    @Test
    void matricesWithoutElementsAreThere() {
        var none = gradient(tensor("none", Shape.of(0, 3)));
        var nothing = gradient(tensor("nothing", Shape.of(3, 0)));
        var some = gradient(tensor("some", Shape.of(1, 1), 1), 2);
        try (var optimizer = optimizer(PLAIN, none, some, nothing)) {
            optimizer.step();
            assertThat(values(some)[0]).isCloseTo((float) (1 - ONCE), within(1e-6f));
        }
    }

    private static final String VECTOR_REFUSED =
            "group 'all': rule muon refuses parameter 'bias' of [3], since it takes parameters of"
                    + " two dimensions or more; give it another rule in a group of its own, with"
                    + " Optimizer.Builder.group(name, parameters, rule)";

    @Test
    void vectorsAndScalarsAreRefusedByName() {
        var matrix = tensor("matrix", Shape.of(1, 1), 1);
        assertThatThrownBy(() -> optimizer(PLAIN, matrix, vector("bias", 1, 2, 3)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(VECTOR_REFUSED);
        assertThatThrownBy(() -> optimizer(PLAIN, tensor("scale", Shape.of(), 1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("group 'all': rule muon refuses parameter 'scale' of []");
        try (var optimizer = optimizer(PLAIN, matrix)) {
            assertThatThrownBy(
                            () ->
                                    optimizer.add(
                                            new ParameterGroup(
                                                    "more", PLAIN, List.of(vector("b", 1)))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith("group 'more': rule muon refuses parameter 'b' of [1]");
            gradient(matrix, 2);
            optimizer.step();
            assertThat(values(matrix)[0]).isCloseTo((float) (1 - ONCE), within(1e-6f));
        }
    }

    @Test
    void whatIsRefusedGoesWithAnotherRuleBeside() {
        var matrix = gradient(tensor("matrix", Shape.of(1, 2), 1, 1), 3, 4);
        var bias = gradient(vector("bias", 1), 2);
        try (var optimizer =
                Optimizer.builder(PLAIN)
                        .group("matrices", List.of(matrix))
                        .group("others", List.of(bias), SGD.withLearningRate(0.25))
                        .backend(backend)
                        .build()) {
            optimizer.step();
        }
        assertThat(values(bias)).containsExactly(0.5f);
        assertThat(values(matrix)[0]).isCloseTo((float) (1 - 0.6 * ONCE), within(1e-6f));
    }

    @Test
    void whatHasNoGradientOrIsFrozenStays() {
        var one = gradient(tensor("one", Shape.of(1, 2), 1, 2), 1, 1);
        var other = gradient(tensor("other", Shape.of(1, 2), 3, 4), 1, 1);
        try (var optimizer = optimizer(Muon.withLearningRate(0.5), one, other)) {
            optimizer.step();
            float[] before = values(other);
            float[] momentum = optimizer.state("other", "momentum_buffer").toArray();
            gradient(one, 2, -1);
            other.clearGradient();
            optimizer.step();
            assertThat(values(other)).containsExactly(before);
            assertThat(optimizer.state("other", "momentum_buffer").toArray())
                    .containsExactly(momentum);
            float[] moved = values(one);
            optimizer.freeze("all");
            optimizer.step();
            assertThat(values(one)).containsExactly(moved);
            // What lies in its work from an earlier step is none of this one's.
            optimizer.unfreeze("all");
            gradient(one, Float.NaN, 1);
            gradient(other, 1, 2);
            optimizer.step();
            assertThat(optimizer.report().accepted()).isFalse();
            assertThat(values(one)).containsExactly(moved);
            assertThat(values(other)).containsExactly(before);
        }
    }

    /** Two steps of different kinds at a time, from a checkpoint after each. */
    @Test
    void itGoesOnFromACheckpointAfterEveryStep(@TempDir Path folder) throws IOException {
        var file = folder.resolve("muon.safetensors");
        for (int saved = 0; saved <= 5; saved++) {
            var one = tensor("p", Shape.of(2, 3), 1, -2, 3, 4, 0, 1);
            var two = tensor("p", Shape.of(2, 3), 0, 0, 0, 0, 0, 0);
            try (var first = optimizer(Muon.withLearningRate(0.1), one);
                    var second = optimizer(Muon.withLearningRate(0.1), two)) {
                train(first, one, 1, saved);
                first.save(file);
                second.load(file);
                ((HostMemory) two.value()).segment().copyFrom(((HostMemory) one.value()).segment());
                train(first, one, saved + 1, 7);
                train(second, two, saved + 1, 7);
                assertThat(Snapshot.of(second).trained()).isEqualTo(Snapshot.of(first).trained());
            }
        }
    }

    private static void train(Optimizer optimizer, Parameter parameter, int from, int to) {
        for (int step = from; step <= to; step++) {
            gradient(parameter, step, -1, 0.5f, 1f / step, step == 4 ? Float.NaN : 2, -step);
            optimizer.step();
        }
    }

    @Test
    void theSchedulesMomentumReplacesItsOwn() {
        var one = gradient(tensor("one", Shape.of(1, 2), 1, 2), 1, 3);
        var schedule =
                new Schedule() {
                    @Override
                    public double factor(long step) {
                        return 1;
                    }

                    @Override
                    public double momentum(long step) {
                        return 0.5;
                    }
                };
        try (var optimizer =
                Optimizer.builder(Muon.withLearningRate(0.5))
                        .group("all", List.of(one))
                        .schedule(schedule)
                        .backend(backend)
                        .build()) {
            optimizer.step();
            assertThat(optimizer.state("one", "momentum_buffer").toArray())
                    .containsExactly(0.5f, 1.5f);
        }
    }

    /** A row's direction has a norm of what an iteration makes of 1. */
    @Test
    void statisticsTellTheStepsLength() {
        var parameter = gradient(tensor("p", Shape.of(1, 2), 6, 8), 3, 4);
        try (var optimizer =
                Optimizer.builder(PLAIN.atLearningRate(0.5))
                        .group("all", List.of(parameter))
                        .statistics(true)
                        .backend(backend)
                        .build()) {
            optimizer.step();
            var statistics = optimizer.report().parameters().get("p");
            assertThat(statistics.gradientNorm()).hasValue(5);
            assertThat(statistics.updateNorm().orElseThrow()).isCloseTo(0.5 * ONCE, within(1e-6));
        }
    }

    private List<String> explained(Muon rule) {
        var parameter = gradient(tensor("p", Shape.of(4, 1), 1, 2, 3, 4), 1, 1, 1, 1);
        try (var optimizer = optimizer(rule, parameter)) {
            return optimizer.explain("p").lines().toList();
        }
    }

    @Test
    void anExplanationTellsWhatTheShapeMultipliesTheRateBy() {
        assertThat(explained(Muon.withLearningRate(0.5)))
                .contains(
                        "The learning rate is 0.5: 0.5 of the rule, times 1 of the schedule in step"
                                + " 1.",
                        "For the update, not for the weight decay, the learning rate is multiplied"
                                + " by 2, √max(1, rows/columns) of a matrix of 4 x 1.");
        assertThat(explained(Muon.withLearningRate(0.5).withMatchRmsAdamw(true)))
                .contains(
                        "For the update, not for the weight decay, the learning rate is multiplied"
                                + " by 0.4, 0.2·√max(rows, columns) of a matrix of 4 x 1.");
    }
}
