package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.backend.Backend;
import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.FloatView;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.Prodigy;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.Averaging;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;

/** Parameters of bfloat16, and what steps leave beside a value. */
class OutputsTest {

    /** Between 1 and the next bfloat16, nearer to 1. */
    private static final float ABOVE_ONE = 0x1.008p0f;

    private final Backend backend = Backend.named("reference");
    private final Arena arena = Arena.ofShared();

    @AfterEach
    void close() {
        backend.close();
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }

    private FloatView elements(DType type, float... values) {
        var view = new FloatView(arena.allocate((long) values.length * type.byteSize(), 4), type);
        for (int i = 0; i < values.length; i++) {
            view.set(i, values[i]);
        }
        return view;
    }

    private static Output output(FloatView view) {
        return new Output(view.type(), new HostMemory(view.memory()));
    }

    private static Parameter parameter(FloatView value) {
        return parameter("p", value);
    }

    private static Parameter parameter(String name, FloatView value) {
        var memory = new HostMemory(value.memory());
        return Parameter.of(name, Shape.of(value.elements()), value.type(), memory);
    }

    private Optimizer.Builder<UpdateRule> builder(Parameter... parameters) {
        return builder(SGD.withLearningRate(1), parameters);
    }

    private Optimizer.Builder<UpdateRule> builder(UpdateRule rule, Parameter... parameters) {
        return Optimizer.builder(rule).group("all", List.of(parameters)).backend(backend);
    }

    @Test
    void aStepComputesWithFloatsAndRoundsWhatItStores() {
        var value = elements(DType.BF16, 1, -2);
        var gradient = elements(DType.BF16, -0x1.8p-8f, 0.5f);
        var parameter = parameter(value).gradient(gradient.memory());
        try (var optimizer = builder(parameter).statistics(true).build()) {
            optimizer.step();
            // 1 + 1.5 * 2^-8 lies between 1 and 1 + 2^-7, nearer to the latter.
            assertThat(value.get(0)).isEqualTo(0x1.02p0f);
            assertThat(value.get(1)).isEqualTo(-2.5f);
            double squares = 0x1.8p-8 * 0x1.8p-8 + 0.25;
            assertThat(optimizer.report().gradientNorm()).hasValue(Math.sqrt(squares));
            // Of what the rule computed, not of what rounding made of it.
            assertThat(optimizer.report().updateNorm()).hasValue(Math.sqrt(squares));
        }
    }

    @Test
    void aCopyIsTheValueOfTheRuleRounded() {
        var value = elements(DType.F32, 1, 2);
        var copy = elements(DType.BF16, 7, 7);
        var parameter = parameter(value).copiedTo(output(copy));
        try (var optimizer = builder(parameter).build()) {
            optimizer.step();
            assertThat(copy.get(0)).as("without a gradient").isEqualTo(7);
            parameter.gradient(elements(DType.F32, 1 - ABOVE_ONE, 1).memory());
            optimizer.step();
            assertThat(value.get(0)).isEqualTo(ABOVE_ONE);
            assertThat(copy.get(0)).isEqualTo(1);
            assertThat(copy.get(1)).isEqualTo(1);
        }
    }

    @Test
    void aCopyOfANarrowValueIsNotRoundedTwice() {
        var value = elements(DType.BF16, 1);
        var copy = elements(DType.F32, 0);
        var parameter = parameter(value).copiedTo(output(copy));
        parameter.gradient(elements(DType.BF16, 1 - ABOVE_ONE).memory());
        try (var optimizer = builder(parameter).build()) {
            optimizer.step();
        }
        assertThat(value.get(0)).isEqualTo(1);
        assertThat(copy.get(0)).isEqualTo(ABOVE_ONE);
    }

    @Test
    void aPassThatChangesTheValueWritesTheCopyAndLeavesTheAverage() {
        var value = elements(DType.F32, 0, 0);
        var copy = elements(DType.F32, 7, 7);
        var average = elements(DType.F32, 9, 9);
        var parameter = parameter(value).copiedTo(output(copy)).averagedIn(output(average));
        parameter.gradient(elements(DType.F32, 3, 4).memory());
        try (var optimizer =
                builder(parameter).averageDecay(0.5).companion(SAM.withRho(1)).build()) {
            optimizer.run(SAM.PERTURB);
            assertThat(copy.get(0)).isEqualTo(0.6f);
            assertThat(copy.get(1)).isEqualTo(0.8f);
            optimizer.run(SAM.RESTORE);
            assertThat(copy.get(0)).isZero();
            assertThat(copy.get(1)).isZero();
            assertThat(average.get(0)).isEqualTo(9);
        }
    }

    @Test
    void outputsFollowAValueThatTheRuleLeavesAsItIs() {
        var value = elements(DType.F32, 3);
        var copy = elements(DType.F32, 7);
        var average = elements(DType.F32, 7);
        var parameter = parameter(value).copiedTo(output(copy)).averagedIn(output(average));
        // Without a gradient that differs from zero, Prodigy sets nothing.
        parameter.gradient(elements(DType.F32, 0).memory());
        try (var optimizer = builder(Prodigy.defaults(), parameter).averageDecay(0.75).build()) {
            optimizer.step();
        }
        assertThat(value.get(0)).isEqualTo(3);
        assertThat(copy.get(0)).isEqualTo(3);
        assertThat(average.get(0)).isEqualTo(6);
    }

    @Test
    void anAverageMovesTowardsTheValue() {
        var value = elements(DType.F32, 4);
        var average = elements(DType.F32, 4);
        var parameter = parameter(value).averagedIn(output(average));
        parameter.gradient(elements(DType.F32, 2).memory());
        try (var optimizer = builder(parameter).averageDecay(0.75).build()) {
            optimizer.step();
            assertThat(average.get(0)).isEqualTo(0.75f * 4 + 0.25f * 2);
            optimizer.step();
            assertThat(average.get(0)).isEqualTo(0.75f * 3.5f + 0.25f * 0);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "0.25, 4, 2, 2.5",
        "0.75, 4, 2, 3.5",
        // Their distance is rounded, to 2⁻²³ - 1: half of it is 0.5 - 2⁻²⁴, which taken from the
        // average would leave 0.5 + 2⁻²⁴.
        "0.5, 1, 0x1.8p-24, 0.5"
    })
    void anAverageIsFoundFromTheNearerEnd(
            double decay, String average, String value, String moved) {
        var ofStep = elements(DType.F32, Float.parseFloat(average));
        var parameter =
                parameter(elements(DType.F32, Float.parseFloat(value))).averagedIn(output(ofStep));
        parameter.gradient(elements(DType.F32, 0).memory());
        try (var optimizer = builder(parameter).averageDecay(decay).build()) {
            optimizer.step();
        }
        assertThat(ofStep.get(0)).isEqualTo(Float.parseFloat(moved));
    }

    @Test
    void aDecayOfZeroIsTheValueItselfAndOneNeverMoves() {
        for (double decay : new double[] {0, 1}) {
            var value = elements(DType.F32, 0.1f);
            var average = elements(DType.F32, 1e10f);
            var parameter = parameter(value).averagedIn(output(average));
            parameter.gradient(elements(DType.F32, -0.2f).memory());
            try (var optimizer = builder(parameter).averageDecay(decay).build()) {
                optimizer.step();
            }
            assertThat(average.get(0)).isEqualTo(decay == 0 ? value.get(0) : 1e10f);
        }
    }

    @Test
    void aRefusedStepLeavesOutputsAlone() {
        var value = elements(DType.F32, 4);
        var copy = elements(DType.F32, 7);
        var average = elements(DType.F32, 9);
        var parameter = parameter(value).copiedTo(output(copy)).averagedIn(output(average));
        parameter.gradient(elements(DType.F32, Float.NaN).memory());
        var builder = builder(parameter).averageDecay(0.5).nonFinite(NonFinitePolicy.SKIP);
        try (var optimizer = builder.build()) {
            optimizer.step();
            assertThat(copy.get(0)).isEqualTo(7);
            assertThat(average.get(0)).isEqualTo(9);
        }
    }

    @Test
    void averagesFollowWhatAStepDoesNotUpdate() {
        var frozen = elements(DType.F32, 4);
        var ofFrozen = elements(DType.F32, 8);
        var idle = elements(DType.BF16, 2, 3);
        var ofIdle = elements(DType.BF16, 6, 7);
        var copy = elements(DType.F32, 9);
        var one =
                parameter("frozen", frozen)
                        .averagedIn(output(ofFrozen))
                        .copiedTo(output(copy))
                        .gradient(elements(DType.F32, 1).memory());
        var other = parameter("idle", idle).averagedIn(output(ofIdle));
        for (boolean completed : new boolean[] {false, true}) {
            var builder =
                    Optimizer.builder(SGD.withLearningRate(1))
                            .group("frozen", List.of(one))
                            .group("idle", List.of(other))
                            .averageDecay(0.5)
                            .backend(backend);
            if (completed) {
                builder.companion(Cautious.ofUpdates());
            }
            ofFrozen.set(0, 8);
            ofIdle.set(0, 6);
            try (var optimizer = builder.build()) {
                optimizer.freeze("frozen");
                optimizer.step();
            }
            assertThat(ofFrozen.get(0)).isEqualTo(6);
            assertThat(ofIdle.get(0)).isEqualTo(4);
            assertThat(copy.get(0)).as("a copy of what does not change").isEqualTo(9);
        }
    }

    @Test
    void aMeanThatBeginsWithAStepWithoutAGradientBeginsAtTheValue() {
        var value = elements(DType.F32, 4);
        var average = elements(DType.F32, 99);
        var parameter = parameter(value).averagedIn(output(average));
        try (var optimizer = builder(parameter).averaging(Averaging.equal()).build()) {
            optimizer.step();
            assertThat(average.get(0)).isEqualTo(4);
            parameter.gradient(elements(DType.F32, 2).memory());
            optimizer.step();
            assertThat(average.get(0)).isEqualTo(3);
        }
    }

    @Test
    void aCompletedStepThatIsRefusedLeavesAveragesAlone() {
        var average = elements(DType.F32, 9);
        var idle = parameter("idle", elements(DType.F32, 4)).averagedIn(output(average));
        var bad =
                parameter("bad", elements(DType.F32, 4))
                        .gradient(elements(DType.F32, Float.NaN).memory());
        try (var optimizer =
                builder(idle, bad)
                        .averageDecay(0.5)
                        .companion(Cautious.ofUpdates())
                        .nonFinite(NonFinitePolicy.SKIP)
                        .build()) {
            optimizer.step();
            assertThat(average.get(0)).isEqualTo(9);
        }
    }

    @Test
    void aCopyFollowsPassesAndAnAverageDoesNot() {
        var value = elements(DType.F32, ABOVE_ONE, -2);
        var copy = elements(DType.BF16, 9, 9);
        var average = elements(DType.F32, 8, 8);
        var parameter = parameter(value).copiedTo(output(copy)).averagedIn(output(average));
        parameter.gradient(elements(DType.F32, 3, 4).memory());
        var builder = builder(parameter).averageDecay(0.5).companion(SAM.withRho(10));
        try (var optimizer = builder.build()) {
            optimizer.run(SAM.PERTURB);
            assertThat(value.get(0)).isEqualTo(ABOVE_ONE + 6);
            assertThat(copy.get(0)).isEqualTo(7);
            assertThat(copy.get(1)).isEqualTo(6);
            optimizer.run(SAM.RESTORE);
            assertThat(value.get(0)).isEqualTo(ABOVE_ONE);
            assertThat(copy.get(0)).isEqualTo(1);
            assertThat(copy.get(1)).isEqualTo(-2);
            assertThat(average.get(0)).isEqualTo(8);
        }
    }

    @Test
    void aPassThatMovesNothingWritesTheCopiesOfWhatItGoesOver() {
        var value = elements(DType.F32, ABOVE_ONE);
        var copy = elements(DType.BF16, 9);
        var parameter = parameter(value).copiedTo(output(copy));
        try (var optimizer = builder(parameter).companion(SAM.withRho(10)).build()) {
            optimizer.run(SAM.PERTURB);
            assertThat(copy.get(0)).as("without a gradient").isEqualTo(9);
            optimizer.run(SAM.RESTORE);
            assertThat(copy.get(0)).isEqualTo(1);
            copy.set(0, 9);
            parameter.gradient(elements(DType.F32, Float.NaN).memory());
            optimizer.run(SAM.PERTURB);
            assertThat(value.get(0)).isEqualTo(ABOVE_ONE);
            assertThat(copy.get(0)).isEqualTo(1);
        }
    }

    @Test
    void anAverageNeedsADecay() {
        var parameter =
                parameter(elements(DType.F32, 4)).averagedIn(output(elements(DType.F32, 4)));
        assertThatThrownBy(() -> builder(parameter).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "parameter 'p' has an average, but the optimizer no averageDecay for it");
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.001, 1.001, Double.NaN, Double.NEGATIVE_INFINITY})
    void aDecayOutsideItsRangeIsRefused(double decay) {
        var builder = builder();
        assertThatThrownBy(() -> builder.averageDecay(decay))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("averageDecay: decay must be in [0, 1], but is " + decay);
    }

    @Test
    void outputsOfDifferentParametersMustNotOverlap() {
        var shared = elements(DType.F32, 1, 2, 3, 4);
        var first = new FloatView(shared.memory().asSlice(0, 8), DType.F32);
        var last = new FloatView(shared.memory().asSlice(4, 8), DType.F32);
        var one = parameter("one", first);
        var other = parameter("other", elements(DType.F32, 1, 2)).copiedTo(output(last));
        assertThatThrownBy(() -> builder(one, other).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "the value of parameter 'one' and the copy of parameter 'other' overlap");
    }

    @Test
    void anOutputWhoseArenaIsClosedIsRefusedBeforeAnythingChanges() {
        var value = elements(DType.F32, 4);
        var other = Arena.ofShared();
        var memory = new HostMemory(other.allocate(4, 4));
        var parameter = parameter(value).copiedTo(new Output(DType.F32, memory));
        parameter.gradient(elements(DType.F32, 2).memory());
        try (var optimizer = builder(parameter).build()) {
            other.close();
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("parameter 'p': the arena of its copy is closed");
            assertThat(value.get(0)).isEqualTo(4);
        }
    }

    @Test
    void anOutputOnADeviceIsRefused() {
        var output = new Output(DType.F32, new DeviceMemory(0x1000, 4));
        var parameter = parameter(elements(DType.F32, 4)).copiedTo(output);
        assertThatThrownBy(() -> builder(parameter).build())
                .isInstanceOf(UnsupportedPlanException.class)
                .hasMessageContaining("the copy of parameter 'p' lies in device memory");
    }

    @Test
    void aCheckpointOfAnotherTypeIsRefused(@TempDir Path folder) throws Exception {
        var file = folder.resolve("checkpoint");
        try (var optimizer = builder(parameter(elements(DType.BF16, 4))).build()) {
            optimizer.save(file);
            optimizer.load(file);
        }
        try (var optimizer = builder(parameter(elements(DType.F32, 4))).build()) {
            assertThatThrownBy(() -> optimizer.load(file))
                    .isInstanceOf(CheckpointException.class)
                    .hasMessageContaining("dtype");
        }
    }
}
