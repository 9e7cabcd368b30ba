package org.panoptim.rule;

import org.panoptim.matrix.MatrixSize;
import org.panoptim.tensor.Shape;

import java.util.List;

/**
 * A rule for tests of linear algebra between phases: it moves by (G·Gᵀ)·G and keeps the last such
 * product in a state.
 */
public record Cubic(@Setting("lr") double learningRate, boolean maximize) implements MatrixRule {

    @Override
    public String name() {
        return "cubic";
    }

    @Override
    public Cubic atLearningRate(double value) {
        return new Cubic(value, maximize);
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("last"),
                new Slot("steps"),
                new Slot("gradient").forOneStep(),
                new Slot("product").forOneStep());
    }

    @Override
    public int phases() {
        return 2;
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == 0) {
            return element -> element.state(2, element.gradient());
        }
        float rate = (float) preparation.rate(learningRate);
        long count = preparation.count();
        return element -> {
            element.state(0, element.state(3));
            element.state(1, count);
            element.parameter(element.parameter() - rate * element.state(3));
        };
    }

    @Override
    public List<MatrixSize> scratch(Shape parameter) {
        int rows = MatrixSize.of(parameter).rows();
        return List.of(new MatrixSize(rows, rows));
    }

    @Override
    public void between(int phase, MatrixWork work) {
        var gradient = work.slot(2);
        var gram = work.scratch(0);
        work.engine().multiply(1, gradient, false, gradient, true, 0, gram);
        work.engine().multiply(1, gram, false, gradient, false, 0, work.slot(3));
    }
}
