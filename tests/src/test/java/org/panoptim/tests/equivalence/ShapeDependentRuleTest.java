package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** A rule whose states, formula and kernel depend on a parameter's shape, on every backend. */
class ShapeDependentRuleTest {

    private static final int STEPS = 4;

    private final List<SuiteBackend> others = SuiteBackends.others();

    /**
     * Momentum for matrices alone: the kernels of SGD, which take the same hyper-parameters.
     *
     * @param momentum what matrices have
     */
    public record MomentumOfMatrices(
            double learningRate,
            double momentum,
            double dampening,
            double weightDecay,
            boolean nesterov,
            boolean maximize)
            implements UpdateRule {

        private UpdateRule of(Shape shape) {
            var rule = SGD.withLearningRate(learningRate).withWeightDecay(weightDecay);
            return shape.dimensions().size() < 2 ? rule : rule.withMomentum(momentum);
        }

        @Override
        public String name() {
            return "momentum-of-matrices";
        }

        @Override
        public MomentumOfMatrices atLearningRate(double value) {
            return new MomentumOfMatrices(
                    value, momentum, dampening, weightDecay, nesterov, maximize);
        }

        @Override
        public String kernelName() {
            return kernelName(Shape.of());
        }

        @Override
        public String kernelName(Shape parameter) {
            return of(parameter).kernelName();
        }

        @Override
        public List<Slot> slots() {
            return slots(Shape.of());
        }

        @Override
        public List<Slot> slots(Shape parameter) {
            return of(parameter).slots();
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return of(preparation.shape()).prepare(phase, preparation);
        }
    }

    private static final MomentumOfMatrices RULE =
            new MomentumOfMatrices(0.1, 0.9, 0, 0.01, false, false);

    private Stream<SuiteBackend> all() {
        return Stream.concat(Stream.of(SuiteBackends.reference()), others.stream());
    }

    private static Parameter matrix(BackendFixture fixture) {
        return Parameter.of("matrix", Shape.of(2, 2), fixture.floats(1, 2, 3, 4))
                .gradient(fixture.floats(0.5f, -1, 2, 0.25f));
    }

    private static Parameter vector(BackendFixture fixture) {
        return fixture.parameter("vector", 1, 2).gradient(fixture.floats(0.5f, -1));
    }

    private static List<String> trained(BackendFixture fixture) {
        var matrix = matrix(fixture);
        var vector = vector(fixture);
        // A matrix first, so that the group's own kernel is not that of its first parameter.
        var optimizer = fixture.optimizer(RULE, matrix, vector);
        for (int i = 0; i < STEPS; i++) {
            optimizer.step();
        }
        return List.of(
                Arrays.toString(BackendFixture.values(matrix)),
                Arrays.toString(BackendFixture.values(vector)),
                momentum(optimizer));
    }

    private static String momentum(Optimizer optimizer) {
        return Arrays.toString(optimizer.state("matrix", "momentum_buffer").toArray());
    }

    @Test
    void everyBackendGivesTheBitsOfTheReference() {
        List<String> expected;
        try (var fixture = new BackendFixture(SuiteBackends.reference())) {
            expected = trained(fixture);
        }
        for (var other : others) {
            try (var fixture = new BackendFixture(other)) {
                assertThat(trained(fixture)).as("%s", other).isEqualTo(expected);
            }
        }
    }

    @Test
    void eachShapeHasTheStepsAndStatesOfItsOwnKernel() {
        for (var subject : all().toList()) {
            try (var fixture = new BackendFixture(subject);
                    var plain = new BackendFixture(subject);
                    var heavy = new BackendFixture(subject)) {
                var actual = trained(fixture);

                var vector = vector(plain);
                var matrix = matrix(heavy);
                var light = plain.optimizer(RULE.of(Shape.of(2)), vector);
                var momentous = heavy.optimizer(RULE.of(Shape.of(2, 2)), matrix);
                for (int i = 0; i < STEPS; i++) {
                    light.step();
                    momentous.step();
                }
                assertThat(actual)
                        .as("%s", subject)
                        .containsExactly(
                                Arrays.toString(BackendFixture.values(matrix)),
                                Arrays.toString(BackendFixture.values(vector)),
                                momentum(momentous));
            }
        }
    }

    @Test
    void aShapeWithoutAStateHasNone() {
        for (var subject : all().toList()) {
            try (var fixture = new BackendFixture(subject)) {
                var optimizer = fixture.optimizer(RULE, matrix(fixture), vector(fixture));

                assertThatThrownBy(() -> optimizer.state("vector", "momentum_buffer"))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("keeps no state 'momentum_buffer'");
            }
        }
    }

    @Test
    void checkpointsHaveTheStatesOfEachShape(@TempDir Path folder) throws IOException {
        var file = folder.resolve("shapes.safetensors");
        for (var loader : all().toList()) {
            try (var first = new BackendFixture(others.getLast());
                    var second = new BackendFixture(loader)) {
                var saved = first.optimizer(RULE, matrix(first), vector(first));
                saved.step();
                saved.save(file);
                var loaded = second.optimizer(RULE, matrix(second), vector(second));
                loaded.load(file);

                assertThat(momentum(loaded)).as("%s", loader).isEqualTo(momentum(saved));
                assertThat(loaded.report().step()).as("%s", loader).isEqualTo(1);
            }
        }
    }
}
