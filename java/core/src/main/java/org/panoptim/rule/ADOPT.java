package org.panoptim.rule;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * ADOPT: the average of gradients that are divided by the root of the second moment of the steps
 * before, which leaves out the present one (Taniguchi et al., 2024).
 *
 * <p>Source: iShohei220/adopt, {@code adopt.py}, with its default clipping: in step t a divided
 * gradient is at most (t − 1)^¼ either way. The first step of a parameter moves nothing, neither by
 * decoupled decay; it only lets the second moment begin as the squared gradient. Weight decay is
 * coupled, or decoupled if asked for. In the program the clip can be another function of the step,
 * or none, as in the paper's first algorithm.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param beta1 decay of the average of divided gradients, in [0, 1); 0.9 by default
 * @param beta2 decay of the squared gradient's average, in [0, 1); 0.9999 by default
 * @param epsilon the least divisor, at least 0; 1e-6 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param decouple whether the decay is AdamW's
 */
public record ADOPT(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        boolean decouple)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;

    private static final RuleDescriptor<ADOPT> DESCRIPTOR =
            RuleDescriptor.of(ADOPT.class, "iShohei220/adopt, adopt.py; Taniguchi et al., 2024")
                    .learningRate(1e-3, ADOPT::learningRate)
                    .decay("beta1", 0.9, ADOPT::beta1)
                    .decay("beta2", 0.9999, ADOPT::beta2)
                    .epsilon(1e-6, ADOPT::epsilon)
                    .weightDecay(0, ADOPT::weightDecay)
                    .flag("decouple", ADOPT::decouple)
                    .build(
                            v ->
                                    new ADOPT(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public ADOPT {
        DESCRIPTOR.check(learningRate, beta1, beta2, epsilon, weightDecay, decouple);
    }

    /** The rule with its authors' defaults. */
    public static ADOPT defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with its authors' defaults and this learning rate. */
    public static ADOPT withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public ADOPT atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<ADOPT> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return weightDecay == 0 ? OptionalDouble.of(0) : OptionalDouble.empty();
    }

    @Override
    public String name() {
        return "adopt";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    }

    @Override
    public Optional<String> explain(String setting, Preparation next) {
        if (next.count() > 1) {
            return Optional.empty();
        }
        return Optional.of(
                setting.equals("lr")
                        ? "The first step of a parameter begins the average with beta2, and leaves"
                                + " the value alone."
                        : "");
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double rate = preparation.rate(learningRate);
        double before = preparation.count() - 1;
        return new Scalars(
                (float) (decouple ? rate * weightDecay : 0),
                (float) (decouple ? 0 : weightDecay),
                (float) (1 - preparation.momentum(beta1)),
                (float) beta2,
                (float) (1 - beta2),
                (float) rate,
                (float) epsilon,
                (float) Math.sqrt(Math.sqrt(before)),
                before == 0);
    }

    private record Scalars(
            float decay,
            float weightDecay,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float rate,
            float epsilon,
            float clip,
            boolean first)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient() + weightDecay * p;
            if (first) {
                element.state(EXP_AVG_SQ, g * g);
                return;
            }
            float m = element.state(EXP_AVG);
            float v = element.state(EXP_AVG_SQ);
            float ratio = g / Arithmetic.max(Arithmetic.sqrt(v), epsilon);
            if (Math.abs(ratio) > clip) {
                element.held();
            }
            float clipped = Arithmetic.min(Arithmetic.max(ratio, -clip), clip);
            m = m + oneMinusBeta1 * (clipped - m);
            element.state(EXP_AVG, m);
            element.state(EXP_AVG_SQ, beta2 * v + oneMinusBeta2 * (g * g));
            element.parameter(p - (decay * p + rate * m));
        }
    }
}
