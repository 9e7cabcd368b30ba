package org.panoptim.rule;

import java.util.List;

/**
 * The moving averages that Adam and AdamW share: of the gradient, of its square and, with AMSGrad,
 * the largest of the latter.
 *
 * <p>Source: PyTorch, {@code torch.optim.Adam}: {@code exp_avg} by lerp, AMSGrad's maximum on the
 * raw second moment, epsilon outside the root.
 */
record AdamMoments(
        float oneMinusBeta1,
        float beta2,
        float oneMinusBeta2,
        float stepSize,
        float inverseRootCorrection,
        float epsilon,
        boolean amsgrad) {

    private static final int EXP_AVG = 0;
    private static final int EXP_AVG_SQ = 1;
    private static final int MAX_EXP_AVG_SQ = 2;
    private static final List<Slot> SLOTS = List.of(new Slot("exp_avg"), new Slot("exp_avg_sq"));
    private static final List<Slot> AMSGRAD_SLOTS =
            List.of(new Slot("exp_avg"), new Slot("exp_avg_sq"), new Slot("max_exp_avg_sq"));

    static List<Slot> slots(boolean amsgrad) {
        return amsgrad ? AMSGRAD_SLOTS : SLOTS;
    }

    static AdamMoments prepare(
            Preparation preparation,
            double learningRate,
            double ownBeta1,
            double beta2,
            double epsilon,
            boolean amsgrad) {
        double beta1 = preparation.momentum(ownBeta1);
        double correction1 = 1 - Arithmetic.power(beta1, preparation.count());
        double correction2 = 1 - Arithmetic.power(beta2, preparation.count());
        return new AdamMoments(
                (float) (1 - beta1),
                (float) beta2,
                (float) (1 - beta2),
                (float) (preparation.rate(learningRate) / correction1),
                (float) (1 / Math.sqrt(correction2)),
                (float) epsilon,
                amsgrad);
    }

    /** Folds a gradient into the averages and returns the step, before any decay. */
    float step(Element element, float g) {
        float m = element.state(EXP_AVG);
        float v = element.state(EXP_AVG_SQ);
        m = m + oneMinusBeta1 * (g - m);
        v = beta2 * v + oneMinusBeta2 * (g * g);
        element.state(EXP_AVG, m);
        element.state(EXP_AVG_SQ, v);
        float second = v;
        if (amsgrad) {
            second = Arithmetic.max(element.state(MAX_EXP_AVG_SQ), v);
            element.state(MAX_EXP_AVG_SQ, second);
        }
        float denominator = Arithmetic.sqrt(second) * inverseRootCorrection + epsilon;
        return stepSize * (m / denominator);
    }
}
