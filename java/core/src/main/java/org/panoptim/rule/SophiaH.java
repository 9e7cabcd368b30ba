package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * Sophia with Hutchinson's estimator (Liu et al., 2024).
 *
 * <p>Source: kozistr/pytorch_optimizer, {@code sophia.py}. On the steps that it chooses, the caller
 * hands in as {@linkplain org.panoptim.parameter.Parameter#curvature curvature} the estimate v ⊙ Hv
 * with a random vector v; the rule folds it into {@code hessian} before the update. Weight decay is
 * decoupled.
 *
 * @param learningRate η, at least 0; 6e-2 by default
 * @param beta1 decay of the momentum, in [0, 1); 0.96 by default
 * @param beta2 decay of the curvature, in [0, 1); 0.99 by default
 * @param clip largest size of an element's update before η, above 0; 0.01 by default
 * @param epsilon least curvature to divide by, above 0; 1e-12 by default
 * @param weightDecay λ, at least 0; 0 by default
 */
public record SophiaH(
        double learningRate,
        double beta1,
        double beta2,
        double clip,
        double epsilon,
        double weightDecay)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int HESSIAN = 1;

    private static final RuleDescriptor<SophiaH> DESCRIPTOR =
            RuleDescriptor.of(
                            SophiaH.class, "kozistr/pytorch_optimizer, sophia.py; Liu et al., 2023")
                    .learningRate(6e-2, SophiaH::learningRate)
                    .decay("beta1", 0.96, SophiaH::beta1)
                    .decay("beta2", 0.99, SophiaH::beta2)
                    .number("clip", RuleSetting.Range.POSITIVE, 0.01, SophiaH::clip)
                    .positiveEpsilon(1e-12, SophiaH::epsilon)
                    .weightDecay(0, SophiaH::weightDecay)
                    .build(
                            v ->
                                    new SophiaH(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number()));

    /** Checks the hyper-parameters. */
    public SophiaH {
        DESCRIPTOR.check(learningRate, beta1, beta2, clip, epsilon, weightDecay);
    }

    /** The rule with its authors' defaults. */
    public static SophiaH defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static SophiaH withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public SophiaH atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    /** This rule with other decays of momentum and curvature. */
    public SophiaH withBetas(double first, double second) {
        return new SophiaH(learningRate, first, second, clip, epsilon, weightDecay);
    }

    /** This rule with another bound of the update. */
    public SophiaH withClip(double value) {
        return new SophiaH(learningRate, beta1, beta2, value, epsilon, weightDecay);
    }

    /** This rule with another least curvature. */
    public SophiaH withEpsilon(double value) {
        return new SophiaH(learningRate, beta1, beta2, clip, value, weightDecay);
    }

    /** This rule with another weight decay. */
    public SophiaH withWeightDecay(double value) {
        return new SophiaH(learningRate, beta1, beta2, clip, epsilon, value);
    }

    @Override
    public RuleDescriptor<SophiaH> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return OptionalDouble.of(weightDecay);
    }

    @Override
    public String name() {
        return "sophia-h";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg"), new Slot("hessian"));
    }

    @Override
    public boolean takesCurvature() {
        return true;
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        double decay1 = preparation.momentum(beta1);
        return new Scalars(
                (float) rate,
                (float) (rate * weightDecay),
                (float) decay1,
                (float) (1 - decay1),
                (float) beta2,
                (float) (1 - beta2),
                (float) clip,
                (float) epsilon);
    }

    private record Scalars(
            float rate,
            float decay,
            float beta1,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float clip,
            float epsilon)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float h = element.state(HESSIAN);
            if (element.hasCurvature()) {
                float c = element.curvature();
                h = beta2 * h + oneMinusBeta2 * c;
                element.state(HESSIAN, h);
            }
            float m = beta1 * element.state(EXP_AVG) + oneMinusBeta1 * element.gradient();
            element.state(EXP_AVG, m);
            float u = m / Arithmetic.max(h, epsilon);
            if (Math.abs(u) > clip) {
                element.held();
            }
            u = Arithmetic.min(Arithmetic.max(u, -clip), clip);
            element.parameter(p - (decay * p + rate * u));
        }
    }
}
