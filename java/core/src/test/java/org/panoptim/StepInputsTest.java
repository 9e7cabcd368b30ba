package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.curvature;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** What parameters hold is surveyed after every change, and whether arenas are open at any time. */
class StepInputsTest {

    private static StepInputs inputs(UpdateRule rule, List<Parameter> parameters) {
        return inputs(new ParameterGroup("all", rule, parameters));
    }

    private static StepInputs inputs(ParameterGroup... groups) {
        return new StepInputs(StepPlan.of(List.of(groups)));
    }

    private static MemorySegment pair(Arena arena) {
        return arena.allocate(ValueLayout.JAVA_FLOAT, 2);
    }

    @Test
    void everyChangeIsSeenOnceAndNothingElseIs() {
        var a = vector("a", 1, 2);
        var b = vector("b", 1, 2);
        var inputs = inputs(SophiaG.defaults(), List.of(a, b));
        var changes =
                List.<Runnable>of(
                        () -> {},
                        () -> gradient(b, 1, 2),
                        () -> gradient(b, 1, 2),
                        () -> gradient(a, 1, 2),
                        b::clearGradient,
                        () -> curvature(a, 1, 2),
                        () -> curvature(a, 1, 2),
                        a::clearCurvature,
                        () -> {
                            curvature(a, 1, 2);
                            inputs.changed();
                            inputs.clearCurvature();
                        });
        for (var change : changes) {
            change.run();
            assertThat(inputs.changed()).isTrue();
            assertThat(inputs.changed()).isFalse();
        }
        // Nothing is there to be taken away.
        b.clearGradient();
        a.clearCurvature();
        assertThat(inputs.changed()).isFalse();
    }

    @Test
    void whatWasSetAndTakenAwayAgainMeanwhileCountsAsAChange() {
        var a = gradient(vector("a", 1, 2), 1, 2);
        var inputs = inputs(SophiaG.defaults(), List.of(a));
        inputs.changed();
        gradient(a, 3, 4).clearGradient();
        assertThat(inputs.changed()).isTrue();
        curvature(a, 1, 2).clearCurvature();
        assertThat(inputs.changed()).isTrue();
    }

    @Test
    void whoeverSawWhatWasPutBackSeesWhatComesNext() {
        var a = gradient(vector("a", 1, 2), 1, 2);
        var one = inputs(SophiaG.defaults(), List.of(a));
        var other = inputs(SophiaG.defaults(), List.of(a));
        one.changed();
        gradient(a, 3, 4);
        other.changed();
        assertThat(one.putBack()).contains(a);
        gradient(a, 5, 6);
        assertThat(other.changed()).isTrue();
    }

    @Test
    void anArenaThatNothingLiesInAnyMoreIsLeftOut() {
        try (var kept = Arena.ofConfined();
                var left = Arena.ofConfined()) {
            var a = Parameter.of("a", Shape.of(2), pair(kept)).gradient(pair(left));
            var inputs = inputs(SGD.withLearningRate(1), List.of(a));
            inputs.changed();
            assertThat(inputs.arenas().size()).isEqualTo(2);
            a.gradient(pair(kept));
            inputs.changed();
            assertThat(inputs.arenas().size()).isEqualTo(1);
        }
    }

    @Test
    void eachOfTwoSeesAChange() {
        var a = vector("a", 1, 2);
        var one = inputs(SophiaG.defaults(), List.of(a));
        var other = inputs(SophiaG.defaults(), List.of(a));
        one.changed();
        other.changed();
        curvature(a, 1, 2);
        assertThat(one.changed()).isTrue();
        one.clearCurvature();
        assertThat(other.changed()).isTrue();
        assertThat(one.changed()).isTrue();
    }

    /** The arena closes after the survey, which is not made again. */
    @ParameterizedTest
    @ValueSource(strings = {"value", "gradient", "curvature"})
    void anArenaThatClosesLaterIsNamed(String what) {
        try (var open = Arena.ofConfined()) {
            var closing = Arena.ofConfined();
            var a = Parameter.of("a", Shape.of(2), pair(open)).gradient(pair(open));
            var b =
                    Parameter.of("b", Shape.of(2), pair(what.equals("value") ? closing : open))
                            .gradient(pair(what.equals("gradient") ? closing : open))
                            .curvature(pair(what.equals("curvature") ? closing : open));
            var inputs = inputs(SophiaG.defaults(), List.of(a, b, vector("c", 1)));
            assertThat(inputs.changed()).isTrue();
            inputs.checkAccess();
            closing.close();
            assertThat(inputs.changed()).isFalse();
            assertThatThrownBy(inputs::checkAccess)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith(
                            "parameter 'b': the arena of its %s is closed".formatted(what));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7, 8, 9, 39})
    void ofManyArenasEachIsAsked(int closed) {
        int count = 40;
        var arenas = new ArrayList<Arena>();
        var parameters = new ArrayList<Parameter>();
        for (int i = 0; i < count; i++) {
            arenas.add(Arena.ofConfined());
            parameters.add(Parameter.of("p" + i, Shape.of(2), pair(arenas.get(i))));
        }
        // Not in the order of the values.
        for (int i = 0; i < count; i++) {
            parameters.get(i).gradient(pair(arenas.get(i * 7 % count)));
        }
        var inputs = inputs(SGD.withLearningRate(1), parameters);
        inputs.changed();
        assertThatCode(inputs::checkAccess).doesNotThrowAnyException();
        arenas.get(closed).close();
        assertThatThrownBy(inputs::checkAccess)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageEndingWith("is closed");
        arenas.remove(closed);
        arenas.forEach(Arena::close);
    }

    @Test
    void aThreadThatMayNotReadTheMemoryIsNamedThoughAnotherMay() {
        try (var arena = Arena.ofConfined()) {
            var inputs =
                    inputs(
                            SGD.withLearningRate(1),
                            List.of(Parameter.of("a", Shape.of(2), pair(arena))));
            inputs.changed();
            inputs.checkAccess();
            var refused =
                    CompletableFuture.supplyAsync(
                            () -> {
                                try {
                                    inputs.checkAccess();
                                    return "not refused";
                                } catch (IllegalStateException e) {
                                    return e.getMessage();
                                }
                            });
            assertThat(refused.join())
                    .startsWith(
                            "parameter 'a': the arena of its value is confined to a thread other");
        }
    }

    @Test
    void aReadOnlyGradientIsNamedUntilAnotherIsSet() {
        var a = vector("a", 1, 2);
        var b = vector("b", 1, 2);
        b.gradient(MemorySegment.ofArray(new float[2]).asReadOnly());
        var inputs = inputs(SGD.withLearningRate(1), List.of(a, b));
        inputs.changed();
        assertThatThrownBy(() -> inputs.checkWritable("zeroed"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(
                        "parameter 'b': the gradient's segment is read-only, so it cannot be"
                                + " zeroed");
        gradient(b, 1, 2);
        inputs.changed();
        assertThatCode(() -> inputs.checkWritable("zeroed")).doesNotThrowAnyException();
    }

    @Test
    void curvatureThatNobodyTakesIsNamedAndCanBeTakenAway() {
        var a = curvature(vector("a", 1, 2), 1, 2);
        var inputs = inputs(SGD.withLearningRate(1), List.of(a));
        inputs.changed();
        assertThatThrownBy(inputs::checkCurvature)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("parameter 'a' has curvature, but its rule takes none");
        inputs.clearCurvature();
        assertThat(a.hasCurvature()).isFalse();
        inputs.changed();
        assertThatCode(inputs::checkCurvature).doesNotThrowAnyException();
    }

    @Test
    void whetherCurvatureIsTakenIsAskedOfEachParametersOwnGroup() {
        var a = vector("a", 1, 2);
        var b = vector("b", 1, 2);
        var c = vector("c", 1, 2);
        var inputs =
                inputs(
                        new ParameterGroup("plain", SGD.withLearningRate(1), List.of(a)),
                        new ParameterGroup("curved", SophiaG.defaults(), List.of(b)),
                        new ParameterGroup("plain too", SGD.withLearningRate(1), List.of(c)));
        curvature(b, 1, 2);
        inputs.changed();
        assertThatCode(inputs::checkCurvature).doesNotThrowAnyException();
        curvature(c, 1, 2);
        inputs.changed();
        assertThatThrownBy(inputs::checkCurvature)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("parameter 'c' has curvature, but its rule takes none");
    }
}
