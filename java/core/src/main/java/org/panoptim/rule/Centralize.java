package org.panoptim.rule;

import org.panoptim.tensor.Shape;

import java.util.List;

/**
 * Gradient centralisation (Yong et al., 2020), beside any rule: before every step the mean of each
 * unit's gradient is taken away from it. A unit is what leads to one output, all elements with the
 * same place in the first dimension; parameters of fewer than two dimensions are left alone.
 *
 * <p>Source: Yonghongwei/Gradient-Centralization and timm: g = g − mean of g over all dimensions
 * but the first. Gradients are rewritten in memory; what bounds them comes after it.
 */
public record Centralize() implements Companion, LineRule {

    /** The pass before every step. */
    public static final String CENTER = "centralize";

    private static final int MEAN = 0;
    private static final int SUM = 0;
    private static final int SUMMING = 0;

    private static final RuleDescriptor<Centralize> DESCRIPTOR =
            RuleDescriptor.of(Centralize.class, "timm; Yong et al., Gradient Centralization, 2020")
                    .build(v -> new Centralize());

    @Override
    public RuleDescriptor<Centralize> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "centralize";
    }

    @Override
    public String kernelName(Shape parameter) {
        return isMatrix(parameter) ? kernelName() : kernelName() + "_vector";
    }

    private static boolean isMatrix(Shape parameter) {
        return parameter.dimensions().size() > 1;
    }

    @Override
    public Centralize atLearningRate(double value) {
        return this;
    }

    @Override
    public MatrixView matrixView() {
        return MatrixView.UNITS;
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("gradient_mean", Slot.Extent.ROW).forOneStep());
    }

    @Override
    public List<Pass> passes() {
        return List.of(
                Pass.overGradients(CENTER, 2).writing(Pass.Writes.GRADIENT).beforeEachStep());
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(new Reduction("sum", Reduction.Scope.ROW, SUMMING));
    }

    @Override
    public boolean rests(int phase, Preparation preparation) {
        return !isMatrix(preparation.shape());
    }

    @Override
    public double advanceRow(int phase, Preparation preparation, Line row) {
        row.state(MEAN, (float) (row.sum(SUM) / row.elements()));
        return 0;
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return phase == SUMMING ? Centralize::sum : Centralize::center;
    }

    private static void sum(Element element) {
        element.reduce(SUM, element.gradient(), 1);
    }

    private static void center(Element element) {
        element.gradient(element.gradient() - element.state(MEAN));
    }
}
