package org.panoptim.rule;

/**
 * The schedule-free rules as their source's simplified programs have them, which keep x, y and z
 * (schedulefree/adamw_schedulefree_reference.py and sgd_schedulefree_reference.py).
 */
abstract class ScheduleFreeLoop extends SourceLoop {

    private final double learningRate;
    private final double beta;
    private final double weightDecay;
    private final long warmupSteps;
    private final double r;
    private final double weightLrPower;
    private final double[][] z = zeros();
    private final double[][] x = zeros();
    private double largest;
    private double weightSum;

    ScheduleFreeLoop(
            double learningRate,
            double beta,
            double weightDecay,
            long warmupSteps,
            double r,
            double weightLrPower) {
        this.learningRate = learningRate;
        this.beta = beta;
        this.weightDecay = weightDecay;
        this.warmupSteps = warmupSteps;
        this.r = r;
        this.weightLrPower = weightLrPower;
    }

    /** The direction of an element by its gradient, without decay. */
    abstract double direction(int tensor, int element);

    @Override
    final void step() {
        double rate = learningRate * FACTOR * Math.min(1, (double) t / Math.max(1, warmupSteps));
        largest = Math.max(largest, rate);
        double weight = Math.pow(t, r) * Math.pow(largest, weightLrPower);
        weightSum += weight;
        double c = weight / weightSum;
        for (int i = 0; i < p.length; i++) {
            for (int j = 0; j < p[i].length; j++) {
                if (t == 1) {
                    z[i][j] = p[i][j];
                    x[i][j] = p[i][j];
                }
                double y = p[i][j];
                z[i][j] -= rate * (direction(i, j) + weightDecay * y);
                x[i][j] = (1 - c) * x[i][j] + c * z[i][j];
                p[i][j] = beta * x[i][j] + (1 - beta) * z[i][j];
            }
        }
    }
}
