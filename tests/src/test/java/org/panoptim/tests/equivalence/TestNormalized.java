package org.panoptim.tests.equivalence;

import org.panoptim.rule.Arithmetic;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.Setting;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;

import java.util.List;

/**
 * A rule for tests alone: two phases, with a reduction for each tensor and one over all between
 * them. Its native twin is {@code tests/native/test_normalized.cuh}, in the testing library only.
 *
 * <p>The first phase averages the gradient; the second steps along the average, divided by its norm
 * and by one more than the sum of all averages' magnitudes.
 *
 * @param learningRate of the step
 * @param beta decay of the average
 */
public record TestNormalized(@Setting("lr") double learningRate, @Setting("beta") double beta)
        implements UpdateRule {

    private static final int EXP_AVG = 0;
    private static final int SQUARE = 0;
    private static final int MAGNITUDE = 1;

    @Override
    public TestNormalized atLearningRate(double value) {
        return new TestNormalized(value, beta);
    }

    @Override
    public String name() {
        return "test-normalized";
    }

    @Override
    public String kernelName() {
        return "test_normalized";
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
            return average((float) beta, (float) (1 - beta));
        }
        double norm = Math.sqrt(preparation.reduction(SQUARE)) + 1e-8;
        double magnitude = 1 + preparation.reduction(MAGNITUDE);
        return move((float) (preparation.rate(learningRate) / norm / magnitude));
    }

    private static ElementUpdate average(float beta, float oneMinusBeta) {
        return element -> {
            float average = beta * element.state(EXP_AVG) + oneMinusBeta * element.gradient();
            element.state(EXP_AVG, average);
            element.reduce(SQUARE, average, average);
            element.reduce(MAGNITUDE, Arithmetic.abs(average), 1);
        };
    }

    private static ElementUpdate move(float step) {
        return element -> element.parameter(element.parameter() - step * element.state(EXP_AVG));
    }
}
