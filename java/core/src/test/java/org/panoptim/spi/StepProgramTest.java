package org.panoptim.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.SGD;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

class StepProgramTest {

    private static final GradientTransform NOTHING = _ -> {};

    /** Notes its stages, of which one fails. */
    private static final class Noted implements StepStages {

        final List<String> stages = new ArrayList<>();
        String failing = "";
        RuntimeException failure = new IllegalStateException("planted");
        boolean recorded;

        private void run(String stage) {
            stages.add(stage);
            if (stage.equals(failing)) {
                throw failure;
            }
        }

        @Override
        public boolean areRecorded() {
            return recorded;
        }

        @Override
        public void measure() {
            run("measure");
        }

        @Override
        public void decide(boolean preparing) {
            run(preparing ? "decide and prepare" : "decide");
        }

        @Override
        public Runnable save() {
            run("save");
            return () -> {
                stages.add("take back");
                if (failing.equals("transform and take back")) {
                    throw new IllegalArgumentException("nor this");
                }
            };
        }

        @Override
        public void transform() {
            stages.add("transform");
            if (failing.startsWith("transform")) {
                throw failure;
            }
        }

        @Override
        public void measureTransformed() {
            run("measure again");
        }

        @Override
        public void prepare(int phase) {
            run("prepare " + phase);
        }

        @Override
        public void update(int phase) {
            run("update " + phase);
        }

        @Override
        public void between(int phase) {
            run("between " + phase);
        }

        @Override
        public void finish() {
            run("finish");
        }

        @Override
        public Throwable failure(Throwable thrown) {
            return new IllegalStateException("noted: " + thrown.getMessage(), thrown);
        }
    }

    private final Noted stages = new Noted();

    private static StepPlan plan(GradientTransform... transforms) {
        var group = new ParameterGroup("all", SGD.defaults(), List.of(vector("p", 1)));
        return StepPlan.of(List.of(group)).withTransform(Arrays.stream(transforms).findFirst());
    }

    @Test
    void aStepMeasuresDecidesAndRunsPhaseByPhase() {
        StepProgram.run(plan(), 2, stages);

        assertThat(stages.stages)
                .containsExactly(
                        "measure",
                        "decide and prepare",
                        "prepare 0",
                        "update 0",
                        "between 0",
                        "prepare 1",
                        "update 1",
                        "finish");
    }

    @Test
    void aTransformComesBetweenTheDecisionAndTheFirstPhase() {
        StepProgram.run(plan(NOTHING), 1, stages);

        assertThat(stages.stages)
                .containsExactly(
                        "measure",
                        "save",
                        "decide",
                        "transform",
                        "measure again",
                        "prepare 0",
                        "update 0",
                        "finish");
    }

    @ParameterizedTest
    @ValueSource(strings = {"measure", "decide and prepare"})
    void whatFailsBeforeTheDecisionHasChangedNothing(String stage) {
        stages.failing = stage;

        assertThatThrownBy(() -> StepProgram.run(plan(), 1, stages)).isSameAs(stages.failure);
        assertThat(stages.stages).endsWith(stage);
    }

    @ParameterizedTest
    @ValueSource(strings = {"measure", "save", "decide"})
    void whatFailsBeforeATransformHasChangedNothing(String stage) {
        stages.failing = stage;

        assertThatThrownBy(() -> StepProgram.run(plan(NOTHING), 1, stages))
                .isSameAs(stages.failure);
        assertThat(stages.stages).endsWith(stage);
    }

    @Test
    void aTransformThatFailsTakesTheDecisionBack() {
        stages.failing = "transform";

        assertThatThrownBy(() -> StepProgram.run(plan(NOTHING), 1, stages))
                .isSameAs(stages.failure);
        assertThat(stages.stages)
                .containsExactly("measure", "save", "decide", "transform", "take back");
    }

    @Test
    void aTransformThatHasChangedSomethingLeavesTheStepHalfDone() {
        stages.failing = "transform";
        stages.failure = new PartialChangeException("half", new IllegalStateException());

        assertThatThrownBy(() -> StepProgram.run(plan(NOTHING), 1, stages))
                .isSameAs(stages.failure);
        assertThat(stages.stages).endsWith("transform");
    }

    @Test
    void aDecisionThatCannotBeTakenBackLeavesTheStepHalfDone() {
        stages.failing = "transform and take back";

        assertThatThrownBy(() -> StepProgram.run(plan(NOTHING), 1, stages))
                .isInstanceOfSatisfying(
                        PartialChangeException.class,
                        e -> assertThat(e.reason()).hasMessage("noted: planted"))
                .hasMessage("a step failed half way");
        assertThat(stages.failure.getSuppressed())
                .singleElement()
                .satisfies(each -> assertThat(each).hasMessage("nor this"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"measure again", "prepare 0", "update 0", "finish"})
    void whatFailsAfterwardsLeavesTheStepHalfDone(String stage) {
        stages.failing = stage;

        assertThatThrownBy(() -> StepProgram.run(plan(NOTHING), 1, stages))
                .isInstanceOfSatisfying(
                        PartialChangeException.class,
                        e -> assertThat(e.reason()).hasMessage("noted: planted"))
                .hasMessage("a step failed half way");
        assertThat(stages.stages).endsWith(stage);
    }

    @ParameterizedTest
    @ValueSource(strings = {"prepare 0", "update 0", "finish"})
    void stagesThatAreOnlyRecordedHaveDoneNothing(String stage) {
        stages.failing = stage;
        stages.recorded = true;

        assertThatThrownBy(() -> StepProgram.run(plan(), 1, stages)).isSameAs(stages.failure);
    }

    @Test
    void aPassIsPreparedAndRunPhaseByPhase() {
        StepProgram.runPass(2, stages);

        assertThat(stages.stages).containsExactly("prepare 0", "update 0", "prepare 1", "update 1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"prepare 0", "update 0", "prepare 1", "update 1"})
    void aPassThatFailsIsHalfDone(String stage) {
        stages.failing = stage;

        assertThatThrownBy(() -> StepProgram.runPass(2, stages))
                .isInstanceOfSatisfying(
                        PartialChangeException.class,
                        e -> assertThat(e.reason()).hasMessage("noted: planted"))
                .hasMessage("a pass failed half way");
        assertThat(stages.stages).endsWith(stage);
    }

    @Test
    void aPassThatIsOnlyRecordedHasDoneNothing() {
        stages.failing = "update 1";
        stages.recorded = true;

        assertThatThrownBy(() -> StepProgram.runPass(2, stages)).isSameAs(stages.failure);
    }
}
