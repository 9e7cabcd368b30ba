package org.panoptim.rule;

import org.panoptim.tensor.Shape;

import java.util.List;
import java.util.OptionalDouble;

/**
 * MARS: AdamW over gradients that are corrected by their change since the step before, and brought
 * down to a norm of 1 for each parameter (Yuan et al., 2024). Parameters of fewer than two
 * dimensions take plain AdamW, unless asked otherwise.
 *
 * <p>Source: timm, {@code timm/optim/mars.py}, with its {@code mars_type} of AdamW, for all
 * parameters at one learning rate and with the same decays, as by default. In a parameter's first
 * step the gradient is taken as it is, of whatever norm; the authors' program, AGI-Arena/MARS, has
 * a last gradient of zero there. A parameter without a gradient keeps its last one. Parameters that
 * take plain AdamW keep it too, as timm's do.
 *
 * @param learningRate η, at least 0; 3e-3 by default
 * @param beta1 decay of the corrected gradient's average, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared corrected gradient's average, in [0, 1); 0.99 by default
 * @param gamma γ: the change is weighted with γ·β₁/(1 − β₁), which must be a float; at least 0;
 *     0.025 by default
 * @param epsilon added to the root of the second moment, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param optimize1d whether the gradients of parameters of fewer than two dimensions are corrected
 *     too
 */
public record MARS(
        double learningRate,
        double beta1,
        double beta2,
        double gamma,
        double epsilon,
        double weightDecay,
        boolean optimize1d)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;
    private static final int LAST_GRAD = 2;
    private static final int SQUARES = 0;

    private static final RuleDescriptor<MARS> DESCRIPTOR =
            RuleDescriptor.of(MARS.class, "timm, mars.py; Yuan et al., 2024")
                    .learningRate(3e-3, MARS::learningRate)
                    .correctedDecay("beta1", 0.9, MARS::beta1)
                    .correctedDecay("beta2", 0.99, MARS::beta2)
                    .number("gamma", RuleSetting.Range.NON_NEGATIVE, 0.025, MARS::gamma)
                    .epsilon(1e-8, MARS::epsilon)
                    .weightDecay(0, MARS::weightDecay)
                    .flag("optimize_1d", MARS::optimize1d)
                    .build(
                            v ->
                                    new MARS(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public MARS {
        DESCRIPTOR.check(learningRate, beta1, beta2, gamma, epsilon, weightDecay, optimize1d);
        DESCRIPTOR.check(
                "gamma times beta1 / (1 - beta1)",
                RuleSetting.Range.NON_NEGATIVE,
                gamma * (beta1 / (1 - beta1)));
    }

    /** The rule with timm's defaults. */
    public static MARS defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with timm's defaults and this learning rate. */
    public static MARS withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public MARS atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<MARS> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return OptionalDouble.of(weightDecay);
    }

    @Override
    public String name() {
        return "mars";
    }

    private boolean corrects(Shape parameter) {
        return optimize1d || parameter.dimensions().size() >= 2;
    }

    /** That of a parameter without dimensions. */
    @Override
    public String kernelName() {
        return kernelName(Shape.of());
    }

    @Override
    public String kernelName(Shape parameter) {
        return corrects(parameter) ? "mars" : "mars_1d";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg"), new Slot("exp_avg_sq"), new Slot("last_grad"));
    }

    @Override
    public int phases() {
        return 2;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(new Reduction("squares", Reduction.Scope.TENSOR));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double decay1 = preparation.momentum(beta1);
        boolean corrects = corrects(preparation.shape()) && preparation.count() > 1;
        var correction = new Correction(corrects, (float) (gamma * (decay1 / (1 - decay1))));
        if (phase == 0) {
            return correction::measure;
        }
        double norm = Math.sqrt(preparation.reduction(SQUARES));
        double rate = preparation.rate(learningRate);
        double correction1 = 1 - Arithmetic.power(decay1, preparation.count());
        double correction2 = 1 - Arithmetic.power(beta2, preparation.count());
        return new Scalars(
                correction,
                (float) (corrects && norm > 1 ? norm : 1),
                (float) decay1,
                (float) (1 - decay1),
                (float) beta2,
                (float) (1 - beta2),
                (float) (rate / correction1),
                (float) (1 / Math.sqrt(correction2)),
                (float) epsilon,
                (float) (rate * weightDecay));
    }

    private record Correction(boolean corrects, float weight) {

        float of(Element element) {
            float g = element.gradient();
            return corrects ? g + weight * (g - element.state(LAST_GRAD)) : g;
        }

        void measure(Element element) {
            float c = of(element);
            element.reduce(SQUARES, c, c);
        }
    }

    private record Scalars(
            Correction correction,
            float divisor,
            float beta1,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float stepSize,
            float inverseRootCorrection,
            float epsilon,
            float decay)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float c = correction.of(element) / divisor;
            float m = beta1 * element.state(EXP_AVG) + oneMinusBeta1 * c;
            float v = beta2 * element.state(EXP_AVG_SQ) + oneMinusBeta2 * (c * c);
            element.state(EXP_AVG, m);
            element.state(EXP_AVG_SQ, v);
            element.state(LAST_GRAD, element.gradient());
            float root = Arithmetic.sqrt(v) * inverseRootCorrection + epsilon;
            element.parameter(p - (decay * p + stepSize * (m / root)));
        }
    }
}
