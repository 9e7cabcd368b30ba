package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Muon;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.List;

class OptimizerSetupTest {

    private final Parameter weight = parameter("weight", Shape.of(2, 2));
    private final Parameter bias = parameter("bias", Shape.of(2));

    private static Parameter parameter(String name, Shape shape) {
        int elements = Math.toIntExact(shape.elements());
        return Parameter.of(name, shape, MemorySegment.ofArray(new float[elements]));
    }

    private List<ParameterGroup> groups(UpdateRule rule) {
        try (var backend = Backend.named("reference");
                var optimizer =
                        new OptimizerSetup(rule)
                                .optimizer(1, List.of(bias, weight))
                                .backend(backend)
                                .build()) {
            return optimizer.groups();
        }
    }

    @Test
    void aRuleTrainsAllParameters() {
        var rule = SGD.withLearningRate(1);
        assertThat(groups(rule))
                .containsExactly(new ParameterGroup("all", rule, List.of(bias, weight)));
        assertThat(new OptimizerSetup(rule).settings()).doesNotContainKey("biases");
    }

    @Test
    void whatARuleOnMatricesRefusesIsTrainedByAdamW() {
        var rule = Muon.withLearningRate(1);
        assertThat(groups(rule))
                .containsExactly(
                        new ParameterGroup("all", rule, List.of(weight)),
                        new ParameterGroup(
                                "biases",
                                AdamW.withLearningRate(0.002).withWeightDecay(0),
                                List.of(bias)));
        assertThat(new OptimizerSetup(rule).settings()).containsEntry("biases", "adamw@0.002");
    }
}
