package org.panoptim.rule;

import java.util.List;
import java.util.Optional;

/**
 * LARS: stochastic gradient descent whose step is scaled for each parameter to the parameter's norm
 * (You et al., 2017), or, with a bound on that, LARC.
 *
 * <p>Source: huggingface/pytorch-image-models, {@code timm/optim/lars.py}. The scale r is κ·‖p‖ /
 * (‖g‖ + λ·‖p‖ + ε), or 1 where a norm is zero, and with the bound min(r/η, 1); g ← r·(g + λ·p)
 * goes into momentum as SGD's does. Parameters without weight decay are not scaled unless it is
 * asked for, so that biases go into a group without decay. In the paper the learning rate goes into
 * the momentum, which is another rule while it changes.
 *
 * @param learningRate η, at least 0; 1 by default
 * @param momentum μ in [0, 1); 0, the default, keeps no state
 * @param dampening how much less of the gradient enters the momentum buffer; 0 by default
 * @param trustCoeff κ, the step's length relative to the parameter's, above 0; 1e-3 by default
 * @param epsilon ε, added to what divides, at least 0; 1e-8 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param nesterov whether the step looks ahead; needs momentum and no dampening
 * @param trustClip whether the scale is bounded, so that no step is longer than SGD's
 * @param alwaysAdapt whether to scale without weight decay too
 */
public record LARS(
        double learningRate,
        double momentum,
        double dampening,
        double trustCoeff,
        double epsilon,
        double weightDecay,
        boolean nesterov,
        boolean trustClip,
        boolean alwaysAdapt)
        implements UpdateRule {

    private static final int MOMENTUM_BUFFER = 0;
    private static final int VALUE = 0;
    private static final int GRADIENT = 1;

    private static final RuleDescriptor<LARS> DESCRIPTOR =
            RuleDescriptor.of(LARS.class, "timm, lars.py; You et al., 2017")
                    .learningRate(1, LARS::learningRate)
                    .decay("momentum", 0, LARS::momentum)
                    .number("dampening", RuleSetting.Range.FINITE, 0, LARS::dampening)
                    .number("trust_coeff", RuleSetting.Range.POSITIVE, 1e-3, LARS::trustCoeff)
                    .epsilon(1e-8, LARS::epsilon)
                    .weightDecay(0, LARS::weightDecay)
                    .flag("nesterov", LARS::nesterov)
                    .flag("trust_clip", LARS::trustClip)
                    .flag("always_adapt", LARS::alwaysAdapt)
                    .build(
                            v ->
                                    new LARS(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag(),
                                            v.flag(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public LARS {
        DESCRIPTOR.check(
                learningRate,
                momentum,
                dampening,
                trustCoeff,
                epsilon,
                weightDecay,
                nesterov,
                trustClip,
                alwaysAdapt);
        if (nesterov && (momentum == 0 || dampening != 0)) {
            throw new IllegalArgumentException(
                    "LARS: nesterov needs momentum above 0 and dampening 0, but they are "
                            + momentum
                            + " and "
                            + dampening);
        }
    }

    /** The rule with timm's defaults. */
    public static LARS defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with timm's defaults and this learning rate. */
    public static LARS withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public LARS atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<LARS> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "lars";
    }

    @Override
    public boolean takesMomentum() {
        return momentum > 0;
    }

    @Override
    public String kernelName() {
        return momentum == 0 ? "lars" : "lars_momentum";
    }

    @Override
    public List<Slot> slots() {
        var ratio = new Slot("trust_ratio", Slot.Extent.TENSOR).forOneStep().asReported();
        return momentum == 0 ? List.of(ratio) : List.of(new Slot("momentum_buffer"), ratio);
    }

    @Override
    public int phases() {
        return 2;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(
                new Reduction("value", Reduction.Scope.TENSOR),
                new Reduction("gradient", Reduction.Scope.TENSOR));
    }

    @Override
    public Optional<String> explain(String setting, Preparation next) {
        return setting.equals("trust_coeff")
                ? Optional.of(
                        weightDecay == 0 && !alwaysAdapt
                                ? "The trust ratio is 1, without weight decay."
                                : "The learning rate is multiplied by the parameter's trust ratio.")
                : Optional.empty();
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == 0) {
            return LARS::measure;
        }
        double rate = preparation.rate(learningRate);
        double ratio = ratio(preparation, rate);
        preparation.state(slots().size() - 1, ratio);
        var scalars =
                new Scalars(
                        (float) rate,
                        (float) ratio,
                        (float) preparation.momentum(momentum),
                        (float) (1 - dampening),
                        (float) weightDecay,
                        preparation.count() == 1,
                        nesterov);
        return momentum == 0 ? scalars::updatePlain : scalars::updateWithMomentum;
    }

    private double ratio(Preparation preparation, double rate) {
        if (weightDecay == 0 && !alwaysAdapt) {
            return 1;
        }
        double value = Math.sqrt(preparation.reduction(VALUE));
        double gradient = Math.sqrt(preparation.reduction(GRADIENT));
        double ratio =
                value > 0 && gradient > 0
                        ? trustCoeff * value / (gradient + value * weightDecay + epsilon)
                        : 1;
        return trustClip ? Arithmetic.min(ratio / rate, 1) : ratio;
    }

    private static void measure(Element element) {
        element.reduce(VALUE, element.parameter(), element.parameter());
        element.reduce(GRADIENT, element.gradient(), element.gradient());
    }

    private record Scalars(
            float rate,
            float ratio,
            float momentum,
            float keep,
            float weightDecay,
            boolean first,
            boolean nesterov) {

        void updatePlain(Element element) {
            float p = element.parameter();
            element.parameter(p - rate * scaled(element.gradient(), p));
        }

        void updateWithMomentum(Element element) {
            float p = element.parameter();
            float g = scaled(element.gradient(), p);
            float b = first ? g : momentum * element.state(MOMENTUM_BUFFER) + keep * g;
            float u = nesterov ? g + momentum * b : b;
            element.state(MOMENTUM_BUFFER, b);
            element.parameter(p - rate * u);
        }

        private float scaled(float g, float p) {
            return (g + weightDecay * p) * ratio;
        }
    }
}
