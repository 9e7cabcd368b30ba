package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.LBFGS;
import org.panoptim.internal.lbfgs.VectorRule;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Slot;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.BackendMemory;
import org.panoptim.testkit.BackendTensor;
import org.panoptim.testkit.scenario.BackendUnderTest;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * L-BFGS asks for the loss at the same points on every backend, bit for bit, and comes to the same
 * ones; and what was saved on one goes on on another.
 */
class LbfgsTest {

    /** An empty tensor, one element, some, several blocks, and several chunks. */
    private static final int[] SIZES = {3, 0, 1, 4097, 129, 20_000};

    private static final int HISTORY = 3;

    /** The size of the tensor that has a copy in bfloat16. */
    private static final int COPIED = 4097;

    private static final String GROUP = "all";

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
        private BackendTensor copy;
        private int evaluations;

        Model(SuiteBackend opened) {
            subject = opened.open();
            memory = new BackendMemory(subject.backend());
            for (int size : SIZES) {
                var value = memory.allocate(size, size % 4);
                value.write(wave(size, 0.37));
                values.add(value);
                gradients.add(memory.allocate(size, (size + 1) % 4));
                var parameter =
                        Parameter.of("p" + parameters.size(), Shape.of(size), value.memory())
                                .gradient(gradients.getLast().memory());
                if (size == COPIED) {
                    copy = memory.allocate(DType.BF16, size, 1);
                    parameter = parameter.copiedTo(new Output(DType.BF16, copy.memory()));
                }
                parameters.add(parameter);
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
            if (evaluations > 0) {
                seen.points.add(bits(copy.toArray()));
            }
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
            seen.points.add(bits(copy.toArray()));
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

    static List<VectorRule> rules() {
        return VectorRule.all();
    }

    /** Those too that a search needs only when it comes back to a point that it tried before. */
    @ParameterizedTest
    @MethodSource("rules")
    void everyPassDoesTheSame(VectorRule rule) {
        var expected = passes(SuiteBackends.reference(), rule);
        for (var other : others) {
            assertThat(passes(other, rule)).as("%s", other).isEqualTo(expected);
        }
    }

    /** The values and states after each pass. */
    private static List<Object> passes(SuiteBackend opened, VectorRule rule) {
        var seen = new ArrayList<>();
        try (var subject = opened.open();
                var memory = new BackendMemory(subject.backend())) {
            var values = new ArrayList<BackendTensor>();
            var parameters = new ArrayList<Parameter>();
            for (int size : SIZES) {
                var value = memory.allocate(size, size % 4);
                value.write(wave(size, 0.37));
                values.add(value);
                var parameter = Parameter.of("p" + size, Shape.of(size), value.memory());
                if (size != 129) {
                    var gradient = memory.allocate(size, size % 3);
                    gradient.write(wave(size, 0.53));
                    parameter.gradient(gradient.memory());
                }
                parameters.add(parameter);
            }
            subject.beforeCalls().run();
            try (var execution = subject.backend().open(plan(rule, parameters))) {
                execution.bind(new ArenaSet());
                for (int slot = 0; slot < rule.slots().size(); slot++) {
                    if (rule.slots().get(slot).extent() == Slot.Extent.RULE) {
                        execution.ruleState(GROUP, slot).value(0.3 + slot);
                    }
                }
                for (int round = 0; round < 2; round++) {
                    for (var pass : rule.passes()) {
                        execution.run(pass.name(), execution);
                        values.forEach(each -> seen.add(bits(each.toArray())));
                        seen.addAll(states(execution, rule, parameters));
                    }
                }
            }
            assertThat(values).allSatisfy(each -> assertThat(each.hasIntactGuards()).isTrue());
        }
        return seen;
    }

    private static List<Object> states(
            Execution execution, VectorRule rule, List<Parameter> parameters) {
        var seen = new ArrayList<>();
        for (int slot = 0; slot < rule.slots().size(); slot++) {
            if (rule.slots().get(slot).extent() == Slot.Extent.RULE) {
                seen.add(execution.ruleState(GROUP, slot).value());
            } else {
                for (var parameter : parameters) {
                    seen.add(bits(execution.state(parameter, slot).toArray()));
                }
            }
        }
        return seen;
    }

    private static float[] wave(int size, double frequency) {
        var values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] = (float) Math.sin(i * frequency + size);
        }
        return values;
    }

    private static int bits(float[] values) {
        int hash = 1;
        for (float value : values) {
            hash = 31 * hash + Float.floatToIntBits(value);
        }
        return hash;
    }

    private static StepPlan plan(VectorRule rule, List<Parameter> parameters) {
        return StepPlan.of(List.of(new ParameterGroup(GROUP, rule, parameters)));
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
            float[] copy;
            Seen before;
            try (var model = new Model(SuiteBackends.reference());
                    var optimizer = model.optimizer(search)) {
                model.steps(optimizer, 2);
                optimizer.save(file);
                before = model.seen;
                values = model.values.stream().map(BackendTensor::toArray).toList();
                copy = model.copy.toArray();
            }
            try (var model = new Model(subject);
                    var optimizer = model.optimizer(search)) {
                for (int i = 0; i < values.size(); i++) {
                    model.values.get(i).write(values.get(i));
                }
                model.copy.write(copy);
                optimizer.load(file);
                model.evaluations = before.losses.size();
                model.steps(optimizer, 1);
                var points = new ArrayList<>(before.points);
                points.addAll(model.seen(optimizer).points);
                assertThat(points).as("%s", subject).isEqualTo(expected.points);
            }
        }
    }
}
