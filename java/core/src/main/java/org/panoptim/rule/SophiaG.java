package org.panoptim.rule;

import java.util.List;

/**
 * Sophia with the Gauss–Newton–Bartlett estimator (Liu et al., 2024).
 *
 * <p>Source: Liuhong99/Sophia, {@code sophia.py}. On the steps that it chooses, the caller hands in
 * as {@linkplain org.panoptim.Parameter#curvature curvature} the gradient of the mean loss on
 * labels sampled from the model; the rule squares it and folds it into {@code hessian} before the
 * update. Weight decay is decoupled.
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
        @Setting("lr") double learningRate,
        @Setting("beta1") double beta1,
        @Setting("beta2") double beta2,
        @Setting("rho") double rho,
        @Setting("batch_size") double batchSize,
        @Setting("weight_decay") double weightDecay,
        @Setting("maximize") boolean maximize)
        implements PhasedRule {

    private static final int EXP_AVG = 0;
    private static final int HESSIAN = 1;

    /** Checks the hyper-parameters. */
    public SophiaG {
        HyperParameters.rates("SophiaG", learningRate, weightDecay);
        HyperParameters.decay("SophiaG", "beta1", beta1);
        HyperParameters.decay("SophiaG", "beta2", beta2);
        HyperParameters.positive("SophiaG", "rho", rho);
        HyperParameters.positive("SophiaG", "batchSize", batchSize);
        HyperParameters.positive("SophiaG", "rho times batchSize", rho * batchSize);
    }

    /** The rule with its authors' defaults. */
    public static SophiaG defaults() {
        return new SophiaG(1e-4, 0.965, 0.99, 0.04, 5120, 0.1, false);
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static SophiaG withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public SophiaG atLearningRate(double value) {
        return new SophiaG(value, beta1, beta2, rho, batchSize, weightDecay, maximize);
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
    public String name() {
        return "sophia-g";
    }

    @Override
    public String kernel() {
        return "sophia_g";
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
            float ratio = Arithmetic.min(Arithmetic.abs(m) / (curvatureWeight * h + 1e-15f), 1);
            element.parameter(p - (decay * p + rate * (Arithmetic.sign(m) * ratio)));
        }
    }
}
