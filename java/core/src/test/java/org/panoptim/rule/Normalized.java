package org.panoptim.rule;

import java.util.List;

/**
 * A rule for tests of phases and reductions: momentum whose step is divided by the momentum's norm
 * over the tensor and by its magnitude over all tensors. The native test build has it as {@code
 * test_normalized}.
 */
public record Normalized(@Setting("lr") double learningRate, @Setting("beta") double beta)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int SQUARE = 0;
    private static final int MAGNITUDE = 1;

    @Override
    public String name() {
        return "test-normalized";
    }

    @Override
    public String kernelName() {
        return "test_normalized";
    }

    @Override
    public Normalized atLearningRate(double value) {
        return new Normalized(value, beta);
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("exp_avg"));
    }

    @Override
    public int phases() {
        return 2;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(
                new Reduction("square", Reduction.Scope.TENSOR),
                new Reduction("magnitude", Reduction.Scope.ALL));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == 0) {
            return new Moment((float) beta, (float) (1 - beta));
        }
        double norm = Math.sqrt(preparation.reduction(SQUARE)) + 1e-8;
        double magnitude = 1 + preparation.reduction(MAGNITUDE);
        return new Descent((float) (preparation.rate(learningRate) / norm / magnitude));
    }

    private record Moment(float beta, float oneMinusBeta) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float m = beta * element.state(EXP_AVG) + oneMinusBeta * element.gradient();
            element.state(EXP_AVG, m);
            element.reduce(SQUARE, m, m);
            element.reduce(MAGNITUDE, Arithmetic.abs(m), 1);
        }
    }

    private record Descent(float step) implements ElementUpdate {

        @Override
        public void update(Element element) {
            element.parameter(element.parameter() - step * element.state(EXP_AVG));
        }
    }
}
