package org.panoptim.tests.curvature;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Steps with K-FAC on every backend are those of the reference, within the certified errors. */
class BackendsAgreeTest {

    private static final int STEPS = 9;

    @TempDir private Path folder;

    static Stream<String> backends() {
        return CurvatureBackends.names().stream();
    }

    private static void assertClose(List<float[]> actual, List<float[]> expected, double error) {
        for (int i = 0; i < actual.size(); i++) {
            double largest = 0;
            double difference = 0;
            for (int j = 0; j < actual.get(i).length; j++) {
                largest = Math.max(largest, Math.abs(expected.get(i)[j]));
                difference = Math.max(difference, Math.abs(actual.get(i)[j] - expected.get(i)[j]));
            }
            assertThat(difference).as("parameter %d", i).isLessThanOrEqualTo(error * largest);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void aTrainingEndsAtTheSameParameters(String backend) {
        try (var reference = new Training("reference");
                var training = new Training(backend)) {
            reference.train(0, STEPS);
            training.train(0, STEPS);
            assertThat(training.skipped()).isEqualTo(1);
            assertThat(training.largestError()).isLessThan(1e-3);
            // Two factors to a layer, and the momentum's sum of steps.
            double bound = 2 * (reference.largestError() + training.largestError());
            assertClose(training.values(), reference.values(), bound);
            assertThat(training.klCoefficient())
                    .isCloseTo(reference.klCoefficient(), within(bound));
            assertThat(reference.klCoefficient()).isLessThan(1);
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void aTrainingRepeatsBitForBit(String backend) {
        try (var first = new Training(backend);
                var second = new Training(backend)) {
            first.train(0, STEPS);
            second.train(0, STEPS);
            assertSame(second.values(), first.values());
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void aCheckpointGoesOnWithTheSameBitsOffARefreshToo(String backend) throws IOException {
        for (int at : new int[] {3, 5}) {
            var file = folder.resolve("at-" + at + ".safetensors");
            try (var straight = new Training(backend);
                    var resumed = new Training(backend)) {
                straight.train(0, at);
                straight.save(file);
                resumed.load(file);
                resumed.setValues(straight.values());
                straight.train(at, STEPS);
                resumed.train(at, STEPS);
                assertSame(resumed.values(), straight.values());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("backends")
    void aCheckpointOfAnotherBackendIsTakenUp(String backend) throws IOException {
        var file = folder.resolve("other.safetensors");
        try (var reference = new Training("reference");
                var training = new Training(backend)) {
            reference.train(0, 5);
            reference.save(file);
            training.load(file);
            training.setValues(reference.values());
            reference.train(5, STEPS);
            training.train(5, STEPS);
            assertClose(training.values(), reference.values(), 1e-3);
        }
    }

    private static void assertSame(List<float[]> actual, List<float[]> expected) {
        for (int i = 0; i < actual.size(); i++) {
            assertThat(actual.get(i)).containsExactly(expected.get(i));
        }
    }
}
