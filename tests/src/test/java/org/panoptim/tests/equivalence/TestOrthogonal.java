package org.panoptim.tests.equivalence;

import org.panoptim.matrix.MatrixSize;
import org.panoptim.rule.Element;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.MatrixWork;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.Slot;
import org.panoptim.tensor.Shape;

import java.util.List;
import java.util.stream.Stream;

/**
 * Momentum whose singular values are brought near 1 between two phases, as Muon does. The native
 * twin of its phases is {@code tests/native/test_orthogonal.cuh}, where the formula stands.
 *
 * @param roomy whether it asks for more scratch than it needs
 * @param whitened whether the direction D becomes {@code (D Dᵀ + DAMPING I)⁻¹ D} of norm 1 instead,
 *     by way of everything that an engine offers beside products
 */
public record TestOrthogonal(double learningRate, double beta, boolean roomy, boolean whitened)
        implements MatrixRule {

    /** What whitening adds to the diagonal. */
    static final double DAMPING = 0.25;

    public TestOrthogonal(double learningRate, double beta, boolean roomy) {
        this(learningRate, beta, roomy, false);
    }

    private static final RuleDescriptor<TestOrthogonal> DESCRIPTOR =
            RuleDescriptor.of(TestOrthogonal.class, "made for the test")
                    .learningRate(1, TestOrthogonal::learningRate)
                    .decay("beta", 0.5, TestOrthogonal::beta)
                    .flag("roomy", false, TestOrthogonal::roomy)
                    .flag("whitened", false, TestOrthogonal::whitened)
                    .build(v -> new TestOrthogonal(v.number(), v.number(), v.flag(), v.flag()));

    /** Iterations of x ← 1.5 x − 0.5 x³, which lets no singular value below 1 rise above it. */
    static final int ITERATIONS = 12;

    private static final int MOMENTUM = 0;
    private static final int DIRECTION = 1;

    @Override
    public RuleDescriptor<TestOrthogonal> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "test-orthogonal";
    }

    @Override
    public TestOrthogonal atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public boolean takesMomentum() {
        return false;
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("momentum"), new Slot("direction").forOneStep());
    }

    @Override
    public int phases() {
        return 3;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(new Reduction("square", Reduction.Scope.TENSOR));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return switch (phase) {
            case 0 -> new Accumulation((float) beta);
            case 1 -> new Scaling((float) (1 / (Math.sqrt(preparation.reduction(0)) + 1e-7)));
            default -> new Descent((float) preparation.rate(learningRate));
        };
    }

    private record Accumulation(float beta) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float momentum = beta * element.state(MOMENTUM) + element.gradient();
            element.state(MOMENTUM, momentum);
            element.reduce(0, momentum, momentum);
        }
    }

    private record Scaling(float inverseNorm) implements ElementUpdate {

        @Override
        public void update(Element element) {
            element.state(DIRECTION, element.state(MOMENTUM) * inverseNorm);
        }
    }

    private record Descent(float step) implements ElementUpdate {

        @Override
        public void update(Element element) {
            element.parameter(element.parameter() - step * element.state(DIRECTION));
        }
    }

    @Override
    public List<MatrixSize> scratch(Shape parameter) {
        var size = MatrixSize.of(parameter);
        int side = Math.min(size.rows(), size.columns());
        var square = new MatrixSize(side, side);
        if (whitened) {
            return List.of(square, square, square, size, new MatrixSize(1, 1));
        }
        var needed = List.of(square, size);
        return roomy
                ? Stream.concat(needed.stream(), Stream.of(size, new MatrixSize(0, 3))).toList()
                : needed;
    }

    @Override
    public void between(int phase, MatrixWork work) {
        if (phase != 1) {
            return;
        }
        if (whitened) {
            whiten(work);
            return;
        }
        var engine = work.engine();
        var direction = work.slot(DIRECTION);
        var gram = work.scratch(0);
        // The last places, so that one that is not there shows.
        var next = work.scratch(roomy ? 2 : 1);
        if (roomy) {
            work.engine().copy(work.scratch(3), work.scratch(3));
        }
        boolean wide = direction.size().rows() <= direction.size().columns();
        for (int i = 0; i < ITERATIONS; i++) {
            engine.multiply(1, direction, !wide, direction, wide, 0, gram);
            engine.copy(direction, next);
            if (wide) {
                engine.multiply(-0.5f, gram, false, direction, false, 1.5f, next);
            } else {
                engine.multiply(-0.5f, direction, false, gram, false, 1.5f, next);
            }
            engine.copy(next, direction);
        }
    }

    /** Takes the damped square to pieces and together again before it inverts it. */
    private static void whiten(MatrixWork work) {
        var engine = work.engine();
        var direction = work.slot(DIRECTION);
        var square = work.scratch(0);
        var factor = work.scratch(1);
        var inverse = work.scratch(2);
        var next = work.scratch(3);
        var norm = work.scratch(4);
        boolean wide = direction.size().rows() <= direction.size().columns();
        engine.rankUpdate(0.5f, direction, !wide, 0, square);
        engine.rankUpdate(0.5f, direction, !wide, 1, square);
        engine.factorise(square, DAMPING, factor);
        engine.rankUpdate(1, factor, false, 0, square);
        engine.invert(square, 0, factor, inverse);
        if (wide) {
            engine.multiply(1, inverse, false, direction, false, 0, next);
        } else {
            engine.multiply(1, direction, false, inverse, false, 0, next);
        }
        engine.norms(next, norm);
        engine.divide(next, norm, 1e-7f);
        engine.copy(next, direction);
    }
}
