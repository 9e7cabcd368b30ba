package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.cli.train.Classifier.Batch;
import org.panoptim.cli.train.TeamMember.Leaf;
import org.panoptim.rule.AdaFisher;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.SophiaH;

import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

class CurvatureTest {

    private PointerScope scope;
    private Classifier net;
    private Batch batch;

    @BeforeEach
    void makeNet() {
        scope = new PointerScope();
        torch.set_num_threads(1);
        torch.manual_seed(3);
        net = new Classifier();
        batch = Batch.of(Digits.load().heldOut());
    }

    @AfterEach
    void leaveScope() {
        scope.close();
    }

    @Test
    void rulesAreGivenTheEstimateThatTheyAreMadeFor() {
        assertThat(Curvature.of(SophiaG.defaults())).isEqualTo(Curvature.SAMPLED_LABELS);
        assertThat(Curvature.of(SophiaH.defaults())).isEqualTo(Curvature.HUTCHINSON);
        assertThat(Curvature.of(AdamW.defaults())).isEqualTo(Curvature.NONE);
    }

    @Test
    void aRuleWhoseCurvatureCannotBeEstimatedIsNotServed() {
        assertThat(Curvature.serves(SophiaG.defaults())).isTrue();
        assertThat(Curvature.serves(AdamW.defaults())).isTrue();
        assertThat(Curvature.serves(AdaFisher.defaults())).isFalse();
    }

    @Test
    void gradientsOnSampledLabelsCancelInTheMean() {
        // The score function has the mean zero under the model's distribution.
        int draws = 200;
        Curvature.SAMPLED_LABELS.estimate(net, batch, UnaryOperator.identity());
        double one = norm(gradients());
        for (int i = 1; i < draws; i++) {
            Curvature.SAMPLED_LABELS.estimate(net, batch, UnaryOperator.identity());
        }

        assertThat(one).isPositive();
        assertThat(norm(gradients()) / draws).isLessThan(one / 5);
    }

    @Test
    void hutchinsonsEstimateAddsUpToTheSecondDerivativeAlongItsDirection() {
        // Of one image, and over a short way, so that no unit changes between on and off.
        batch = batch.select(new long[] {5});
        torch.manual_seed(17);
        Curvature.HUTCHINSON.estimate(net, batch, UnaryOperator.identity());
        double estimate = gradients().stream().mapToDouble(part -> part.sum().item_double()).sum();

        torch.manual_seed(17);
        var direction = net.parameters().stream().map(torch::randn_like).toList();
        double step = 1e-4;
        double ahead = slopeAt(direction, step);
        double behind = slopeAt(direction, -2 * step);
        double expected = (ahead - behind) / (2 * step);

        assertThat(estimate).isCloseTo(expected, within(Math.abs(expected) * 0.02));
    }

    /** Moves the net, and returns the loss's derivative along the direction there. */
    private double slopeAt(List<Tensor> direction, double distance) {
        net.module().zero_grad(true);
        try (var _ = new NoGradGuard()) {
            for (int i = 0; i < direction.size(); i++) {
                net.parameters().get(i).add_(direction.get(i), new Scalar(distance));
            }
        }
        torch.cross_entropy(net.forward(batch.images()), batch.classes()).backward();
        double slope = 0;
        for (int i = 0; i < direction.size(); i++) {
            slope += gradients().get(i).mul(direction.get(i)).sum().item_double();
        }
        return slope;
    }

    @Test
    void anEstimateServesTenSteps() {
        try (var backend = Backend.named("reference");
                var stepper =
                        new Stepper.Fused(
                                net,
                                new OptimizerSetup(SophiaG.withLearningRate(1e-3)),
                                11,
                                1,
                                backend,
                                Optional.empty())) {
            var seen = new float[12][];
            for (int step = 1; step <= 11; step++) {
                stepper.prepare(step, batch, Leaf.ofWhole(batch.count()));
                assertThat(norm(gradients())).isZero();
                torch.cross_entropy(net.forward(batch.images()), batch.classes()).backward();
                stepper.step(() -> {});
                seen[step] = stepper.optimizer().state("third.bias", "hessian").toArray();
            }

            assertThat(seen[1]).doesNotContain(0);
            assertThat(seen[2]).isEqualTo(seen[1]);
            assertThat(seen[10]).isEqualTo(seen[1]);
            assertThat(seen[11]).isNotEqualTo(seen[1]);
        }
    }

    private List<Tensor> gradients() {
        return net.parameters().stream().map(Tensor::grad).toList();
    }

    private static double norm(List<Tensor> tensors) {
        return Math.sqrt(
                tensors.stream().mapToDouble(tensor -> tensor.square().sum().item_double()).sum());
    }
}
