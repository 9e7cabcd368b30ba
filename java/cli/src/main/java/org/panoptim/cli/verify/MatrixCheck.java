package org.panoptim.cli.verify;

import org.panoptim.Optimizer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.Slot;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.BackendMemory;
import org.panoptim.testkit.BackendTensor;
import org.panoptim.testkit.MatrixShapes;
import org.panoptim.testkit.scenario.BackendUnderTest;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * Takes a step by a rule that multiplies matrices, and compares it with the reference's: states
 * must have its bits, and parameters be as near as rounding lets products of matrices be.
 */
public final class MatrixCheck {

    /**
     * Of an element after a step of length 1 by Muon. Its iterations multiply an error by 3.9 at
     * most, and each adds √n · 6e-7 of the norm: five make 310 times that, of which an element has
     * a share of one by √n. Factors rounded to ten bits, as some matrix units do, would be found:
     * each rounds thousands of times as coarsely as float.
     */
    private static final double ALLOWED = 2e-4;

    private static final String VALUE = "value";

    private MatrixCheck() {}

    /**
     * The result on a backend.
     *
     * @param rule its name
     * @param difference the largest one of an element of a parameter
     * @param wrong what is not as it must be, a line each
     * @param refusal why the backend does not run the rule, or empty
     */
    public record Result(
            String backend, String rule, double difference, List<String> wrong, String refusal) {

        /** Copies the list. */
        public Result {
            wrong = List.copyOf(wrong);
        }

        /** Whether the rule ran, and everything is as it must be. */
        public boolean passed() {
            return refusal.isEmpty() && wrong.isEmpty();
        }

        /** What is to be said of it if it did not pass, a line each. */
        public List<String> problems() {
            return refusal.isEmpty() ? wrong : List.of("no step by " + rule + ": " + refusal);
        }
    }

    /** How far an element may be from the reference's. */
    public static double allowed() {
        return ALLOWED;
    }

    /**
     * Runs a rule on a backend in one or several configurations, which stay the caller's.
     *
     * @param reference what they are compared with
     * @param backend the name of the backend
     * @param configurations at least one
     * @return the worst of them
     */
    public static Result of(
            MatrixRule rule,
            BackendUnderTest reference,
            String backend,
            List<BackendUnderTest> configurations) {
        var expected = arrays(rule, reference);
        double largest = 0;
        var wrong = new ArrayList<String>();
        try {
            for (var configuration : configurations) {
                var actual = arrays(rule, configuration);
                for (var entry : expected.entrySet()) {
                    var what = entry.getKey();
                    var found = actual.get(what);
                    if (what.startsWith(VALUE)) {
                        double difference = difference(entry.getValue(), found);
                        largest = Math.max(largest, difference);
                        if (!(difference <= ALLOWED)) {
                            wrong.add(
                                    "%s of %s on %s: %.1e from the reference's, allowed are %.0e"
                                            .formatted(
                                                    what,
                                                    rule.name(),
                                                    configuration,
                                                    difference,
                                                    ALLOWED));
                        }
                    } else if (!Arrays.equals(entry.getValue(), found)) {
                        wrong.add(
                                "%s of %s on %s: other bits than the reference's"
                                        .formatted(what, rule.name(), configuration));
                    }
                }
            }
        } catch (UnsupportedPlanException e) {
            return new Result(
                    backend, rule.name(), largest, List.of(), String.valueOf(e.getMessage()));
        }
        return new Result(backend, rule.name(), largest, wrong, "");
    }

    private static double difference(float[] expected, float[] actual) {
        double largest = 0;
        for (int i = 0; i < expected.length; i++) {
            double difference = Math.abs((double) expected[i] - actual[i]);
            if (Double.isNaN(difference)) {
                return Double.NaN;
            }
            largest = Math.max(largest, difference);
        }
        return largest;
    }

    /** What a first step of length 1 from zero leaves, by name: parameters and states. */
    private static Map<String, float[]> arrays(MatrixRule rule, BackendUnderTest subject) {
        subject.beforeCalls().run();
        var random = new Random(29);
        try (var memory = new BackendMemory(subject.backend())) {
            var values = new ArrayList<BackendTensor>();
            var parameters = new ArrayList<Parameter>();
            for (var shape : MatrixShapes.OF_BLOCKS) {
                var value = memory.allocate(shape.elements());
                value.write(new float[Math.toIntExact(shape.elements())]);
                var gradient = memory.allocate(shape.elements());
                gradient.write(normal(shape, random));
                var name = parameters.size() + " " + shape;
                parameters.add(
                        Parameter.of(name, shape, value.memory()).gradient(gradient.memory()));
                values.add(value);
            }
            try (var optimizer =
                    Optimizer.builder(rule.atLearningRate(1))
                            .group("all", parameters)
                            .backend(subject.backend())
                            .build()) {
                step(optimizer, subject.captured());
                var arrays = new LinkedHashMap<String, float[]>();
                for (int i = 0; i < values.size(); i++) {
                    var name = parameters.get(i).name();
                    arrays.put(VALUE + " " + name, values.get(i).toArray());
                    for (var slot : rule.slots(MatrixShapes.OF_BLOCKS.get(i))) {
                        if (slot.isKept() && slot.extent() == Slot.Extent.ELEMENT) {
                            var state = optimizer.state(name, slot.name());
                            arrays.put(slot.name() + " " + name, state.toArray());
                        }
                    }
                }
                return arrays;
            }
        }
    }

    private static void step(Optimizer optimizer, boolean captured) {
        if (!captured) {
            optimizer.step();
            return;
        }
        try (var step = optimizer.capture()) {
            step.launch();
        }
    }

    private static float[] normal(Shape shape, Random random) {
        var values = new float[Math.toIntExact(shape.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
