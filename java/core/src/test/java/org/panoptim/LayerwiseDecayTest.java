package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.SGD;

import java.util.List;

class LayerwiseDecayTest {

    private final Parameter head = vector("layer.4.head", 1);
    private final Parameter middle = vector("layer.2.weight", 1);
    private final Parameter bias = vector("layer.2.bias", 1);
    private final Parameter embedding = vector("layer.0.embedding", 1);

    private static int depth(Parameter parameter) {
        return parameter.name().charAt(6) - '0';
    }

    private Optimizer.Builder<SGD> builder() {
        return Optimizer.builder(SGD.withLearningRate(1)).backend(Backend.named("reference"));
    }

    @Test
    void ratesFallFromTheDeepestLayerToTheFirst() {
        var all = List.of(head, middle, bias, embedding);
        try (var optimizer =
                builder().layerwise("net", all, 0.5, LayerwiseDecayTest::depth).build()) {
            assertThat(optimizer.groups().stream().map(ParameterGroup::name))
                    .containsExactly("net/0", "net/2", "net/4");
            assertThat(optimizer.group("net/2").parameters()).containsExactly(middle, bias);
            all.forEach(each -> gradient(each, 1));
            optimizer.step();
            assertThat(values(head)).containsExactly(0);
            assertThat(values(middle)).containsExactly(0.75f);
            assertThat(values(embedding)).containsExactly(1 - 0.0625f);
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, 1.5, Double.NaN})
    void theFactorMustBeAShare(double factor) {
        assertThatThrownBy(
                        () ->
                                builder()
                                        .layerwise(
                                                "net",
                                                List.of(head),
                                                factor,
                                                LayerwiseDecayTest::depth))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("(0, 1]", Double.toString(factor));
    }

    @Test
    void aNegativeDepthIsRefused() {
        assertThatThrownBy(() -> builder().layerwise("net", List.of(head), 0.5, each -> -1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("layer.4.head", "-1");
    }
}
