package org.panoptim.rule;

import java.util.List;
import java.util.Optional;

/**
 * SWATS: Adam that changes to SGD with momentum, at a learning rate that it finds from Adam's own
 * steps (Keskar and Socher, 2017); weight decay is coupled.
 *
 * <p>Each step D of Adam is projected on the gradient g: SGD would have needed a learning rate of k
 * = D·D ÷ −D·g for a step whose projection on D is D. Once the average of k agrees with k, to 1e-8
 * + 1e-6·|k|, and is above 0, SGD goes on with it from the next step, for good. Where D·g is 0, as
 * it is for gradients of zeros, there is nothing to be learnt from a step.
 *
 * <p>Source: jettify/pytorch-optimizer, {@code torch_optimizer/swats.py}, without AMSGrad. There
 * the first tensor to agree changes the whole group, and tensors behind it in the same step; here,
 * each parameter changes for itself, so that their order does not matter. There the momentum buffer
 * is scaled by 1 − β₁ together with the step, since both are one tensor; here it is left alone.
 * With {@code nesterov} the source adds β₁ times the buffer to the step of (1 − β₁) times the
 * buffer. The schedule goes on after the change: the learning rate found belongs to the schedule's
 * factor of the step that found it.
 *
 * @param learningRate η of Adam's part, at least 0; 1e-3 by default
 * @param beta1 decay of the gradient's average, and of SGD's momentum, in [0, 1); 0.9 by default
 * @param beta2 decay of the averages of the squared gradient and of k, in [0, 1); 0.999 by default
 * @param epsilon added to the root of the second moment before its correction, at least 0; 1e-3 by
 *     default
 * @param weightDecay λ, at least 0; 0 by default
 * @param nesterov whether SGD's step is of the whole momentum
 */
public record SWATS(
        double learningRate,
        double beta1,
        double beta2,
        double epsilon,
        double weightDecay,
        boolean nesterov)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;
    private static final int MOMENTUM_BUFFER = 2;
    private static final int EXP_AVG2 = 3;
    private static final int SGD_LR = 4;
    private static final int ALONG = 0;
    private static final int SQUARE = 1;

    private static final RuleDescriptor<SWATS> DESCRIPTOR =
            RuleDescriptor.of(
                            SWATS.class,
                            "jettify/pytorch-optimizer, swats.py; Keskar & Socher, 2017")
                    .learningRate(1e-3, SWATS::learningRate)
                    .correctedDecay("beta1", 0.9, SWATS::beta1)
                    .correctedDecay("beta2", 0.999, SWATS::beta2)
                    .epsilon(1e-3, SWATS::epsilon)
                    .weightDecay(0, SWATS::weightDecay)
                    .flag("nesterov", SWATS::nesterov)
                    .build(
                            v ->
                                    new SWATS(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public SWATS {
        DESCRIPTOR.check(learningRate, beta1, beta2, epsilon, weightDecay, nesterov);
    }

    /** The rule with the source's defaults. */
    public static SWATS defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with the source's defaults and this learning rate. */
    public static SWATS withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public SWATS atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<SWATS> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "swats";
    }

    /** With SGD's learning rate, which is 0 as long as the steps are Adam's. */
    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("exp_avg"),
                new Slot("exp_avg_sq"),
                new Slot("momentum_buffer"),
                new Slot("exp_avg2", Slot.Extent.TENSOR),
                new Slot("sgd_lr", Slot.Extent.TENSOR).asReported());
    }

    @Override
    public int phases() {
        return 2;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(
                new Reduction("along", Reduction.Scope.TENSOR),
                new Reduction("square", Reduction.Scope.TENSOR));
    }

    @Override
    public Optional<String> explain(String setting, Preparation next) {
        double found = next.state(SGD_LR);
        if (found == 0) {
            return Optional.empty();
        }
        return switch (setting) {
            case "lr" ->
                    Optional.of(
                            Sentence.of(
                                    "The parameter has gone over to SGD: the learning rate is %s,"
                                            + " %s that it has found, times %s of the schedule.",
                                    next.rate(found), found, next.rate(1)));
            case "beta1" ->
                    Optional.of(
                            Sentence.of(
                                    "It has a momentum of %s, and Adam's averages stay as they"
                                            + " are.",
                                    next.momentum(beta1)));
            case "beta2" -> Optional.of("");
            default -> Optional.empty();
        };
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        double decay1 = preparation.momentum(beta1);
        double correction1 = 1 - Arithmetic.power(decay1, preparation.count());
        double correction2 = 1 - Arithmetic.power(beta2, preparation.count());
        double found = preparation.state(SGD_LR);
        boolean adam = found == 0;
        double rate = preparation.rate(adam ? learningRate : found);
        double share = nesterov ? (1 - decay1) + decay1 : 1 - decay1;
        var scalars =
                new Scalars(
                        adam,
                        (float) weightDecay,
                        (float) decay1,
                        (float) (1 - decay1),
                        (float) beta2,
                        (float) (1 - beta2),
                        (float) epsilon,
                        (float) (adam ? rate * Math.sqrt(correction2) / correction1 : 0),
                        (float) (adam ? 0 : rate * share));
        if (phase == 0) {
            return scalars::average;
        }
        if (adam) {
            learn(preparation, correction2);
        }
        return scalars::move;
    }

    /** Learns from a step of Adam what SGD's learning rate would be. */
    private void learn(Preparation preparation, double correction2) {
        double along = preparation.reduction(ALONG);
        if (along != 0) {
            double projected = preparation.reduction(SQUARE) / along;
            double average = beta2 * preparation.state(EXP_AVG2) + (1 - beta2) * projected;
            preparation.state(EXP_AVG2, average);
            double corrected = average / correction2;
            boolean agrees = Math.abs(corrected - projected) <= 1e-8 + 1e-6 * Math.abs(projected);
            if (preparation.count() > 1 && agrees && corrected > 0) {
                preparation.state(SGD_LR, corrected / preparation.rate(1));
            }
        }
    }

    private record Scalars(
            boolean adam,
            float weightDecay,
            float beta1,
            float oneMinusBeta1,
            float beta2,
            float oneMinusBeta2,
            float epsilon,
            float adamsRate,
            float sgdsRate) {

        void average(Element element) {
            float g = element.gradient() + weightDecay * element.parameter();
            if (adam) {
                float m = element.state(EXP_AVG);
                float v = element.state(EXP_AVG_SQ);
                m = m + oneMinusBeta1 * (g - m);
                v = beta2 * v + oneMinusBeta2 * (g * g);
                element.state(EXP_AVG, m);
                element.state(EXP_AVG_SQ, v);
                float step = adamsRate * ratio(m, v);
                element.reduce(ALONG, step, g);
                element.reduce(SQUARE, step, step);
            } else {
                element.state(MOMENTUM_BUFFER, beta1 * element.state(MOMENTUM_BUFFER) + g);
                element.reduce(ALONG, 0, 0);
                element.reduce(SQUARE, 0, 0);
            }
        }

        void move(Element element) {
            // One of the rates is 0.
            float ofAdam = adamsRate * ratio(element.state(EXP_AVG), element.state(EXP_AVG_SQ));
            float ofSGD = sgdsRate * element.state(MOMENTUM_BUFFER);
            element.parameter(element.parameter() - (ofAdam + ofSGD));
        }

        private float ratio(float m, float v) {
            return m / (Arithmetic.sqrt(v) + epsilon);
        }
    }
}
