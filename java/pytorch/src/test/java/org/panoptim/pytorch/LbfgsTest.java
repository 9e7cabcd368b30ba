package org.panoptim.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.LBFGSOptions;
import org.bytedeco.pytorch.LossClosure;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.panoptim.LBFGS;
import org.panoptim.backend.Backend;

/** L-BFGS over the engine's tensors, beside the engine's own in float32. */
class LbfgsTest {

    private static final int ITERATIONS = 8;

    private final Backend reference = Backend.named("reference");
    private PointerScope scope;

    @BeforeEach
    void enterScope() {
        scope = new PointerScope();
    }

    @AfterEach
    void leaveScope() {
        scope.close();
        reference.close();
    }

    /** The engine's own L-BFGS, with neither line search nor limit of evaluations. */
    private static final class Engine extends LossClosure {

        private final SmallNet net;

        Engine(SmallNet net) {
            this.net = net;
        }

        void step() {
            var options = new LBFGSOptions(0.5);
            options.max_iter().put(ITERATIONS);
            options.max_eval().put(100L);
            new org.bytedeco.pytorch.LBFGS(net.module.parameters(), options).step(this);
        }

        @Override
        public Tensor call() {
            net.module.zero_grad(true);
            return torch.tensor(net.backward());
        }
    }

    /** Both round to float32, in other orders; the gradients here are about 0.1. */
    @Test
    void itGoesWhereTheEnginesOwnGoes() {
        var theirs = new SmallNet(7);
        var ours = new SmallNet(7);
        new Engine(theirs).step();
        try (var parameters = TorchParameters.of(ours.module);
                var optimizer =
                        LBFGS.builder(parameters.list())
                                .learningRate(0.5)
                                .maxIterations(ITERATIONS)
                                .maxEvaluations(100)
                                .backend(reference)
                                .build()) {
            float before = ours.backward();
            optimizer.step(
                    () -> {
                        // Replaces the gradients, which are followed.
                        ours.module.zero_grad(true);
                        return ours.backward();
                    });
            assertThat(optimizer.iterations()).isEqualTo(ITERATIONS);
            assertThat(ours.backward()).isLessThan(0.9f * before);
        }
        var expected = theirs.values();
        var found = ours.values();
        for (int i = 0; i < expected.length; i++) {
            for (int j = 0; j < expected[i].length; j++) {
                assertThat(found[i][j]).isCloseTo(expected[i][j], within(1e-4f));
            }
        }
    }
}
