package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.Optimizer;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Muon;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.MatrixShapes;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/**
 * Muon on every backend: its momentum has the reference's bits, and its parameters are near.
 *
 * <p>How near: an iteration makes a x + b x³ + c x⁵ of each singular value, whose slope is at most
 * 3.9 for those up to 1.21, where they stay; so much it multiplies an error that it finds. To that
 * it adds what rounding makes of sums of n products, some √n · 2⁻²⁴ for each of three products,
 * times the coefficients, which are 10 together. Over five iterations this is 1 + 3.9 + … + 3.9⁴ =
 * 310 times √n · 6e-7 of the norm, which for n = 12 is 6e-4 and for n = 130 is 2e-3, if every error
 * is at the steepest place and none goes another way; an element has a share of it, one by √n.
 */
class MuonRuleTest {

    /**
     * Steps of 0.1, 0.05, 0.033 … move by 0.23 of their directions, times √3 at most for more rows
     * than columns: 0.4 · 6e-4 / √12 = 7e-5. Measured: 3.6e-7.
     */
    private static final float BOUND = 2e-6f;

    /** One step of length 1: 2e-3 / √130 = 2e-4. Measured: 1.2e-6. */
    private static final float LARGE_BOUND = 1e-5f;

    private static final List<Shape> SHAPES =
            List.of(
                    Shape.of(5, 9),
                    Shape.of(12, 4),
                    Shape.of(5, 9),
                    Shape.of(3, 2, 4),
                    Shape.of(0, 3),
                    Shape.of(7, 1),
                    Shape.of(1, 7),
                    Shape.of(5, 9),
                    Shape.of(1, 1),
                    Shape.of(8, 2),
                    Shape.of(8, 2),
                    Shape.of(4, 0));

    private static final Muon USUAL = Muon.withLearningRate(0.1);

    static Stream<Muon> rules() {
        return Stream.of(
                USUAL,
                USUAL.withSteps(2).withMatchRmsAdamw(true),
                USUAL.withNesterov(false).withMomentum(0.5).withWeightDecay(0),
                USUAL.withSteps(1).withMomentum(0));
    }

    /** The parameters of a model, with gradients to be set anew. */
    private static final class Model {

        private final Random random = new Random(17);
        private final List<Shape> shapes;
        final List<Parameter> parameters = new ArrayList<>();
        final BackendFixture fixture;

        Model(BackendFixture fixture, List<Shape> shapes) {
            this.fixture = fixture;
            this.shapes = shapes;
            for (int i = 0; i < shapes.size(); i++) {
                parameters.add(Parameter.of("p" + i, shapes.get(i), normal(shapes.get(i))));
            }
        }

        private MemorySegment normal(Shape shape) {
            var values = new float[Math.toIntExact(shape.elements())];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            return fixture.floats(values);
        }

        void draw() {
            parameters.forEach(each -> each.gradient(normal(each.shape())));
        }

        void steps(Optimizer optimizer, int from, int to) {
            for (int step = from; step <= to; step++) {
                draw();
                if (step == 2) {
                    parameters.get(1).gradient(fixture.repeated(Float.NaN, 48));
                } else if (step == 3) {
                    parameters.get(2).clearGradient();
                } else if (step == 4) {
                    optimizer.freeze("all");
                    optimizer.step();
                    optimizer.unfreeze("all");
                }
                optimizer.step();
            }
        }

        Optimizer optimizer(Muon rule) {
            return fixture.build(
                    fixture.builder(rule)
                            .group("all", parameters)
                            .schedule(Schedule.of(step -> 1.0 / step))
                            .nonFinite(NonFinitePolicy.SKIP));
        }

        List<float[]> values() {
            return parameters.stream().map(BackendFixture::values).toList();
        }

        List<float[]> momentums(Optimizer optimizer) {
            return parameters.stream()
                    .map(each -> optimizer.state(each.name(), "momentum_buffer").toArray())
                    .toList();
        }
    }

    private static void requireNear(
            List<float[]> found, List<float[]> expected, float bound, Object what) {
        for (int i = 0; i < expected.size(); i++) {
            assertThat(found.get(i))
                    .as("%s: parameter %s", what, i)
                    .containsExactly(expected.get(i), within(bound));
        }
    }

    /** With a refused step, an absent gradient, and a group that is frozen for a while. */
    @ParameterizedTest
    @MethodSource("rules")
    void everyBackendComesNearTheReference(Muon rule) {
        try (var reference = new BackendFixture(SuiteBackends.reference())) {
            var expected = new Model(reference, SHAPES);
            var optimizer = expected.optimizer(rule);
            expected.steps(optimizer, 1, 5);
            for (var other : SuiteBackends.others()) {
                try (var fixture = new BackendFixture(other)) {
                    var model = new Model(fixture, SHAPES);
                    var found = model.optimizer(rule);
                    model.steps(found, 1, 5);
                    assertThat(found.report().skipped()).as("%s", other).isEqualTo(1);
                    assertThat(model.momentums(found))
                            .as("%s: what phases compute", other)
                            .usingRecursiveComparison()
                            .isEqualTo(expected.momentums(optimizer));
                    requireNear(model.values(), expected.values(), BOUND, other);
                }
            }
        }
    }

    @Test
    void largeMatricesComeNearTheReferenceToo() {
        var rule = Muon.withLearningRate(1);
        try (var reference = new BackendFixture(SuiteBackends.reference())) {
            var expected = new Model(reference, MatrixShapes.OF_BLOCKS);
            expected.draw();
            expected.optimizer(rule).step();
            for (var other : SuiteBackends.others()) {
                try (var fixture = new BackendFixture(other)) {
                    var model = new Model(fixture, MatrixShapes.OF_BLOCKS);
                    model.draw();
                    model.optimizer(rule).step();
                    requireNear(model.values(), expected.values(), LARGE_BOUND, other);
                }
            }
        }
    }

    /** The largest and least gradients, zeros among them: directions are the reference's. */
    @Test
    void gradientsOfAnySizeComeNearTheReference() {
        float[] sizes = {0, 1e30f, 3e38f, 1e-30f, 1e-40f};
        var rule = new Muon(1, 0, 0.5, true, 3.4445, -4.775, 2.0315, 1e-44, 5, false);
        var expected = new ArrayList<float[]>();
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject)) {
                var parameters = new ArrayList<Parameter>();
                for (float size : sizes) {
                    parameters.add(
                            Parameter.of("size " + size, Shape.of(2, 3), fixture.repeated(0, 6))
                                    .gradient(
                                            fixture.floats(
                                                    size, -size, 0, size / 2, size / 4, -size)));
                }
                fixture.optimizer(rule, parameters.toArray(Parameter[]::new)).step();
                var values = parameters.stream().map(BackendFixture::values).toList();
                assertThat(values.getFirst()).as("%s", subject).containsOnly(0);
                if (expected.isEmpty()) {
                    expected.addAll(values);
                }
                requireNear(values, expected, LARGE_BOUND, subject);
                for (int i = 2; i < sizes.length; i++) {
                    // What is denormal has fewer digits: 1e-40 is some 71,000 times the least.
                    assertThat(values.get(i))
                            .as("%s: size %s", subject, sizes[i])
                            .containsExactly(values.get(1), within(1e-4f));
                }
            }
        }
    }

    @Test
    void aRefusedStepLeavesEverythingAsItWas() {
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject)) {
                var model = new Model(fixture, SHAPES);
                var optimizer = model.optimizer(USUAL);
                model.steps(optimizer, 1, 3);
                var values = model.values();
                var momentums = model.momentums(optimizer);
                model.draw();
                model.parameters.get(8).gradient(fixture.floats(Float.POSITIVE_INFINITY));
                optimizer.step();
                assertThat(model.values())
                        .as("%s", subject)
                        .usingRecursiveComparison()
                        .isEqualTo(values);
                assertThat(model.momentums(optimizer))
                        .as("%s", subject)
                        .usingRecursiveComparison()
                        .isEqualTo(momentums);
            }
        }
    }

    /** From a checkpoint after each step, the refused one too, a backend goes on with its bits. */
    @Test
    void itGoesOnFromACheckpointAfterEveryStep(@TempDir Path folder) throws IOException {
        var file = folder.resolve("muon.safetensors");
        for (var subject : SuiteBackends.all()) {
            for (int saved = 0; saved < 5; saved++) {
                try (var one = new BackendFixture(subject);
                        var other = new BackendFixture(subject)) {
                    var first = new Model(one, SHAPES);
                    var optimizer = first.optimizer(USUAL);
                    first.steps(optimizer, 1, saved);
                    optimizer.save(file);

                    var second = new Model(other, SHAPES);
                    for (int step = 0; step < saved; step++) {
                        second.draw();
                    }
                    var resumed = second.optimizer(USUAL);
                    resumed.load(file);
                    copy(first, second);
                    first.steps(optimizer, saved + 1, 5);
                    second.steps(resumed, saved + 1, 5);
                    assertThat(second.values())
                            .as("%s, saved after step %s", subject, saved)
                            .usingRecursiveComparison()
                            .isEqualTo(first.values());
                    assertThat(second.momentums(resumed))
                            .usingRecursiveComparison()
                            .isEqualTo(first.momentums(optimizer));
                }
            }
        }
    }

    private static void copy(Model from, Model to) {
        for (int i = 0; i < from.parameters.size(); i++) {
            var target = to.parameters.get(i).value();
            var source = from.parameters.get(i).value();
            ((HostMemory) target).segment().copyFrom(((HostMemory) source).segment());
        }
    }

    @Test
    void whatIsNoMatrixGoesWithAnotherRule() {
        for (var subject : SuiteBackends.all()) {
            try (var fixture = new BackendFixture(subject);
                    var alone = new BackendFixture(subject)) {
                var model = new Model(fixture, SHAPES);
                var bias = fixture.parameter("bias", 1, 2);
                var optimizer =
                        fixture.build(
                                fixture.builder(USUAL)
                                        .group("matrices", model.parameters)
                                        .group("others", List.of(bias), AdamW.defaults()));
                var other = new Model(alone, SHAPES);
                var matrices = alone.optimizer(USUAL, other.parameters.toArray(Parameter[]::new));
                var expected = alone.parameter("bias", 1, 2);
                var biases = alone.optimizer(AdamW.defaults(), expected);
                for (int i = 0; i < 2; i++) {
                    model.draw();
                    bias.gradient(fixture.floats(1, -1));
                    optimizer.step();
                    other.draw();
                    matrices.step();
                    expected.gradient(alone.floats(1, -1));
                    biases.step();
                }
                assertThat(BackendFixture.values(bias))
                        .as("%s", subject)
                        .containsExactly(BackendFixture.values(expected));
                assertThat(model.values())
                        .as("%s", subject)
                        .usingRecursiveComparison()
                        .isEqualTo(other.values());
            }
        }
    }
}
