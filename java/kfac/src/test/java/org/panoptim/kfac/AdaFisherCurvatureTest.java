package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.kfac.engine.FisherAverage;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.SGD;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;

/** What AdaFisher's rule divides by, for a layer of 2 inputs and 2 outputs with a bias. */
class AdaFisherCurvatureTest {

    // Diagonals: inputs (1, 4, 1), output gradients (9, 1).
    private static final double[][] INPUTS = {{1, 2}, {-1, -2}};
    private static final double[][] GRADIENTS = {{3, 1}, {-3, 1}};

    private final Arena arena = Arena.ofConfined();
    private final Backend backend = Backend.named("reference");
    private final Parameter weight =
            Parameter.of("weight", Shape.of(2, 2), arena.allocate(4 * Float.BYTES));
    private final Parameter bias =
            Parameter.of("bias", Shape.of(2), arena.allocate(2 * Float.BYTES));
    @TempDir private Path folder;

    @BeforeEach
    void gradients() {
        weight.gradient(Matrices.floats(arena, new double[][] {{1, 1}, {1, 1}}));
        bias.gradient(Matrices.floats(arena, new double[][] {{1, 1}}));
    }

    @AfterEach
    void close() {
        backend.close();
        arena.close();
    }

    private AdaFisherCurvature curvature(UnaryOperator<AdaFisherCurvature.Builder> change) {
        return change.apply(AdaFisherCurvature.builder(backend).layer("l", weight, bias).period(1))
                .build();
    }

    private Optimizer.Builder<AdaFisher> optimizer(AdaFisherCurvature curvature) {
        return Optimizer.builder(AdaFisher.withLearningRate(1e-3))
                .group("all", List.of(weight, bias))
                .transform(curvature)
                .backend(backend);
    }

    private void accumulate(AdaFisherCurvature curvature, double scale) {
        curvature.accumulate(
                "l",
                Matrices.floats(arena, INPUTS),
                Matrices.floats(arena, Matrices.scale(scale, GRADIENTS)),
                Batch.sum());
    }

    private static void assertFisher(Optimizer optimizer, double... weightThenBias) {
        var actual = new double[6];
        var ofWeight = optimizer.state("weight", "fisher").toArray();
        var ofBias = optimizer.state("bias", "fisher").toArray();
        for (int i = 0; i < 6; i++) {
            actual[i] = i < 4 ? ofWeight[i] : ofBias[i - 4];
        }
        assertThat(actual).containsExactly(weightThenBias, within(1e-6));
    }

    @Test
    void itIsTheProductOfTheNormalisedDiagonals() {
        try (var curvature = curvature(builder -> builder);
                var optimizer = optimizer(curvature).build()) {
            accumulate(curvature, 1);
            optimizer.step();
            // Normalised: inputs (0, 1, 0), output gradients (1, 0).
            assertFisher(optimizer, 0, 1, 0, 0, 0, 0);
        }
    }

    @Test
    void untilTheFirstUpdateItIsOne() {
        try (var curvature = curvature(builder -> builder);
                var optimizer = optimizer(curvature).build()) {
            optimizer.step();
            assertFisher(optimizer, 1, 1, 1, 1, 1, 1);
        }
    }

    @Test
    void theAuthorsAverageBeginsWithOnesAndHasSmallWeights() {
        try (var curvature = curvature(builder -> builder.average(FisherAverage.REFERENCE));
                var optimizer = optimizer(curvature).build()) {
            accumulate(curvature, 1);
            optimizer.step();
            double keep = .092;
            double top = keep + .08;
            assertFisher(
                    optimizer,
                    top * keep,
                    top * top,
                    keep * keep,
                    keep * top,
                    top * keep,
                    keep * keep);
        }
    }

    @Test
    void theLossScaleChangesNothing() {
        try (var curvature = curvature(builder -> builder);
                var optimizer = optimizer(curvature).lossScale(LossScale.fixed(1024)).build()) {
            accumulate(curvature, 1024);
            optimizer.step();
            assertFisher(optimizer, 0, 1, 0, 0, 0, 0);
        }
    }

    @Test
    void aRefusedStepOrAContributionThatIsNotFiniteChangesNothing() {
        try (var curvature = curvature(builder -> builder);
                var optimizer = optimizer(curvature).nonFinite(NonFinitePolicy.SKIP).build()) {
            accumulate(curvature, Double.NaN);
            optimizer.step();
            assertFisher(optimizer, 1, 1, 1, 1, 1, 1);
            weight.gradient(Matrices.floats(arena, new double[][] {{1, Double.NaN}, {1, 1}}));
            accumulate(curvature, 1);
            optimizer.step();
            assertFisher(optimizer, 1, 1, 1, 1, 1, 1);
        }
    }

    @Test
    void itIsSavedAndLoadedWithTheOptimizer() throws IOException {
        var file = folder.resolve("fisher.safetensors");
        try (var curvature = curvature(builder -> builder.period(3));
                var optimizer = optimizer(curvature).build()) {
            accumulate(curvature, 1);
            optimizer.step();
            optimizer.save(file);
        }
        try (var curvature = curvature(builder -> builder.period(3));
                var optimizer = optimizer(curvature).build()) {
            optimizer.load(file);
            assertFisher(optimizer, 0, 1, 0, 0, 0, 0);
            assertThat(curvature.factorsDue()).isFalse();
            assertThat(curvature.states().getFirst().toArray())
                    .containsExactly(new float[] {0, 1, 0}, within(1e-6f));
        }
    }

    @Test
    void aLayersRuleMustBeAdaFisherAndNoOthers() {
        try (var curvature = curvature(builder -> builder)) {
            assertThatThrownBy(
                            () ->
                                    Optimizer.builder(SGD.withLearningRate(1))
                                            .group("all", List.of(weight, bias))
                                            .transform(curvature)
                                            .backend(backend)
                                            .build())
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(
                            "belongs to a layer, so its rule must be ada-fisher, but is sgd");
            var other = Parameter.of("other", Shape.of(2), arena.allocate(2 * Float.BYTES));
            assertThatThrownBy(() -> optimizer(curvature).group("others", List.of(other)).build())
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("belongs to no layer");
        }
    }
}
