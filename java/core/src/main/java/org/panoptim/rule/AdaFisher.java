package org.panoptim.rule;

import java.util.List;
import java.util.OptionalDouble;

/**
 * AdaFisher: momentum over the diagonal of the Fisher information (Gomes et al., 2025), with
 * decoupled weight decay as an option, which is the paper's AdaFisherW.
 *
 * <p>Source: the equations of Gomes et al., "AdaFisher: Adaptive Second Order Optimization via
 * Fisher Information", ICLR 2025. With F the diagonal, m ← β·m + (1−β)·g, and then θ ← θ −
 * η·m/((1−βᵗ)·(F+λ)), without a root in the denominator.
 *
 * <p>On the steps where it is new, the caller hands in F as {@linkplain
 * org.panoptim.parameter.Parameter#curvature curvature}: for a layer's weight the Kronecker product
 * S·Hᵀ of the normalised diagonals of its two factors, without λ. It replaces {@code fisher} before
 * the update; whatever averaging there is has been done by the caller. Like all curvature it comes
 * multiplied by the loss scale. It describes the model and not the direction, so its sign is kept
 * when maximizing.
 *
 * <p>The state {@code fisher} begins at zero. A parameter must therefore get its first curvature at
 * its first step; until it has some, λ alone divides, and with the default λ a step is a thousand
 * times what momentum alone would make it.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param beta1 β, decay of the momentum, in [0, 1); 0.9 by default
 * @param damping λ, added to the diagonal, above 0; 1e-3 by default
 * @param weightDecay decoupled weight decay, at least 0; 0 by default
 * @param maximize whether to climb
 */
public record AdaFisher(
        double learningRate, double beta1, double damping, double weightDecay, boolean maximize)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int FISHER = 1;

    private static final RuleDescriptor<AdaFisher> DESCRIPTOR =
            RuleDescriptor.of(AdaFisher.class, "Gomes et al., AdaFisher, 2025")
                    .learningRate(1e-3, AdaFisher::learningRate)
                    .correctedDecay("beta1", 0.9, AdaFisher::beta1)
                    .number("damping", RuleSetting.Range.POSITIVE, 1e-3, AdaFisher::damping)
                    .weightDecay(0, AdaFisher::weightDecay)
                    .flag("maximize", AdaFisher::maximize)
                    .build(
                            v ->
                                    new AdaFisher(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public AdaFisher {
        DESCRIPTOR.check(learningRate, beta1, damping, weightDecay, maximize);
    }

    /** The rule with the paper's defaults. */
    public static AdaFisher defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with the paper's defaults and this learning rate. */
    public static AdaFisher withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public AdaFisher atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    /** This rule with another decay of the momentum. */
    public AdaFisher withBeta(double value) {
        return new AdaFisher(learningRate, value, damping, weightDecay, maximize);
    }

    /** This rule with another damping. */
    public AdaFisher withDamping(double value) {
        return new AdaFisher(learningRate, beta1, value, weightDecay, maximize);
    }

    /** This rule with another weight decay. */
    public AdaFisher withWeightDecay(double value) {
        return new AdaFisher(learningRate, beta1, damping, value, maximize);
    }

    /** This rule climbing or descending. */
    public AdaFisher withMaximize(boolean value) {
        return new AdaFisher(learningRate, beta1, damping, weightDecay, value);
    }

    @Override
    public RuleDescriptor<AdaFisher> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return OptionalDouble.of(weightDecay);
    }

    @Override
    public String name() {
        return "ada-fisher";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg"), new Slot("fisher"));
    }

    @Override
    public boolean takesCurvature() {
        return true;
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        double decay1 = preparation.momentum(beta1);
        double correction = 1 - Arithmetic.power(decay1, preparation.count());
        return new Scalars(
                (float) (rate / correction),
                (float) (rate * weightDecay),
                (float) decay1,
                (float) (1 - decay1),
                (float) damping,
                maximize ? -1 : 1);
    }

    /**
     * @param curvatureSign takes back the sign that curvature comes with when maximizing
     */
    private record Scalars(
            float stepSize,
            float decay,
            float beta1,
            float oneMinusBeta1,
            float damping,
            float curvatureSign)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float f = element.state(FISHER);
            if (element.hasCurvature()) {
                f = curvatureSign * element.curvature();
                element.state(FISHER, f);
            }
            float m = beta1 * element.state(EXP_AVG) + oneMinusBeta1 * element.gradient();
            element.state(EXP_AVG, m);
            element.parameter(p - (decay * p + stepSize * (m / (f + damping))));
        }
    }
}
