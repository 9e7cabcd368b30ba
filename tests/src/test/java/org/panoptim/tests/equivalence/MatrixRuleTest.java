package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.UnusableOptimizerException;
import org.panoptim.matrix.MatrixBatch;
import org.panoptim.matrix.MatrixEngine;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.MatrixWork;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.MatrixShapes;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/**
 * A rule that works on matrices between its phases, on every backend.
 *
 * <p>What its phases alone compute has the reference's bits; what comes of products is near.
 */
@Tag("testing-library")
class MatrixRuleTest {

    private static final TestOrthogonal RULE = new TestOrthogonal(0.1, 0.5, false);

    /**
     * Products of at most 12 numbers below 1, {@link TestOrthogonal#ITERATIONS} times: rounding in
     * float moves a direction by some 12 · 12 · 2⁻²⁴ before the iteration, which pulls towards what
     * it converges to, makes less of it.
     */
    private static final float BOUND = 1e-5f;

    /** Some of one shape lie at one distance from each other in a device's memory, some do not. */
    private static final List<Shape> SHAPES =
            List.of(
                    Shape.of(5, 9),
                    Shape.of(12, 4),
                    Shape.of(5, 9),
                    Shape.of(3, 2, 4),
                    Shape.of(7),
                    Shape.of(),
                    Shape.of(5, 9),
                    Shape.of(8, 2),
                    Shape.of(8, 2));

    /** The parameters of a model, with gradients to be set anew. */
    private static final class Model {

        private final Random random = new Random(17);
        final List<Parameter> parameters = new ArrayList<>();
        final BackendFixture fixture;

        Model(BackendFixture fixture) {
            this.fixture = fixture;
            for (int i = 0; i < SHAPES.size(); i++) {
                var shape = SHAPES.get(i);
                parameters.add(Parameter.of("p" + i, shape, fixture.floats(normal(shape))));
            }
        }

        private float[] normal(Shape shape) {
            var values = new float[Math.toIntExact(shape.elements())];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            return values;
        }

        void draw() {
            parameters.forEach(each -> each.gradient(fixture.floats(normal(each.shape()))));
        }

        Optimizer.Builder<UpdateRule> builder() {
            return fixture.builder(RULE)
                    .group("all", parameters)
                    .schedule(Schedule.of(step -> 1.0 / step))
                    .nonFinite(NonFinitePolicy.SKIP);
        }
    }

    /** Steps with a refused one, an absent gradient, and a group that is frozen for a while. */
    private static Optimizer trained(Model model) {
        var optimizer = model.fixture.build(model.builder());
        model.draw();
        optimizer.step();
        model.draw();
        model.parameters.get(1).gradient(model.fixture.repeated(Float.NaN, 48));
        optimizer.step();
        model.draw();
        model.parameters.get(2).clearGradient();
        optimizer.step();
        model.draw();
        optimizer.freeze("all");
        optimizer.step();
        optimizer.unfreeze("all");
        optimizer.step();
        return optimizer;
    }

    private static List<float[]> momentums(Optimizer optimizer) {
        return IntStream.range(0, SHAPES.size())
                .mapToObj(i -> optimizer.state("p" + i, "momentum").toArray())
                .toList();
    }

    @Test
    void everyBackendComesNearTheReference() {
        try (var expected = new BackendFixture(SuiteBackends.reference())) {
            var model = new Model(expected);
            var optimizer = trained(model);
            for (var other : SuiteBackends.others()) {
                try (var fixture = new BackendFixture(other)) {
                    var actual = new Model(fixture);
                    var found = trained(actual);
                    assertThat(found.report().skipped()).as("%s", other).isEqualTo(1);
                    assertThat(momentums(found))
                            .as("%s: what phases compute", other)
                            .usingRecursiveComparison()
                            .isEqualTo(momentums(optimizer));
                    for (int i = 0; i < SHAPES.size(); i++) {
                        assertThat(BackendFixture.values(actual.parameters.get(i)))
                                .as("%s: parameter %s", other, i)
                                .containsExactly(
                                        BackendFixture.values(model.parameters.get(i)),
                                        within(BOUND));
                    }
                }
            }
        }
    }

    @Test
    void theDirectionIsOrthogonal() {
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject)) {
                var model = new Model(fixture);
                var before = BackendFixture.values(model.parameters.get(0));
                var optimizer = fixture.build(model.builder());
                model.draw();
                optimizer.step();
                var after = BackendFixture.values(model.parameters.get(0));
                for (int i = 0; i < 5; i++) {
                    for (int j = 0; j < 5; j++) {
                        double product = 0;
                        for (int k = 0; k < 9; k++) {
                            double left = (before[9 * i + k] - after[9 * i + k]) / 0.1;
                            double right = (before[9 * j + k] - after[9 * j + k]) / 0.1;
                            product += left * right;
                        }
                        assertThat(product)
                                .as("%s: rows %d and %d", subject, i, j)
                                .isCloseTo(i == j ? 1 : 0, within(1e-3));
                    }
                }
            }
        }
    }

    /**
     * The damped square has a condition of at most (1 + d) / d = 5, so that rounding in float moves
     * its inverse by some n · 5 · 2⁻²⁴ of its norm of at most 4, for n = 130 by 1.6e-4 at worst and
     * by a root of that number in the mean; an element of a direction of norm 1 by a tenth of it.
     */
    private static final float WHITENED_BOUND = 2e-5f;

    /** The directions of a first step of whitening, one for each of the shapes. */
    private static List<float[]> whitened(BackendFixture fixture) {
        var random = new Random(23);
        var parameters = new ArrayList<Parameter>();
        for (int i = 0; i < MatrixShapes.OF_BLOCKS.size(); i++) {
            var shape = MatrixShapes.OF_BLOCKS.get(i);
            int elements = Math.toIntExact(shape.elements());
            var gradient = new float[elements];
            for (int j = 0; j < elements; j++) {
                gradient[j] = (float) random.nextGaussian();
            }
            parameters.add(
                    Parameter.of("p" + i, shape, fixture.repeated(0, elements))
                            .gradient(fixture.floats(gradient)));
        }
        var rule = new TestOrthogonal(1, 0, false, true);
        fixture.optimizer(rule, parameters.toArray(Parameter[]::new)).step();
        return parameters.stream().map(BackendFixture::values).toList();
    }

    @Test
    void whatAnEngineOffersBesideProductsComesNearTheReference() {
        try (var reference = new BackendFixture(SuiteBackends.reference())) {
            var expected = whitened(reference);
            for (var other : SuiteBackends.others()) {
                try (var fixture = new BackendFixture(other)) {
                    var found = whitened(fixture);
                    for (int i = 0; i < expected.size(); i++) {
                        assertThat(found.get(i))
                                .as("%s: %s", other, MatrixShapes.OF_BLOCKS.get(i))
                                .containsExactly(expected.get(i), within(WHITENED_BOUND));
                    }
                }
            }
        }
    }

    @Test
    void aRefusedStepLeavesEverythingAsItWas() {
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject)) {
                var model = new Model(fixture);
                var optimizer = trained(model);
                var values = model.parameters.stream().map(BackendFixture::values).toList();
                var momentums = momentums(optimizer);
                model.draw();
                model.parameters.get(5).gradient(fixture.floats(Float.POSITIVE_INFINITY));
                optimizer.step();
                assertThat(model.parameters.stream().map(BackendFixture::values).toList())
                        .as("%s", subject)
                        .usingRecursiveComparison()
                        .isEqualTo(values);
                assertThat(momentums(optimizer))
                        .as("%s", subject)
                        .usingRecursiveComparison()
                        .isEqualTo(momentums);
            }
        }
    }

    @Test
    void itStandsBesideOtherRulesAndTakesParametersLater() {
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject);
                    var alone = new BackendFixture(subject)) {
                var model = new Model(fixture);
                var bias = fixture.parameter("bias", 1, 2);
                var optimizer =
                        fixture.build(
                                fixture.builder(SGD.withLearningRate(1))
                                        .group("biases", List.of(bias)));
                optimizer.add(new ParameterGroup("matrices", RULE, model.parameters));
                var other = new Model(alone);
                var matrices = alone.optimizer(RULE, other.parameters.toArray(Parameter[]::new));
                for (int i = 0; i < 2; i++) {
                    model.draw();
                    bias.gradient(fixture.floats(1, 1));
                    optimizer.step();
                    other.draw();
                    matrices.step();
                }
                assertThat(BackendFixture.values(bias)).as("%s", subject).containsExactly(-1, 0);
                assertThat(model.parameters.stream().map(BackendFixture::values).toList())
                        .as("%s", subject)
                        .usingRecursiveComparison()
                        .isEqualTo(other.parameters.stream().map(BackendFixture::values).toList());
            }
        }
    }

    /** A square matrix with a gradient. */
    private static Parameter square(BackendFixture fixture, String name) {
        return Parameter.of(name, Shape.of(2, 2), fixture.floats(1, 2, 3, 4))
                .gradient(fixture.floats(4, 3, 2, 1));
    }

    private static final String KEPT =
            "rule test-between kept what it was given after phase 0 for parameters of [2, 2], which"
                    + " is valid only until 'between' returns";

    @Test
    void whatARuleKeepsIsRefusedWhenTheCallIsOver() {
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject)) {
                var works = new ArrayList<MatrixWork>();
                var engines = new ArrayList<MatrixEngine>();
                var batches = new ArrayList<MatrixBatch>();
                var rule =
                        new TestBetween(
                                (_, work) -> {
                                    works.add(work);
                                    engines.add(work.engine());
                                    batches.addAll(List.of(work.slot(1), work.scratch(0)));
                                    batches.addAll(List.of(work.scratch(1), work.scratch(4)));
                                });
                fixture.optimizer(rule, square(fixture, "p")).step();
                var work = works.getFirst();
                var engine = engines.getFirst();
                var a = batches.get(0);
                var b = batches.get(1);
                var c = batches.get(2);
                var number = batches.get(3);
                for (var use :
                        List.<ThrowingCallable>of(
                                work::shape,
                                work::engine,
                                () -> work.slot(1),
                                () -> work.scratch(0),
                                () -> engine.multiply(1, a, false, b, false, 0, c),
                                () -> engine.rankUpdate(1, a, false, 0, c),
                                () -> engine.factorise(a, 0, c),
                                () -> engine.invert(a, 0, b, c),
                                () -> engine.norms(a, number),
                                () -> engine.divide(a, number, 1),
                                () -> engine.copy(a, b))) {
                    assertThatThrownBy(use)
                            .as("%s", subject)
                            .isInstanceOf(IllegalStateException.class)
                            .hasMessage(KEPT);
                }
            }
        }
    }

    @Test
    void aMatrixOfAnEarlierCallIsRefusedByALaterEngine() {
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject)) {
                var kept = new ArrayList<MatrixBatch>();
                var rule =
                        new TestBetween(
                                (phase, work) -> {
                                    if (phase == 0) {
                                        kept.add(work.slot(1));
                                    } else {
                                        work.engine().copy(kept.getFirst(), work.scratch(0));
                                    }
                                });
                var optimizer = fixture.optimizer(rule, square(fixture, "p"));
                assertThatThrownBy(optimizer::step)
                        .as("%s", subject)
                        .hasRootCauseInstanceOf(IllegalStateException.class)
                        .hasRootCauseMessage(KEPT);
            }
        }
    }

    @Test
    void aFailureBetweenPhasesSaysWhichRuleFailedWhereAndNoParameterIsWritten() {
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject)) {
                var thrown = new ArithmeticException("planted");
                var rule =
                        new TestBetween(
                                (phase, work) -> {
                                    if (phase == 1 && work.shape().equals(Shape.of(2, 2))) {
                                        throw thrown;
                                    }
                                });
                var p = fixture.parameter("p", 1, 2).gradient(fixture.floats(3, 4));
                var q = square(fixture, "q");
                var optimizer = fixture.optimizer(rule, p, q);
                assertThatThrownBy(optimizer::step)
                        .as("%s", subject)
                        .isInstanceOf(UnusableOptimizerException.class)
                        .hasMessage(
                                "the optimizer is unusable, since a step failed half way: group"
                                        + " 'all': the linear algebra of rule test-between after"
                                        + " phase 1, for parameters of [2, 2], failed:"
                                        + " java.lang.ArithmeticException: planted. Close it, and"
                                        + " load a checkpoint into a new one")
                        .satisfies(e -> assertThat(e.getCause().getCause()).isSameAs(thrown));
                // Phases before it have written states, so nobody goes on with these.
                assertThatThrownBy(optimizer::step)
                        .as("%s", subject)
                        .isInstanceOf(UnusableOptimizerException.class)
                        .hasMessageContaining("rule test-between after phase 1");
                assertThat(BackendFixture.values(p)).as("%s", subject).containsExactly(1, 2);
                assertThat(BackendFixture.values(q)).as("%s", subject).containsExactly(1, 2, 3, 4);
            }
        }
    }

    @Test
    void aCheckpointHasTheStatesAndNotTheWork(@TempDir Path folder) throws IOException {
        var file = folder.resolve("matrices.safetensors");
        for (var subject : SuiteBackends.all()) {
            try (var first = new BackendFixture(subject);
                    var second = new BackendFixture(SuiteBackends.reference())) {
                var saved = trained(new Model(first));
                saved.save(file);
                var loaded = second.build(new Model(second).builder());
                loaded.load(file);
                assertThat(momentums(loaded))
                        .as("%s", subject)
                        .usingRecursiveComparison()
                        .isEqualTo(momentums(saved));
                assertThatThrownBy(() -> saved.state("p0", "direction"))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("keeps no state 'direction'");
            }
        }
    }

    @Test
    void theRuleMayNeedOtherMatricesFromNowOn() {
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject);
                    var other = new BackendFixture(subject)) {
                var model = new Model(fixture);
                var optimizer = fixture.build(model.builder());
                var plain = new Model(other);
                var expected = other.build(plain.builder());
                for (boolean roomy : new boolean[] {false, true, false}) {
                    optimizer.rule("all", new TestOrthogonal(0.1, 0.5, roomy));
                    model.draw();
                    optimizer.step();
                    plain.draw();
                    expected.step();
                }
                assertThat(model.parameters.stream().map(BackendFixture::values).toList())
                        .as("%s", subject)
                        .usingRecursiveComparison()
                        .isEqualTo(plain.parameters.stream().map(BackendFixture::values).toList());
            }
        }
    }
}
