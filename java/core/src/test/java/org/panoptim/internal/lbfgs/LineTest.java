package org.panoptim.internal.lbfgs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.ArenaSet;

import java.util.List;

/** Parameters that start at 1 and 5 and go along (−1, −2), with a gradient of its own at each t. */
class LineTest {

    private final Backend backend = Backend.named("reference");
    private final Parameter x = vector("x", 1);
    private final Parameter y = vector("y", 5);
    private Vectors vectors;
    private Line line;

    private static final class NoOnesMemory implements CallersMemory {

        private final ArenaSet arenas = new ArenaSet();

        @Override
        public void check() {}

        @Override
        public void checkValues() {}

        @Override
        public ArenaSet valueArenas() {
            return arenas();
        }

        @Override
        public ArenaSet arenas() {
            return arenas;
        }

        @Override
        public void written() {}
    }

    @BeforeEach
    void open() {
        vectors = new Vectors(backend, List.of(x, y), 0, new NoOnesMemory());
        gradient(x, 1);
        gradient(y, 2);
        vectors.takeGradient();
        vectors.descend();
        line = new Line(vectors, 0.5, this::evaluate);
    }

    @AfterEach
    void close() {
        vectors.close();
        backend.close();
    }

    private Trial evaluate(double t) {
        gradient(x, (float) (100 * t));
        gradient(y, (float) t);
        vectors.takeGradient();
        return new Trial(t, 0, vectors.measure());
    }

    private void assertAt(double t) {
        assertThat(values(x)).containsExactly((float) (1 - t));
        assertThat(values(y)).containsExactly((float) (5 - 2 * t));
    }

    /** Each of the points that were needed to the end, wherever their gradients were kept. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void aPointThatWasTriedIsComeBackToWithItsGradient(int chosen) {
        var first = line.at(1);
        var second = line.at(2, first);
        assertAt(2);
        var third = line.at(3, first, second);
        var trials = List.of(first, second, third, line.at(4, first, second));
        line.settle(trials.get(chosen - 1));
        assertAt(chosen);
        assertThat(vectors.measure().norm()).isEqualTo(101 * chosen);
    }

    /** A place is free again when what was in it is needed no more. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void whatIsNotNeededMakesRoom(int chosen) {
        var first = line.at(1);
        var second = line.at(2, first);
        var third = line.at(3, first, second);
        var fourth = line.at(4, second, third);
        line.at(5, second, third);
        line.settle(List.of(first, second, third, fourth).get(chosen - 1));
        assertAt(chosen);
        assertThat(vectors.measure().norm()).isEqualTo(101 * chosen);
    }

    @Test
    void theStartIsComeBackTo() {
        line.at(1);
        line.settle(new Trial(0, 0, vectors.measure()));
        assertAt(0);
    }

    @Test
    void beforeItDepartedThereIsNothingToComeBackTo() {
        line.back();
        assertAt(0);
    }

    /** The largest element of the direction is 2, and the tolerance is excluded. */
    @Test
    void aWidthIsShortIfItMovesNoElementByTheTolerance() {
        assertThat(line.isShort(0.25)).isFalse();
        assertThat(line.isShort(Math.nextDown(0.25f))).isTrue();
    }
}
