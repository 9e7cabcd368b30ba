package org.panoptim.tests.equivalence;

import org.panoptim.rule.Element;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Line;
import org.panoptim.rule.LineRule;
import org.panoptim.rule.MatrixView;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.Slot;
import org.panoptim.rule.Slot.Extent;

import java.util.List;

/**
 * A rule with several sums over units and one over columns, and a pass with a sum over units. The
 * native twin is {@code tests/native/test_units.cuh}, where the formula stands.
 */
public record TestUnits(double learningRate, double beta) implements LineRule {

    static final String CENTER = "center";

    private static final RuleDescriptor<TestUnits> DESCRIPTOR =
            RuleDescriptor.of(TestUnits.class, "made for the test")
                    .learningRate(1, TestUnits::learningRate)
                    .decay("beta", 0.5, TestUnits::beta)
                    .build(v -> new TestUnits(v.number(), v.number()));

    private static final int MOMENTUM = 0;
    private static final int MEAN = 1;
    private static final int ROW_BITS = 2;
    private static final int COLUMN_BITS = 5;
    private static final int ROW_SUM = 0;
    private static final int COLUMN_SQUARES = 1;
    private static final int ROW_SQUARES = 2;
    private static final int ROW_VALUES = 3;

    @Override
    public RuleDescriptor<TestUnits> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "test-units";
    }

    @Override
    public TestUnits atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public boolean takesMomentum() {
        return false;
    }

    @Override
    public MatrixView matrixView() {
        return MatrixView.UNITS;
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("momentum"),
                new Slot("mean", Extent.ROW),
                new Slot("row_high", Extent.ROW),
                new Slot("row_middle", Extent.ROW),
                new Slot("row_low", Extent.ROW),
                new Slot("column_high", Extent.COLUMN).startingAt(0.5),
                new Slot("column_middle", Extent.COLUMN),
                new Slot("column_low", Extent.COLUMN));
    }

    @Override
    public int phases() {
        return 2;
    }

    @Override
    public List<Pass> passes() {
        return List.of(Pass.overAll(CENTER, 2));
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(
                new Reduction("sum", Reduction.Scope.ROW),
                new Reduction("column squares", Reduction.Scope.COLUMN),
                new Reduction("squares", Reduction.Scope.ROW),
                new Reduction("values", Reduction.Scope.ROW, 2));
    }

    @Override
    public double advanceRow(int phase, Preparation preparation, Line row) {
        double sum = row.sum(phase == 1 ? ROW_SUM : ROW_VALUES);
        row.state(MEAN, (float) (sum / row.elements()));
        keep(row, phase == 1 ? row.sum(ROW_SQUARES) : sum, ROW_BITS);
        return 0;
    }

    @Override
    public void advanceColumn(int phase, Preparation preparation, Line column) {
        if (phase == 1) {
            keep(column, column.sum(COLUMN_SQUARES), COLUMN_BITS);
        }
    }

    /** Keeps the bits of a sum in three states, 21 in the last two each. */
    private static void keep(Line line, double sum, int first) {
        long part = (1 << 21) - 1;
        long bits = Double.doubleToLongBits(sum);
        line.state(first, bits >>> 42);
        line.state(first + 1, bits >>> 21 & part);
        line.state(first + 2, bits & part);
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return switch (phase) {
            case 0 -> new Average((float) beta, (float) (1 - beta));
            case 1 -> new Descent((float) preparation.rate(learningRate));
            case 2 -> TestUnits::halve;
            default -> TestUnits::center;
        };
    }

    private record Average(float beta, float keep) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float m = beta * element.state(MOMENTUM) + keep * element.gradient();
            element.state(MOMENTUM, m);
            element.reduce(ROW_SUM, m, 1);
            element.reduce(COLUMN_SQUARES, m, m);
            element.reduce(ROW_SQUARES, m, m);
        }
    }

    private record Descent(float rate) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float divisor = element.state(COLUMN_BITS) * 0x1p-20f + 1;
            float centered = element.state(MOMENTUM) - element.state(MEAN);
            element.parameter(element.parameter() - rate * centered / divisor);
        }
    }

    private static void halve(Element element) {
        float p = element.parameter() * 0.5f;
        element.parameter(p);
        element.reduce(ROW_VALUES, p, 1);
    }

    private static void center(Element element) {
        element.parameter(element.parameter() - element.state(MEAN));
    }
}
