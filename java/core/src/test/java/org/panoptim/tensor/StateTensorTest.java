package org.panoptim.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.NAdam;

import java.util.List;

/** States are read and set in the type that they have. */
class StateTensorTest {

    private final Parameter parameter = vector("p", 1, 2);

    private Optimizer optimizer(Backend backend) {
        return Optimizer.builder(NAdam.defaults())
                .group("all", List.of(parameter))
                .backend(backend)
                .build();
    }

    @Test
    void aFloat64StateIsNotReadOrSetAsFloats() {
        try (var backend = Backend.named("reference");
                var optimizer = optimizer(backend)) {
            var product = optimizer.state("p", "mu_product");
            assertThatIllegalStateException()
                    .isThrownBy(product::toArray)
                    .withMessage("state 'mu_product' of 'p' is F64[], not float32");
            assertThatIllegalStateException()
                    .isThrownBy(() -> product.set(0.5f))
                    .withMessage("state 'mu_product' of 'p' is F64[], not float32");
            assertThat(product.value()).isEqualTo(1);
        }
    }

    @Test
    void aFloat32StateIsNotReadOrSetAsOneNumber() {
        try (var backend = Backend.named("reference");
                var optimizer = optimizer(backend)) {
            var average = optimizer.state("p", "exp_avg");
            average.set(3, 4);
            assertThatIllegalStateException()
                    .isThrownBy(average::value)
                    .withMessage("state 'exp_avg' of 'p' is F32[2], not one float64");
            assertThatIllegalStateException()
                    .isThrownBy(() -> average.value(1))
                    .withMessage("state 'exp_avg' of 'p' is F32[2], not one float64");
            assertThat(average.toArray()).containsExactly(3, 4);
        }
    }
}
