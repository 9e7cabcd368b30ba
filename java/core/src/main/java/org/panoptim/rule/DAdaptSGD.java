package org.panoptim.rule;

import java.util.List;
import java.util.Optional;

/**
 * D-Adaptation of SGD: dual averaging with momentum whose step size d is found by itself, as a
 * lower bound of the distance to the solution that only grows (Defazio and Mishchenko, 2023).
 *
 * <p>Source: facebookresearch/dadaptation, {@code dadaptation/dadapt_sgd.py}. With q = η·d/‖g₁‖,
 * where g₁ are the gradients of the first step that has any but zeros, s ← s + q·(g + λ·p), and
 * then p ← μ·p + (1−μ)·(x₀ − s). ‖g₁‖ leaves the decay out, as in the source. Where the parameters
 * began, x₀, is where they were when the optimizer was built.
 *
 * <p>Each group keeps its d for itself, found from the sums over all parameters of the rule, so
 * that groups of equal settings agree; a group whose learning rate is 0 stands still, and adds
 * nothing to the sums. A step moves by the d of the step before. As long as all gradients are
 * zeros, or those of the first step are not finite, nothing moves; the source divides by 0 there.
 *
 * @param learningRate what d is multiplied by, at least 0; 1 by default
 * @param momentum μ, the weight of where a parameter is, in [0, 1); 0 by default
 * @param weightDecay λ, at least 0, coupled; 0 by default
 * @param d0 what d begins as, above 0; 1e-6 by default
 * @param growthRate how much d may grow in a step, at least 1; without bound by default
 */
public record DAdaptSGD(
        double learningRate, double momentum, double weightDecay, double d0, double growthRate)
        implements UpdateRule {

    private static final int S = 0;
    private static final int X0 = 1;
    private static final int D = 2;
    private static final int NUMERATOR_WEIGHTED = 3;
    private static final int G0_NORM = 4;
    private static final int K = 5;
    private static final int DLR = 6;
    private static final int GRADIENT = 0;
    private static final int NUMERATOR = 1;
    private static final int SQUARE = 2;

    private static final RuleDescriptor<DAdaptSGD> DESCRIPTOR =
            RuleDescriptor.of(
                            DAdaptSGD.class,
                            "facebookresearch/dadaptation, dadapt_sgd.py; Defazio & Mishchenko,"
                                    + " 2023")
                    .learningRate(1, DAdaptSGD::learningRate)
                    .decay("momentum", 0, DAdaptSGD::momentum)
                    .weightDecay(0, DAdaptSGD::weightDecay)
                    .number("d0", RuleSetting.Range.POSITIVE, 1e-6, DAdaptSGD::d0)
                    .number(
                            "growth_rate",
                            RuleSetting.Range.GROWTH,
                            Double.POSITIVE_INFINITY,
                            DAdaptSGD::growthRate)
                    .build(
                            v ->
                                    new DAdaptSGD(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number()));

    /** Checks the hyper-parameters. */
    public DAdaptSGD {
        DESCRIPTOR.check(learningRate, momentum, weightDecay, d0, growthRate);
    }

    /** The rule with its authors' defaults. */
    public static DAdaptSGD defaults() {
        return DESCRIPTOR.defaults();
    }

    @Override
    public DAdaptSGD atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<DAdaptSGD> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "dadapt-sgd";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("s"),
                new Slot("x0").startingAtParameter(),
                new Slot("d", Slot.Extent.RULE).startingAt(d0).asReported(),
                new Slot("numerator_weighted", Slot.Extent.RULE),
                new Slot("g0_norm", Slot.Extent.RULE),
                new Slot("k", Slot.Extent.RULE),
                new Slot("dlr", Slot.Extent.RULE));
    }

    @Override
    public int phases() {
        return 3;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(
                new Reduction("gradient", Reduction.Scope.ALL, 0),
                new Reduction("numerator", Reduction.Scope.ALL, 1),
                new Reduction("square", Reduction.Scope.ALL, 1));
    }

    @Override
    public void settle(int phase, Preparation preparation) {
        if (phase == 1) {
            if (preparation.state(K) == 0) {
                preparation.state(G0_NORM, Math.sqrt(preparation.reduction(GRADIENT)));
            }
            double norm = preparation.state(G0_NORM);
            double rate = preparation.state(D) * preparation.rate(learningRate);
            preparation.state(DLR, norm > 0 ? rate / norm : 0);
        } else if (phase == 2 && preparation.reduction(SQUARE) == 0) {
            // Nothing has moved, and nothing will.
            preparation.state(DLR, 0);
        } else if (phase == 2) {
            adapt(preparation);
        }
    }

    private void adapt(Preparation preparation) {
        double d = preparation.state(D);
        double rate = preparation.state(DLR);
        double numerator =
                preparation.state(NUMERATOR_WEIGHTED) + rate * preparation.reduction(NUMERATOR);
        preparation.state(NUMERATOR_WEIGHTED, numerator);
        if (rate > 0) {
            double estimate = 2 * numerator / Math.sqrt(preparation.reduction(SQUARE));
            double bounded = Arithmetic.min(estimate, d * growthRate);
            // An estimate that is NaN leaves d alone, as in the source.
            if (bounded > d) {
                preparation.state(D, bounded);
            }
        }
        preparation.state(K, preparation.state(K) + 1);
    }

    @Override
    public Optional<String> explain(String setting, Preparation next) {
        if (!setting.equals("d0")) {
            return Optional.empty();
        }
        double d = next.state(D);
        double norm = next.state(G0_NORM);
        return Optional.of(
                next.state(K) == 0
                        ? Sentence.of(
                                "The learning rate is multiplied by d, %s to begin with, and"
                                        + " divided by the norm of this first gradient.",
                                d)
                        : Sentence.of(
                                "The learning rate is multiplied by d, %s as estimated so far, and"
                                    + " divided by the norm of the first gradient, %s, which makes"
                                    + " it %s.",
                                d, norm, norm > 0 ? d * next.rate(learningRate) / norm : 0));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == 0) {
            return preparation.rate(learningRate) > 0 ? DAdaptSGD::measure : DAdaptSGD::leaveOut;
        }
        double rate = preparation.state(DLR);
        if (phase == 1) {
            return new Dual(rate > 0, (float) rate, (float) weightDecay);
        }
        double decay = preparation.momentum(momentum);
        return new Descent(rate > 0, (float) decay, (float) (1 - decay));
    }

    private static void measure(Element element) {
        element.reduce(GRADIENT, element.gradient(), element.gradient());
    }

    private static void leaveOut(Element element) {
        element.reduce(GRADIENT, 0, 0);
    }

    private record Dual(boolean moving, float rate, float weightDecay) implements ElementUpdate {

        @Override
        public void update(Element element) {
            if (!moving) {
                element.reduce(NUMERATOR, 0, 0);
                element.reduce(SQUARE, 0, 0);
                return;
            }
            float g = element.gradient() + weightDecay * element.parameter();
            float s = element.state(S);
            element.reduce(NUMERATOR, g, s);
            s = s + rate * g;
            element.state(S, s);
            element.reduce(SQUARE, s, s);
        }
    }

    private record Descent(boolean moving, float momentum, float oneMinusMomentum)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            if (moving) {
                float z = element.state(X0) - element.state(S);
                element.parameter(momentum * element.parameter() + oneMinusMomentum * z);
            }
        }
    }
}
