package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;

import java.nio.file.Path;
import java.util.List;

/** After Johnson and Zhang, 2013. */
class SVRGTest {

    private static final double[] A = {1, 2, 4};
    private static final double[] B = {3, -1, 2};

    private static Optimizer.Builder<SGD> builder() {
        return Optimizer.builder(SGD.withLearningRate(0.0625))
                .companion(new SVRG())
                .backend(Backend.named("reference"));
    }

    /** The gradient of a_i (w - b_i)^2 / 2. */
    private static double slope(int i, double w) {
        return A[i] * (w - B[i]);
    }

    private static void backward(Parameter p, int i) {
        gradient(p, (float) slope(i, values(p)[0]));
    }

    private static double meanSlope(double w) {
        return (slope(0, w) + slope(1, w) + slope(2, w)) / 3;
    }

    @Test
    void itFollowsThePublishedLoop() {
        var p = vector("p", 1.5f);
        double w = 1.5;
        try (var optimizer = builder().group("all", List.of(p)).build()) {
            for (int epoch = 0; epoch < 4; epoch++) {
                gradient(p, (float) meanSlope(values(p)[0]));
                optimizer.run(SVRG.SNAPSHOT);
                double snapshot = w;
                double full = meanSlope(w);
                for (int step = 0; step < 6; step++) {
                    int i = (5 * step + epoch) % 3;
                    optimizer.run(SVRG.VISIT);
                    backward(p, i);
                    optimizer.run(SVRG.LEAVE);
                    optimizer.run(SVRG.RECORD);
                    backward(p, i);
                    optimizer.step();
                    w -= 0.0625 * (slope(i, w) - slope(i, snapshot) + full);
                }
            }
            assertThat((double) values(p)[0])
                    .isCloseTo(w, org.assertj.core.api.Assertions.within(1e-6));
            assertThat(w).isNotCloseTo(1.5, org.assertj.core.api.Assertions.within(0.01));
        }
    }

    @Test
    void theFirstStepAfterASnapshotIsOneOfTheFullGradient() {
        var p = vector("p", 8);
        try (var optimizer = builder().group("all", List.of(p)).build()) {
            gradient(p, 16);
            optimizer.run(SVRG.SNAPSHOT);
            optimizer.run(SVRG.VISIT);
            gradient(p, 5);
            optimizer.run(SVRG.LEAVE);
            optimizer.run(SVRG.RECORD);
            optimizer.step();
            assertThat(values(p)).containsExactly(7);
        }
    }

    @Test
    void aStepWithoutARecordTakesItsGradient() {
        var p = vector("p", 8);
        gradient(p, 16);
        try (var optimizer = builder().group("all", List.of(p)).build()) {
            optimizer.step();
            assertThat(values(p)).containsExactly(7);
            optimizer.run(SVRG.SNAPSHOT);
            optimizer.step();
            assertThat(values(p)).containsExactly(6);
            // A record counts for one step: of (48 - 48) + 16, and then of 48.
            gradient(p, 48);
            optimizer.run(SVRG.RECORD);
            optimizer.step();
            assertThat(values(p)).containsExactly(5);
            gradient(p, 48);
            optimizer.step();
            assertThat(values(p)).containsExactly(2);
        }
    }

    private static void recordAndVisit(Optimizer optimizer, Parameter p, float there) {
        optimizer.run(SVRG.VISIT);
        gradient(p, there);
        optimizer.run(SVRG.LEAVE);
        optimizer.run(SVRG.RECORD);
    }

    @Test
    void aRecordServesNoLaterStep() {
        for (boolean freezes : new boolean[] {true, false}) {
            var p = vector("p", 4);
            var other = vector("other", 4);
            gradient(p, 16);
            gradient(other, 16);
            try (var optimizer =
                    builder().group("all", List.of(p)).group("other", List.of(other)).build()) {
                optimizer.run(SVRG.SNAPSHOT);
                recordAndVisit(optimizer, p, 32);
                if (freezes) {
                    optimizer.freeze("all");
                } else {
                    p.clearGradient();
                }
                optimizer.step();
                optimizer.unfreeze("all");
                gradient(p, 32);
                optimizer.step();
                assertThat(values(p)).containsExactly(2);
            }
        }
    }

    @Test
    void aRecordIsSavedAndAnotherOnesIsNotKept(@TempDir Path folder) throws Exception {
        var file = folder.resolve("recorded");
        var without = folder.resolve("without");
        var p = vector("p", 4);
        gradient(p, 16);
        try (var optimizer = builder().group("all", List.of(p)).build()) {
            optimizer.run(SVRG.SNAPSHOT);
            optimizer.save(without);
            recordAndVisit(optimizer, p, 32);
            optimizer.save(file);
        }
        gradient(p, 32);
        try (var optimizer = builder().group("all", List.of(p)).build()) {
            optimizer.load(file);
            optimizer.step();
            // 32 - 32 + 16
            assertThat(values(p)).containsExactly(3);
            optimizer.load(file);
            optimizer.load(without);
            gradient(p, 32);
            optimizer.step();
            assertThat(values(p)).containsExactly(1);
        }
    }

    @Test
    void beforeASnapshotNothingIsVisited() {
        var p = vector("p", 8);
        gradient(p, 16);
        try (var optimizer = builder().group("all", List.of(p)).build()) {
            optimizer.run(SVRG.VISIT);
            assertThat(values(p)).containsExactly(8);
            optimizer.run(SVRG.LEAVE);
            optimizer.run(SVRG.RECORD);
            optimizer.step();
            assertThat(values(p)).containsExactly(7);
        }
    }

    @Test
    void aParameterWithoutAGradientInTheSnapshotIsLeftAlone() {
        var p = vector("p", 8);
        var q = vector("q", 8);
        gradient(p, 16);
        try (var optimizer = builder().group("all", List.of(p, q)).build()) {
            optimizer.run(SVRG.SNAPSHOT);
            optimizer.step();
            gradient(q, 32);
            optimizer.run(SVRG.VISIT);
            assertThat(values(p)).containsExactly(8);
            assertThat(values(q)).containsExactly(8);
            optimizer.run(SVRG.LEAVE);
            optimizer.run(SVRG.RECORD);
            optimizer.step();
            assertThat(values(p)).containsExactly(6);
            assertThat(values(q)).containsExactly(6);
        }
    }
}
