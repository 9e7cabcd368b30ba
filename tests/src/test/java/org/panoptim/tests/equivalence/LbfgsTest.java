package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.LBFGS;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.BackendMemory;
import org.panoptim.testkit.BackendTensor;
import org.panoptim.testkit.scenario.BackendUnderTest;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * L-BFGS asks for the loss at the same points on every backend, bit for bit, and comes to the same
 * ones; and what was saved on one goes on on another.
 */
class LbfgsTest {

    /** An empty tensor, one element, some, several blocks, and several chunks. */
    private static final int[] SIZES = {3, 0, 1, 4097, 129, 20_000};

    private static final int HISTORY = 3;

    private final List<SuiteBackend> others = SuiteBackends.others();

    @TempDir Path folder;

    /** What a run comes by: the hash of the bits of all parameters, wherever the loss was asked. */
    private record Seen(List<Integer> points, List<Double> losses, long iterations) {}

    /** A function of many elements with a valley, on a backend. */
    private static final class Model implements AutoCloseable {

        private final BackendUnderTest subject;
        private final BackendMemory memory;
        private final List<BackendTensor> values = new ArrayList<>();
        private final List<BackendTensor> gradients = new ArrayList<>();
        private final List<Parameter> parameters = new ArrayList<>();
        private final Seen seen = new Seen(new ArrayList<>(), new ArrayList<>(), 0);
        private int evaluations;

        Model(SuiteBackend opened) {
            subject = opened.open();
            memory = new BackendMemory(subject.backend());
            for (int size : SIZES) {
                var value = memory.allocate(size, size % 4);
                var start = new float[size];
                for (int i = 0; i < size; i++) {
                    start[i] = (float) Math.sin(i * 0.37 + size);
                }
                value.write(start);
                values.add(value);
                gradients.add(memory.allocate(size, (size + 1) % 4));
                parameters.add(
                        Parameter.of("p" + parameters.size(), Shape.of(size), value.memory())
                                .gradient(gradients.getLast().memory()));
            }
        }

        LBFGS optimizer(LBFGS.LineSearch search) {
            subject.beforeCalls().run();
            return LBFGS.builder(parameters)
                    .historySize(HISTORY)
                    .maxIterations(4)
                    .lineSearch(search)
                    .backend(subject.backend())
                    .build();
        }

        List<Float> all() {
            var all = new ArrayList<Float>();
            for (var value : values) {
                for (float each : value.toArray()) {
                    all.add(each);
                }
            }
            return all;
        }

        /** The sum of c (x − 1)² and (x − next x²)², in double, over all elements as one vector. */
        private double evaluate() {
            var x = all();
            seen.points.add(x.hashCode());
            var g = new double[x.size()];
            double loss = 0;
            for (int i = 0; i < g.length; i++) {
                double c = (1 + i % 7) * 0.25;
                double next = x.get((i + 1) % g.length);
                double valley = x.get(i) - next * next;
                loss += c * (x.get(i) - 1) * (x.get(i) - 1) + valley * valley;
                g[i] += 2 * c * (x.get(i) - 1) + 2 * valley;
                g[(i + 1) % g.length] -= 4 * valley * next;
            }
            seen.losses.add(loss);
            write(g);
            // One tensor has no gradient at times.
            if (evaluations++ % 5 == 3) {
                parameters.get(4).clearGradient();
            } else {
                parameters.get(4).gradient(gradients.get(4).memory());
            }
            return loss;
        }

        private void write(double[] g) {
            int next = 0;
            for (var gradient : gradients) {
                var part = new float[Math.toIntExact(gradient.elements())];
                for (int i = 0; i < part.length; i++) {
                    part[i] = (float) g[next++];
                }
                gradient.write(part);
            }
        }

        void steps(LBFGS optimizer, int count) {
            for (int i = 0; i < count; i++) {
                subject.beforeCalls().run();
                optimizer.step(this::evaluate);
            }
        }

        Seen seen(LBFGS optimizer) {
            seen.points.add(all().hashCode());
            return new Seen(seen.points, seen.losses, optimizer.iterations());
        }

        @Override
        public void close() {
            assertThat(values).allSatisfy(each -> assertThat(each.hasIntactGuards()).isTrue());
            memory.close();
            subject.close();
        }
    }

    private static Seen run(SuiteBackend subject, LBFGS.LineSearch search) {
        try (var model = new Model(subject);
                var optimizer = model.optimizer(search)) {
            model.steps(optimizer, 3);
            return model.seen(optimizer);
        }
    }

    @ParameterizedTest
    @EnumSource(LBFGS.LineSearch.class)
    void everyBackendGoesTheSameWay(LBFGS.LineSearch search) {
        var expected = run(SuiteBackends.reference(), search);
        assertThat(expected.iterations).isGreaterThan(2 * HISTORY);
        assertThat(expected.losses.getLast()).isLessThan(expected.losses.getFirst() / 2);
        for (var other : others) {
            assertThat(run(other, search)).as("%s", other).isEqualTo(expected);
        }
    }

    /** The search has to come back to a point that was not the last one that it tried. */
    @Test
    void aGradientThatWasKeptIsTakenUpAgain() {
        var expected = backAgain(SuiteBackends.reference());
        assertThat(Arrays.copyOf(expected, 1)).isNotEqualTo(new float[] {1});
        for (var other : others) {
            assertThat(backAgain(other)).as("%s", other).containsExactly(expected);
        }
    }

    /** |x − y| from afar: all points but the best are tried in vain, and then the step ends. */
    private static float[] backAgain(SuiteBackend opened) {
        try (var subject = opened.open();
                var memory = new BackendMemory(subject.backend())) {
            var value = memory.allocate(2);
            var gradient = memory.allocate(2);
            value.write(4, 0.75f);
            var parameter =
                    Parameter.of("p", Shape.of(2), value.memory()).gradient(gradient.memory());
            try (var optimizer =
                    LBFGS.builder(List.of(parameter))
                            .lineSearch(LBFGS.LineSearch.STRONG_WOLFE)
                            .learningRate(9)
                            .maxIterations(3)
                            .maxEvaluations(12)
                            .backend(subject.backend())
                            .build()) {
                subject.beforeCalls().run();
                optimizer.step(
                        () -> {
                            var x = value.toArray();
                            float slope = x[0] >= x[1] ? 1 : -1;
                            gradient.write(slope + 0.25f * x[0], -slope);
                            return Math.abs(x[0] - x[1]) + 0.125 * x[0] * x[0];
                        });
                return value.toArray();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(LBFGS.LineSearch.class)
    void whatOneBackendSavedGoesOnOnAnother(LBFGS.LineSearch search) throws IOException {
        var file = folder.resolve("lbfgs.safetensors");
        var expected = run(SuiteBackends.reference(), search);
        var subjects = new ArrayList<>(others);
        subjects.add(SuiteBackends.reference());
        for (var subject : subjects) {
            List<float[]> values;
            Seen before;
            try (var model = new Model(SuiteBackends.reference());
                    var optimizer = model.optimizer(search)) {
                model.steps(optimizer, 2);
                optimizer.save(file);
                before = model.seen;
                values = model.values.stream().map(BackendTensor::toArray).toList();
            }
            try (var model = new Model(subject);
                    var optimizer = model.optimizer(search)) {
                for (int i = 0; i < values.size(); i++) {
                    model.values.get(i).write(values.get(i));
                }
                optimizer.load(file);
                model.evaluations = before.points.size();
                model.steps(optimizer, 1);
                var points = new ArrayList<>(before.points);
                points.addAll(model.seen(optimizer).points);
                assertThat(points).as("%s", subject).isEqualTo(expected.points);
            }
        }
    }
}
