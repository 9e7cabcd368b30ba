package org.panoptim.step;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Output;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.DType;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/** After torch.optim.swa_utils. */
class AveragingTest {

    /** The average, from 100, of a parameter that goes from 0 by 1 in each step. */
    private static List<Float> averages(Averaging averaging, int steps) {
        var average = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 100);
        var p = vector("p", 0).averagedIn(new Output(DType.F32, average));
        gradient(p, -1);
        var found = new ArrayList<Float>();
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("all", List.of(p))
                        .averaging(averaging)
                        .backend(Backend.named("reference"))
                        .build()) {
            for (int step = 0; step < steps; step++) {
                optimizer.step();
                found.add(average.get(ValueLayout.JAVA_FLOAT, 0));
            }
        }
        return found;
    }

    @Test
    void anExponentialAverageBeginsAsItsOwnerMadeIt() {
        assertThat(averages(Averaging.exponential(0.5), 2)).containsExactly(50.5f, 26.25f);
    }

    @Test
    void orAsTheParameterAfterAStep() {
        assertThat(averages(Averaging.exponential(0.5).startingAt(2), 4))
                .containsExactly(100f, 2f, 2.5f, 3.25f);
    }

    @Test
    void anEqualAverageIsTheMean() {
        assertThat(averages(Averaging.equal(), 4)).containsExactly(1f, 1.5f, 2f, 2.5f);
    }

    @Test
    void ofEverySoManyStepsFromAStepOn() {
        assertThat(averages(Averaging.equal().startingAt(2).every(2), 7))
                .containsExactly(100f, 2f, 2f, 3f, 3f, 4f, 4f);
    }

    @Test
    void whatDoesNotMoveIsNotTouchedThoughTheParameterIsInfinite() {
        var average = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, 100);
        var p = vector("p", Float.POSITIVE_INFINITY).averagedIn(new Output(DType.F32, average));
        gradient(p, 1);
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("all", List.of(p))
                        .averaging(Averaging.equal().startingAt(5))
                        .backend(Backend.named("reference"))
                        .build()) {
            optimizer.step();
            assertThat(average.get(ValueLayout.JAVA_FLOAT, 0)).isEqualTo(100);
        }
    }

    @Test
    void settingsOutOfRangeAreRefused() {
        assertThatThrownBy(() -> Averaging.exponential(1.5))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("decay", "[0, 1]", "1.5");
        assertThatThrownBy(() -> Averaging.equal().startingAt(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("start", "at least 1", "0");
        assertThatThrownBy(() -> Averaging.exponential(0.5).startingAt(-1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("start", "at least 0", "-1");
        assertThatThrownBy(() -> Averaging.equal().every(0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("at least 1", "0");
    }
}
