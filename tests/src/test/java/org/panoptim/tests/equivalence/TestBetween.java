package org.panoptim.tests.equivalence;

import org.panoptim.matrix.MatrixSize;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.MatrixWork;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.Slot;
import org.panoptim.tensor.Shape;

import java.util.List;

/**
 * The phases of {@link TestOrthogonal}, and between them what a test wants.
 *
 * @param orthogonal has the phases, and the scratch
 * @param work is called instead
 */
public record TestBetween(TestOrthogonal orthogonal, Work work) implements MatrixRule {

    /** What is done between two phases. */
    @FunctionalInterface
    public interface Work {

        /** As {@link MatrixRule#between}. */
        void between(int phase, MatrixWork work);
    }

    /** With the scratch of whitening. */
    public TestBetween(Work work) {
        this(new TestOrthogonal(1, 0, false, true), work);
    }

    @Override
    public RuleDescriptor<TestBetween> descriptor() {
        return RuleDescriptor.of(TestBetween.class, "made for the test")
                .learningRate(1, TestBetween::learningRate)
                .decay("beta", 0, rule -> rule.orthogonal.beta())
                .build(
                        v ->
                                new TestBetween(
                                        new TestOrthogonal(v.number(), v.number(), false, true),
                                        work));
    }

    @Override
    public String name() {
        return "test-between";
    }

    @Override
    public String kernelName() {
        return orthogonal.kernelName();
    }

    @Override
    public double learningRate() {
        return orthogonal.learningRate();
    }

    @Override
    public TestBetween atLearningRate(double value) {
        return new TestBetween(orthogonal.atLearningRate(value), work);
    }

    @Override
    public boolean takesMomentum() {
        return orthogonal.takesMomentum();
    }

    @Override
    public List<Slot> slots() {
        return orthogonal.slots();
    }

    @Override
    public int phases() {
        return orthogonal.phases();
    }

    @Override
    public List<Reduction> reductions() {
        return orthogonal.reductions();
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return orthogonal.prepare(phase, preparation);
    }

    @Override
    public List<MatrixSize> scratch(Shape parameter) {
        return orthogonal.scratch(parameter);
    }

    @Override
    public void between(int phase, MatrixWork given) {
        work.between(phase, given);
    }
}
