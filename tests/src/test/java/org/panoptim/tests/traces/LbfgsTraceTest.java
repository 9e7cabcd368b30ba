package org.panoptim.tests.traces;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.LBFGS;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.tensor.Shape;
import org.panoptim.tests.Project;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Runs of PyTorch's L-BFGS in float64 ({@code tests/traces/lbfgs}), followed from point to point at
 * which the loss is evaluated.
 *
 * <p>How near ours must be: the recording has, for each point, how far it moves at most if every
 * gradient, and every point where one is taken, is off by up to ε of each element, divided by ε
 * (the largest of 64 random runs). An iteration rounds an element of its vectors {@value
 * #ROUNDINGS} times, and four times more for each pair of its history (twice in each loop), each
 * time by 2⁻²⁴ of it at most; there are no more pairs than points. So a point may be off by that
 * number times 2⁻²⁴ times what was recorded, and by the 2⁻²⁴ that the recording was rounded by.
 */
class LbfgsTraceTest {

    /** Of the gradient, s, y, the scaled direction, and the point: by a product and a sum. */
    private static final int ROUNDINGS = 7;

    private static final double UNIT = 0x1p-24;

    /** A loss and its gradient at a point. */
    private interface Function {

        double at(double[] x, double[] gradient);
    }

    private static double rosenbrock(double[] x, double[] gradient) {
        double valley = x[1] - x[0] * x[0];
        gradient[0] = -2 * (1 - x[0]) - 400 * x[0] * valley;
        gradient[1] = 200 * valley;
        return (1 - x[0]) * (1 - x[0]) + 100 * valley * valley;
    }

    private static final double[][] ROWS = {
        {3, 1, 0, 0, 1},
        {1, 4, 1, 0, 0},
        {0, 1, 2, 1, 0},
        {0, 0, 1, 5, 1},
        {1, 0, 0, 1, 3},
        {2, 0, 1, 0, 0},
        {0, 3, 0, 1, 0}
    };

    private static final double[] TARGETS = {1, -2, 3, 0, 2, -1, 1};

    private static double leastSquares(double[] x, double[] gradient) {
        Arrays.fill(gradient, 0);
        double loss = 0;
        for (int row = 0; row < ROWS.length; row++) {
            double residual = -TARGETS[row];
            for (int i = 0; i < x.length; i++) {
                residual += ROWS[row][i] * x[i];
            }
            loss += residual * residual / 2;
            for (int i = 0; i < x.length; i++) {
                gradient[i] += ROWS[row][i] * residual;
            }
        }
        return loss;
    }

    private record Recording(
            Map<String, String> metadata, float[] points, float[] losses, float[] spread) {

        static Recording of(String name) throws IOException {
            var file = Project.root().resolve("tests/traces/lbfgs/" + name + ".safetensors");
            try (var reader = SafetensorsReader.open(file)) {
                return new Recording(
                        reader.metadata(),
                        reader.floats("points"),
                        reader.floats("losses"),
                        reader.floats("spread"));
            }
        }

        int size() {
            return points.length / spread.length;
        }

        double[] point(int index) {
            var point = new double[size()];
            for (int i = 0; i < point.length; i++) {
                point[i] = points[index * point.length + i];
            }
            return point;
        }

        int number(String key, int initial) {
            return Integer.parseInt(metadata.getOrDefault(key, String.valueOf(initial)));
        }

        LBFGS optimizer(List<Parameter> parameters, Backend backend) {
            return LBFGS.builder(parameters)
                    .learningRate(Double.parseDouble(metadata.getOrDefault("lr", "1")))
                    .maxIterations(number("max_iter", 20))
                    .historySize(number("history_size", 100))
                    .lineSearch(
                            metadata.containsKey("line_search_fn")
                                    ? LBFGS.LineSearch.STRONG_WOLFE
                                    : LBFGS.LineSearch.NONE)
                    .backend(backend)
                    .build();
        }

        /** How far our point of an index may be from the recorded one. */
        double bound(int index) {
            int pairs = Math.min(index, number("history_size", 100));
            double largest = Arrays.stream(point(index)).map(Math::abs).max().orElseThrow();
            return ((ROUNDINGS + 4 * pairs) * spread[index] + largest) * UNIT;
        }
    }

    /** Follows a recording; the points where the loss was evaluated, and the last. */
    private static List<double[]> follow(Recording recording, Function function) {
        var start = recording.point(0);
        int cut = recording.number("cut", 0);
        var memory = MemorySegment.ofArray(new float[start.length]);
        var gradients = MemorySegment.ofArray(new float[start.length]);
        for (int i = 0; i < start.length; i++) {
            memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) start[i]);
        }
        var parameters =
                List.of(
                        parameter("first", memory, gradients, 0, cut),
                        parameter("second", memory, gradients, cut, start.length));
        var points = new ArrayList<double[]>();
        try (var backend = Backend.named("reference");
                var optimizer = recording.optimizer(parameters, backend)) {
            for (int step = 0; step < recording.number("steps", 0); step++) {
                int first = points.size();
                double loss =
                        optimizer.step(
                                () -> {
                                    var x = doubles(memory);
                                    points.add(x);
                                    var gradient = new double[x.length];
                                    double found = function.at(x, gradient);
                                    for (int i = 0; i < x.length; i++) {
                                        gradients.setAtIndex(
                                                ValueLayout.JAVA_FLOAT, i, (float) gradient[i]);
                                    }
                                    return found;
                                });
                assertThat(loss)
                        .isEqualTo(function.at(points.get(first), new double[start.length]));
            }
        }
        points.add(doubles(memory));
        return points;
    }

    private static Parameter parameter(
            String name, MemorySegment memory, MemorySegment gradients, int from, int to) {
        return Parameter.of(name, Shape.of(to - from), memory.asSlice(4L * from, 4L * (to - from)))
                .gradient(gradients.asSlice(4L * from, 4L * (to - from)));
    }

    private static double[] doubles(MemorySegment memory) {
        var floats = memory.toArray(ValueLayout.JAVA_FLOAT);
        var doubles = new double[floats.length];
        for (int i = 0; i < floats.length; i++) {
            doubles[i] = floats[i];
        }
        return doubles;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "rosenbrock",
                "rosenbrock-wolfe",
                "rosenbrock-wolfe-short-history",
                "least-squares",
                "least-squares-wolfe"
            })
    void everyEvaluationIsWherePyTorchHasIt(String name) throws IOException {
        var recording = Recording.of(name);
        Function function =
                name.startsWith("rosenbrock")
                        ? LbfgsTraceTest::rosenbrock
                        : LbfgsTraceTest::leastSquares;
        var points = follow(recording, function);
        assertThat(points).hasSize(recording.spread.length);
        for (int i = 0; i < points.size(); i++) {
            double bound = recording.bound(i);
            for (int j = 0; j < recording.size(); j++) {
                assertThat(points.get(i)[j])
                        .as("element %d of point %d", j, i)
                        .isCloseTo(recording.point(i)[j], within(bound));
            }
        }
    }

    /** So that following them says something, and our functions are those of the script. */
    @ParameterizedTest
    @ValueSource(strings = {"rosenbrock", "least-squares", "rosenbrock-wolfe"})
    void theRecordingsAreTightAndOfTheseFunctions(String name) throws IOException {
        var recording = Recording.of(name);
        int tight = 0;
        for (int i = 0; i < recording.losses.length; i++) {
            var x = recording.point(i);
            double loss =
                    name.startsWith("rosenbrock")
                            ? rosenbrock(x, new double[2])
                            : leastSquares(x, new double[5]);
            assertThat(loss).isCloseTo(recording.losses[i], withinPercentage(1e-3));
            tight += recording.bound(i) < 1e-3 ? 1 : 0;
        }
        assertThat(tight).isGreaterThanOrEqualTo(12);
    }
}
