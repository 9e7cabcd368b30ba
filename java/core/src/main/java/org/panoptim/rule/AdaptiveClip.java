package org.panoptim.rule;

import java.util.List;

/**
 * Adaptive gradient clipping (AGC; Brock et al., 2021), beside any rule: before every step the
 * gradient of each unit is brought down to a share of the unit's own norm. A unit is what leads to
 * one output, all elements with the same place in the first dimension; a parameter of fewer than
 * two dimensions is one unit.
 *
 * <p>Source: timm, {@code agc.py}: where ‖g‖ ≥ λ max(‖p‖, ε), g = g λ max(‖p‖, ε) / max(‖g‖, 1e-6).
 * Gradients are rewritten in memory; what else bounds them comes after it. A norm that is not a
 * number leaves the gradient as it is.
 *
 * @param clip λ, above 0; 0.01 by default
 * @param epsilon ε, at least 0; 1e-3 by default
 */
public record AdaptiveClip(double clip, double epsilon) implements Companion, LineRule {

    /** The pass before every step. */
    public static final String CLIP = "clip_adaptively";

    private static final int FACTOR = 0;
    private static final int VALUES = 0;
    private static final int GRADIENTS = 1;
    private static final int MEASURING = 0;

    private static final RuleDescriptor<AdaptiveClip> DESCRIPTOR =
            RuleDescriptor.of(AdaptiveClip.class, "timm, agc.py; Brock et al., 2021")
                    .number("clip", RuleSetting.Range.POSITIVE, 0.01, AdaptiveClip::clip)
                    .epsilon(1e-3, AdaptiveClip::epsilon)
                    .build(v -> new AdaptiveClip(v.number(), v.number()));

    /** Checks the hyper-parameters. */
    public AdaptiveClip {
        DESCRIPTOR.check(clip, epsilon);
    }

    /** The companion with its source's defaults. */
    public static AdaptiveClip defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The companion with this share of norms. */
    public static AdaptiveClip withClip(double clip) {
        return new AdaptiveClip(clip, defaults().epsilon);
    }

    /** This companion with another ε. */
    public AdaptiveClip withEpsilon(double value) {
        return new AdaptiveClip(clip, value);
    }

    @Override
    public RuleDescriptor<AdaptiveClip> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "adaptive-clip";
    }

    @Override
    public AdaptiveClip atLearningRate(double value) {
        return this;
    }

    @Override
    public MatrixView matrixView() {
        return MatrixView.UNITS;
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("clip_factor", Slot.Extent.ROW).forOneStep());
    }

    @Override
    public List<Pass> passes() {
        return List.of(Pass.overGradients(CLIP, 2).writing(Pass.Writes.GRADIENT).beforeEachStep());
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(
                new Reduction("values", Reduction.Scope.ROW, MEASURING),
                new Reduction("gradients", Reduction.Scope.ROW, MEASURING));
    }

    @Override
    public double advanceRow(int phase, Preparation preparation, Line row) {
        double value = Math.sqrt(row.sum(VALUES));
        double gradient = Math.sqrt(row.sum(GRADIENTS));
        double most = clip * Arithmetic.max(value, epsilon);
        row.state(FACTOR, gradient >= most ? (float) (most / Arithmetic.max(gradient, 1e-6)) : 1);
        return 0;
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return phase == MEASURING ? AdaptiveClip::measure : AdaptiveClip::scale;
    }

    private static void measure(Element element) {
        element.reduce(VALUES, element.parameter(), element.parameter());
        element.reduce(GRADIENTS, element.gradient(), element.gradient());
    }

    private static void scale(Element element) {
        element.gradient(element.gradient() * element.state(FACTOR));
    }
}
