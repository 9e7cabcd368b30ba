package org.panoptim.kfac;

import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.kfac.Matrices.random;
import static org.panoptim.kfac.OneLayer.INPUTS;
import static org.panoptim.kfac.OneLayer.OUTPUTS;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.LongStream;

/** Bad use gets an exception that names what was expected and what came. */
class BadUseTest {

    private final OneLayer layer = new OneLayer(builder -> builder);

    @AfterEach
    void close() {
        layer.close();
    }

    private static Parameter parameter(String name, long... shape) {
        int elements = (int) LongStream.of(shape).reduce(1, (a, b) -> a * b);
        return Parameter.of(name, Shape.of(shape), MemorySegment.ofArray(new float[elements]));
    }

    @Test
    void anUnknownLayer() {
        var rows = Matrices.floats(layer.arena, random(2, INPUTS, 1));
        assertThatThrownBy(() -> layer.kfac.accumulate("m", rows, rows, Batch.sum()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("there is no layer 'm'; the layers are l");
    }

    @Test
    void rowsThatDoNotAgree() {
        assertThatThrownBy(() -> layer.accumulate(random(3, INPUTS, 1), random(2, OUTPUTS, 1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "layer 'l': the inputs have 3 rows of 3 elements, but the output gradients"
                                + " 2 of 2");
        assertThatThrownBy(() -> layer.accumulate(random(3, INPUTS + 1, 1), random(5, OUTPUTS, 1)))
                .hasMessageContaining("inputs have 4 rows")
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aMaskOfAnotherLength() {
        var mask = MemorySegment.ofArray(new byte[5]);
        assertThatThrownBy(
                        () ->
                                layer.accumulate(
                                        random(3, INPUTS, 1),
                                        random(3, OUTPUTS, 1),
                                        Batch.mean().withMask(mask)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("layer 'l': the mask must have a byte for each of 3 rows, but has 5");
    }

    @Test
    void shapesThatAreNoLinearLayer() {
        var builder = Kfac.builder(layer.backend);
        assertThatThrownBy(() -> builder.layer("a", parameter("w", 2, 3, 4)))
                .hasMessageContaining("layer 'a': parameter 'w' must be a matrix");
        assertThatThrownBy(() -> builder.layer("a", parameter("w", 4, 6), parameter("b", 6)))
                .hasMessageContaining("parameter 'b' must be a vector of 4 elements");
    }

    @Test
    void aWeightThatLiesTransposed() {
        var builder = Kfac.builder(layer.backend);
        var curvature = AdaFisherCurvature.builder(layer.backend);
        var problem =
                "layer 'a': parameter 'w' must lie in memory as outputs × inputs, row by row, but"
                        + " lies transposed; in PyTorch, contiguous() makes a tensor that does";
        for (var weight : List.of(transposed(4, 4), transposed(4, 6))) {
            assertThatThrownBy(() -> builder.layer("a", weight, parameter("b", 4)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(problem);
            assertThatThrownBy(() -> curvature.layer("a", weight))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(problem);
        }
        // A single row or column lies the same way either way.
        builder.layer("row", transposed(1, 6)).layer("column", transposed(6, 1));
    }

    private static Parameter transposed(long outputs, long inputs) {
        var memory = new HostMemory(MemorySegment.ofArray(new float[(int) (outputs * inputs)]));
        return Parameter.of(
                "w", Shape.of(inputs, outputs), new DimensionOrder(List.of(1, 0)), memory);
    }

    @Test
    void namesOrParametersTwice() {
        var weight = parameter("w", 4, 6);
        var builder = Kfac.builder(layer.backend).layer("a", weight);
        assertThatThrownBy(() -> builder.layer("a", parameter("v", 4, 6)))
                .hasMessage("two layers are named 'a'");
        assertThatThrownBy(() -> builder.layer("b", weight))
                .hasMessageContaining("parameter 'w' belongs to another layer already");
    }

    @Test
    void settingsOutOfRange() {
        var weight = parameter("w", 4, 6);
        assertThatThrownBy(() -> Kfac.builder(layer.backend).layer("a", weight).damping(0).build())
                .hasMessage("damping must be finite and above 0, but is 0.0");
        assertThatThrownBy(
                        () -> Kfac.builder(layer.backend).layer("a", weight).factorDecay(1).build())
                .hasMessage("factorDecay must be in [0, 1), but is 1.0");
        assertThatThrownBy(() -> Kfac.builder(layer.backend).layer("a", weight).klClip(-1).build())
                .hasMessage("klClip must be above 0, but is -1.0");
        assertThatThrownBy(() -> Kfac.builder(layer.backend).build())
                .hasMessage("there must be at least one layer");
        assertThatThrownBy(() -> Batch.meanOver(0))
                .hasMessage("averagedOver must be finite and above 0, but is 0.0");
    }

    @Test
    void aParameterThatTheOptimizerHasNot() {
        try (var kfac = Kfac.builder(layer.backend).layer("a", parameter("w", 4, 6)).build()) {
            var builder =
                    Optimizer.builder(SGD.withLearningRate(1))
                            .group("all", List.of(parameter("v", 4, 6)))
                            .transform(kfac)
                            .backend(layer.backend);
            assertThatThrownBy(builder::build)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("layer 'a': parameter 'w' is in none of the optimizer's groups");
        }
    }

    @Test
    void aParameterOfWhichTheOptimizerHasAnother() {
        var weight = parameter("w", 4, 6);
        try (var kfac = Kfac.builder(layer.backend).layer("a", weight).build()) {
            var builder =
                    Optimizer.builder(SGD.withLearningRate(1))
                            .group(
                                    "all",
                                    List.of(
                                            Parameter.of(
                                                    weight.name(), weight.shape(), weight.value())))
                            .transform(kfac)
                            .backend(layer.backend);
            assertThatThrownBy(builder::build)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "layer 'a': parameter 'w' is in none of the optimizer's groups, which"
                                    + " have another Parameter of that name");
        }
    }

    @Test
    void twoOptimizers() {
        var builder =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("all", List.of(layer.weight, layer.bias))
                        .transform(layer.kfac)
                        .backend(layer.backend);
        assertThatThrownBy(builder::build)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("this Kfac belongs to another optimizer");
    }

    @Test
    void closingInTheWrongOrder() {
        assertThatThrownBy(layer.kfac::close).hasMessageContaining("an optimizer still uses");
        assertThatThrownBy(layer.backend::close).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void useAfterClosing() {
        var kfac = Kfac.builder(layer.backend).layer("a", parameter("w", 4, 6)).build();
        kfac.close();
        kfac.close();
        assertThatThrownBy(kfac::refresh)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("this Kfac is closed");
        assertThatThrownBy(kfac::factorsDue).hasMessage("this Kfac is closed");
    }
}
