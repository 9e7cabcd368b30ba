package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.tensor.DType;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;

class AverageSwapTest {

    private static Optimizer.Builder<SGD> builder() {
        return Optimizer.builder(SGD.withLearningRate(1))
                .companion(new AverageSwap())
                .averageDecay(0.5)
                .backend(Backend.named("reference"));
    }

    @Test
    void averagesTakeThePlaceOfParametersForAWhile() {
        var average = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 4, 8);
        var p = vector("p", 1, 2).averagedIn(new Output(DType.F32, average));
        var plain = vector("plain", 3);
        gradient(p, 1, -2);
        try (var optimizer = builder().group("all", List.of(p, plain)).build()) {
            optimizer.step();
            optimizer.run(AverageSwap.USE_AVERAGE);
            assertThat(values(p)).containsExactly(2, 6);
            assertThat(values(plain)).containsExactly(3);
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("use_average", "use_parameter");
            optimizer.run(AverageSwap.USE_PARAMETER);
            assertThat(values(p)).containsExactly(0, 4);
            assertThat(average.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(2, 6);
            optimizer.step();
            assertThat(values(p)).containsExactly(-1, 6);
            assertThat(average.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(0.5f, 6);
        }
    }

    @Test
    void withoutAnAverageThereIsNothingToEvaluate() {
        var average = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 4);
        var plain = vector("plain", 3);
        var p = vector("p", 1).averagedIn(new Output(DType.F32, average));
        try (var optimizer = builder().group("all", List.of(plain)).build()) {
            assertNothingToEvaluate(optimizer);
            // It is asked of the groups that there are now.
            optimizer.add(new ParameterGroup("later", SGD.withLearningRate(1), List.of(p)));
            optimizer.run(AverageSwap.USE_AVERAGE);
            assertThat(values(p)).containsExactly(4);
            optimizer.run(AverageSwap.USE_PARAMETER);
            optimizer.freeze("later");
            assertNothingToEvaluate(optimizer);
            assertThat(values(p)).containsExactly(1);
        }
    }

    private static void assertNothingToEvaluate(Optimizer optimizer) {
        assertThatThrownBy(() -> optimizer.run(AverageSwap.USE_AVERAGE))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(
                        "pass 'use_average' reads moving averages, and no parameter of a group that"
                                + " is not frozen has one; give the parameters some with"
                                + " Parameter.averagedIn before they are added to the optimizer");
        // It was not opened.
        assertThatThrownBy(() -> optimizer.run(AverageSwap.USE_PARAMETER))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("was not run before it");
    }

    @Test
    void parametersComeBackExactlyWhateverTheTypesAre() {
        var arena = Arena.ofAuto();
        var average = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1.00001f);
        var copy = arena.allocate(2);
        var p =
                vector("p", 0.1f)
                        .averagedIn(new Output(DType.F32, average))
                        .copiedTo(new Output(DType.BF16, copy));
        gradient(p, 0);
        try (var optimizer = builder().group("all", List.of(p)).build()) {
            optimizer.run(AverageSwap.USE_AVERAGE);
            assertThat(values(p)).containsExactly(1.00001f);
            // Copies follow: 1 in bfloat16.
            assertThat(copy.get(ValueLayout.JAVA_SHORT, 0)).isEqualTo((short) 0x3f80);
            optimizer.run(AverageSwap.USE_PARAMETER);
            assertThat(values(p)).containsExactly(0.1f);
            assertThat(copy.get(ValueLayout.JAVA_SHORT, 0)).isEqualTo((short) 0x3dcd);
            assertThat(average.get(ValueLayout.JAVA_FLOAT, 0)).isEqualTo(1.00001f);
        }
    }
}
