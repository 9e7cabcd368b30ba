package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * Sophia with the Gauss–Newton–Bartlett estimator (Liu et al., 2024).
 *
 * <p>Source: Liuhong99/Sophia, {@code sophia.py}. On the steps that it chooses, the caller hands in
 * as {@linkplain org.panoptim.parameter.Parameter#curvature curvature} the gradient of the mean
 * loss on labels sampled from the model; the rule squares it and folds it into {@code hessian}
 * before the update. Weight decay is decoupled.
 *
 * @param learningRate η, at least 0; 1e-4 by default
 * @param beta1 decay of the momentum, in [0, 1); 0.965 by default
 * @param beta2 decay of the curvature, in [0, 1); 0.99 by default
 * @param rho ρ, above 0: an update is clipped where |momentum| exceeds ρ·batchSize·hessian; 0.04 by
 *     default
 * @param batchSize tokens (or examples) of the batch that the curvature's mean loss is over, above
 *     0; 5120 by default
 * @param weightDecay λ, at least 0; 0.1 by default
 * @param maximize whether to climb
 */
public record SophiaG(
        double learningRate,
        double beta1,
        double beta2,
        double rho,
        double batchSize,
        double weightDecay,
        boolean maximize)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int HESSIAN = 1;

    private static final RuleDescriptor<SophiaG> DESCRIPTOR =
            RuleDescriptor.of(SophiaG.class, "Liuhong99/Sophia, sophia.py; Liu et al., 2023")
                    .learningRate(1e-4, SophiaG::learningRate)
                    .decay("beta1", 0.965, SophiaG::beta1)
                    .decay("beta2", 0.99, SophiaG::beta2)
                    .number("rho", RuleSetting.Range.POSITIVE, 0.04, SophiaG::rho)
                    .number("batch_size", RuleSetting.Range.POSITIVE, 5120, SophiaG::batchSize)
                    .weightDecay(0.1, SophiaG::weightDecay)
                    .flag("maximize", SophiaG::maximize)
                    .build(
                            v ->
                                    new SophiaG(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public SophiaG {
        DESCRIPTOR.check(learningRate, beta1, beta2, rho, batchSize, weightDecay, maximize);
        DESCRIPTOR.check("rho times batchSize", RuleSetting.Range.POSITIVE, rho * batchSize);
    }

    /** The rule with its authors' defaults. */
    public static SophiaG defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static SophiaG withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public SophiaG atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    /** This rule with other decays of momentum and curvature. */
    public SophiaG withBetas(double first, double second) {
        return new SophiaG(learningRate, first, second, rho, batchSize, weightDecay, maximize);
    }

    /** This rule with another threshold. */
    public SophiaG withRho(double value) {
        return new SophiaG(learningRate, beta1, beta2, value, batchSize, weightDecay, maximize);
    }

    /** This rule with another batch size. */
    public SophiaG withBatchSize(double value) {
        return new SophiaG(learningRate, beta1, beta2, rho, value, weightDecay, maximize);
    }

    /** This rule with another weight decay. */
    public SophiaG withWeightDecay(double value) {
        return new SophiaG(learningRate, beta1, beta2, rho, batchSize, value, maximize);
    }

    /** This rule climbing or descending. */
    public SophiaG withMaximize(boolean value) {
        return new SophiaG(learningRate, beta1, beta2, rho, batchSize, weightDecay, value);
    }

    @Override
    public RuleDescriptor<SophiaG> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return OptionalDouble.of(weightDecay);
    }

    @Override
    public String name() {
        return "sophia-g";
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
                (float) (rho * batchSize));
    }

    private record Scalars(
            float rate,
            float decay,
            float beta1,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float curvatureWeight)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float h = element.state(HESSIAN);
            if (element.hasCurvature()) {
                float c = element.curvature();
                h = beta2 * h + oneMinusBeta2 * (c * c);
                element.state(HESSIAN, h);
            }
            float m = beta1 * element.state(EXP_AVG) + oneMinusBeta1 * element.gradient();
            element.state(EXP_AVG, m);
            float newton = Arithmetic.abs(m) / (curvatureWeight * h + 1e-15f);
            if (newton > 1) {
                element.held();
            }
            float ratio = Arithmetic.min(newton, 1);
            element.parameter(p - (decay * p + rate * (Arithmetic.sign(m) * ratio)));
        }
    }
}
