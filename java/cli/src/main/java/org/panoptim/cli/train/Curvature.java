package org.panoptim.cli.train;

import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.panoptim.cli.train.Classifier.Batch;
import org.panoptim.rule.SophiaG;
import org.panoptim.rule.SophiaH;
import org.panoptim.rule.UpdateRule;

import java.util.function.UnaryOperator;

/** How a rule's curvature is estimated; estimates are left where gradients are. */
enum Curvature {
    /** Not at all. */
    NONE {
        @Override
        void estimate(Classifier net, Batch batch, UnaryOperator<Tensor> weighting) {}
    },

    /** Gauss–Newton–Bartlett: the gradient of the loss on labels sampled from the net's output. */
    SAMPLED_LABELS {
        @Override
        void estimate(Classifier net, Batch batch, UnaryOperator<Tensor> weighting) {
            var logits = net.forward(batch.images());
            var labels = logits.detach().softmax(1).multinomial(1).squeeze(1);
            weighting.apply(torch.cross_entropy(logits, labels)).backward();
        }
    },

    /** Hutchinson: v ⊙ Hv for a random v, H being the Hessian of the loss. */
    HUTCHINSON {
        @Override
        void estimate(Classifier net, Batch batch, UnaryOperator<Tensor> weighting) {
            var parameters = net.parameters();
            var loss =
                    weighting.apply(
                            torch.cross_entropy(net.forward(batch.images()), batch.classes()));
            var gradients =
                    torch.grad(
                            new TensorVector(loss),
                            net.module().parameters(),
                            new TensorVector(),
                            new BoolOptional(true),
                            true,
                            false);
            var directions = parameters.stream().map(torch::randn_like).toList();
            var product = torch.torch_zeros(new long[0]);
            for (int i = 0; i < directions.size(); i++) {
                product = product.add(gradients.get(i).mul(directions.get(i)).sum());
            }
            product.backward();
            for (int i = 0; i < directions.size(); i++) {
                scale(parameters.get(i).grad(), directions.get(i));
            }
        }

        private void scale(Tensor gradient, Tensor direction) {
            gradient.mul_(direction);
        }
    };

    /** The estimate that the rule needs. */
    static Curvature of(UpdateRule rule) {
        return switch (rule) {
            case SophiaG _ -> SAMPLED_LABELS;
            case SophiaH _ -> HUTCHINSON;
            default -> NONE;
        };
    }

    /** Whether there is an estimate for the rule, or it needs none. */
    static boolean serves(UpdateRule rule) {
        return !rule.takesCurvature() || of(rule) != NONE;
    }

    /**
     * Adds the estimate to the net's gradients.
     *
     * @param weighting makes of the batch's mean loss what is differentiated
     */
    abstract void estimate(Classifier net, Batch batch, UnaryOperator<Tensor> weighting);
}
