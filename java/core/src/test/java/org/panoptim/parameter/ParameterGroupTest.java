package org.panoptim.parameter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.panoptim.reference.ElementViewTest;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.SAM;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;

import java.util.List;

/** Which parameters a group takes, and which rules after its first. */
class ParameterGroupTest {

    /** Does nothing, in these passes, and keeps this of matrices. */
    private record Idle(double learningRate, List<Pass> passes, Slot ofMatrices)
            implements UpdateRule {

        @Override
        public String name() {
            return "idle";
        }

        @Override
        public Idle atLearningRate(double value) {
            return new Idle(value, passes, ofMatrices);
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public List<Slot> slots(Shape parameter) {
            return parameter.dimensions().size() == 2 ? List.of(ofMatrices) : slots();
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return _ -> {};
        }
    }

    private static final Idle IDLE = new Idle(1, List.of(), new Slot("kept"));

    private static ParameterGroup group(UpdateRule rule) {
        var parameters = List.of(vector("vector", 1), tensor("matrix", Shape.of(1, 1), 1));
        return new ParameterGroup("all", rule, parameters);
    }

    private static void assertOther(UpdateRule rule, UpdateRule other) {
        assertThatThrownBy(() -> group(rule).withRule(other))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("group 'all': rule " + rule)
                .hasMessageContaining(" cannot become " + other);
    }

    @Test
    void aNameThatIsEmptyOrWouldBreakLinesIsRefused() {
        assertThatThrownBy(() -> new ParameterGroup("", IDLE, List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a group's name must not be empty");
        assertThatThrownBy(() -> new ParameterGroup("all\t", IDLE, List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "a group's name must not have control characters, but 'all?' has U+0009 at"
                                + " index 3");
    }

    @Test
    void aRuleMayHaveOtherSettings() {
        var group = group(IDLE).withFrozen(true).withRule(IDLE.atLearningRate(2));
        assertThat(group.rule()).isEqualTo(IDLE.atLearningRate(2));
        assertThat(group.frozen()).isTrue();
        assertThat(group(SAM.withRho(1)).withRule(SAM.withRho(2)).rule()).isEqualTo(SAM.withRho(2));
    }

    @Test
    void aRuleWithOtherPassesIsAnother() {
        assertOther(IDLE, new Idle(1, List.of(Pass.overAll("pass", 1)), IDLE.ofMatrices()));
    }

    @Test
    void aRuleWithAnotherKernelIsAnother() {
        assertOther(SAM.withRho(1), SAM.withRho(1).withAdaptive(true));
    }

    @Test
    void aRuleThatKeepsOtherStatesOfAShapeThatIsThereIsAnother() {
        var other = new Idle(1, List.of(), new Slot("other"));
        assertOther(IDLE, other);
        var vectors = new ParameterGroup("all", IDLE, List.of(vector("vector", 1)));
        assertThat(vectors.withRule(other).rule()).isEqualTo(other);
    }

    @Test
    void aRuleThatKeepsStatesOfRowsTakesNoTransposedParameter() {
        var transposed =
                Parameter.of(
                        "w",
                        Shape.of(2, 2),
                        new DimensionOrder(List.of(1, 0)),
                        tensor("memory", Shape.of(2, 2), 1, 2, 3, 4).value());
        var rule = new ElementViewTest.Crossed(1);
        assertThatThrownBy(() -> new ParameterGroup("all", rule, List.of(transposed)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "group 'all': rule crossed works on matrices, so parameter 'w' must be"
                                + " contiguous, but its dimensions lie in memory in the order [1,"
                                + " 0]");
    }
}
