package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** After Yong et al., 2020, and timm. */
class CentralizeTest {

    private static Optimizer optimizer(LossScale scale, Parameter... parameters) {
        return Optimizer.builder(SGD.withLearningRate(1))
                .companion(new Centralize())
                .group("all", List.of(parameters))
                .lossScale(scale)
                .backend(Backend.named("reference"))
                .build();
    }

    private static Parameter zeros(Shape shape) {
        return Parameter.of("p", shape, MemorySegment.ofArray(new float[(int) shape.elements()]));
    }

    @Test
    void theMeanOfEachUnitGoesWhateverItsShape() {
        var p = zeros(Shape.of(2, 3, 1, 2));
        gradient(p, 1, 2, 3, 4, 5, 9, 1, 1, 1, 1, 1, 7);
        try (var optimizer = optimizer(LossScale.none(), p)) {
            optimizer.step();
            assertThat(values(p)).containsExactly(3, 2, 1, 0, -1, -5, 1, 1, 1, 1, 1, -5);
            assertThat(gradientValues(p))
                    .containsExactly(-3, -2, -1, 0, 1, 5, -1, -1, -1, -1, -1, 5);
        }
    }

    @Test
    void aVectorIsLeftAlone() {
        var p = vector("p", 0, 0);
        gradient(p, 1, 3);
        try (var optimizer = optimizer(LossScale.none(), p)) {
            optimizer.step();
            assertThat(values(p)).containsExactly(-1, -3);
        }
    }

    @Test
    void gradientsStayInTheUnitsOfTheLossScale() {
        var p = zeros(Shape.of(1, 2));
        gradient(p, 8, 24);
        try (var optimizer = optimizer(LossScale.fixed(8), p)) {
            optimizer.step();
            assertThat(values(p)).containsExactly(1, -1);
            assertThat(gradientValues(p)).containsExactly(-8, 8);
        }
    }
}
