package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;
import org.panoptim.rule.Yogi;
import org.panoptim.tensor.Shape;

import java.util.List;

class MatrixDecayTest {

    private final Parameter matrix = tensor("matrix", Shape.of(1, 2), 4, 8);
    private final Parameter kernel = tensor("kernel", Shape.of(1, 1, 1, 1), 4);
    private final Parameter bias = vector("bias", 4);
    private final Parameter scalar = tensor("scalar", Shape.of(), 4);
    private final List<Parameter> all = List.of(bias, matrix, scalar, kernel);

    private static <R extends UpdateRule> Optimizer.Builder<R> builder(R rule) {
        return Optimizer.builder(rule).backend(Backend.named("reference"));
    }

    @Test
    void matricesDecayAndVectorsAndScalarsDoNot() {
        all.forEach(each -> gradient(each, new float[(int) each.elements()]));
        var rule = SGD.withLearningRate(0.5).withWeightDecay(3);
        try (var optimizer = builder(rule).matrixDecay(all, 0.5).build()) {
            assertThat(optimizer.group("decay").parameters()).containsExactly(matrix, kernel);
            assertThat(optimizer.group("no decay").parameters()).containsExactly(bias, scalar);
            optimizer.step();
        }
        assertThat(values(matrix)).containsExactly(3, 6);
        assertThat(values(kernel)).containsExactly(3);
        assertThat(values(bias)).containsExactly(4);
        assertThat(values(scalar)).containsExactly(4);
    }

    @Test
    void whatElseTheRuleSaysStays() {
        var rule = AdamW.withLearningRate(0.25).withAmsgrad(true);
        try (var optimizer = builder(rule).matrixDecay(all, 0.1).build()) {
            assertThat(optimizer.group("decay").rule()).isEqualTo(rule.withWeightDecay(0.1));
            assertThat(optimizer.group("no decay").rule()).isEqualTo(rule.withWeightDecay(0));
        }
    }

    @Test
    void itGoesWithEveryRuleThatHasAWeightDecay() {
        // Vectors and scalars among them are for rules that take any shape.
        for (var rule : Rules.exact()) {
            if (Rules.settings(rule).containsKey("weight_decay")) {
                try (var optimizer = builder(rule).matrixDecay(all, 0.125).build()) {
                    assertThat(Rules.settings(optimizer.group("decay").rule()))
                            .as(rule.name())
                            .containsEntry("weight_decay", "0.125");
                }
            }
        }
    }

    @Test
    void aModelOfOneKindHasAnEmptyGroup() {
        gradient(bias, 1);
        try (var optimizer =
                builder(SGD.withLearningRate(1)).matrixDecay(List.of(bias), 0.5).build()) {
            assertThat(optimizer.group("decay").parameters()).isEmpty();
            optimizer.step();
        }
        assertThat(values(bias)).containsExactly(3);
    }

    @Test
    void aRuleWithoutAWeightDecayIsRefused() {
        assertThatThrownBy(() -> builder(Yogi.defaults()).matrixDecay(all, 0.1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("yogi has no setting weight_decay");
        assertThatThrownBy(() -> builder(SGD.defaults()).matrixDecay(all, -1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("weightDecay");
    }
}
