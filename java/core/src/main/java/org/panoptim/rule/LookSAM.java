package org.panoptim.rule;

import java.util.List;

/**
 * LookSAM (Liu et al., 2022), beside any rule: SAM whose second gradient is computed every k-th
 * step alone. What the sharpness added to it, the part across the plain gradient, is kept and
 * reused in the steps between, so that SAM costs 1 + 1/k backward passes a step and not 2.
 *
 * <p>In a step that is due ({@link #isDue}) run {@value #PERTURB}, compute the gradients anew, run
 * {@value #RESTORE} in a {@code finally}, and take the step; in any other just take it. Before the
 * step, {@value #REUSE} keeps what a due one has found, or adds it to the gradients: with g the
 * plain gradient and gₛ the perturbed one, v = gₛ − (⟨gₛ, g⟩ / ‖g‖²) g, and later g + α (‖g‖ / ‖v‖)
 * v, each parameter by its own norms. Where a norm is zero, or one is not finite, nothing is added.
 * It takes the place of {@link SAM}, and does not go with it.
 *
 * <p>Source: Liu et al., "Towards Efficient and Scalable Sharpness-Aware Minimization", algorithm
 * 1. It keeps 8 bytes for each element.
 *
 * @param rho ρ, at least 0; 0.1 by default
 * @param k every how many steps a second gradient is computed, at least 1; 5 by default
 * @param alpha α, at least 0; 0.7 by default
 */
public record LookSAM(double rho, long k, double alpha) implements Companion {

    /** The pass that moves the parameters. */
    public static final String PERTURB = "look_perturb";

    /** The pass that moves them back. */
    public static final String RESTORE = "look_restore";

    /** The pass that learns or reuses the direction; before every step. */
    public static final String REUSE = "look_reuse";

    private static final int OLD_P = 0;
    // The plain gradient between perturbing and the step, and then the direction across it.
    private static final int DIRECTION = 1;
    private static final int PERTURBED = 2;
    private static final int FRESH = 3;
    private static final int SHARPNESS = 4;

    private static final int SQUARE = 0;
    private static final int PRODUCT = 1;
    private static final int LENGTH = 2;

    private static final int MEASURING = 0;
    private static final int PERTURBING = 1;
    private static final int RESTORING = 2;
    private static final int COMPARING = 3;

    private static final RuleDescriptor<LookSAM> DESCRIPTOR =
            RuleDescriptor.of(LookSAM.class, "Liu et al., LookSAM, 2022")
                    .number("rho", RuleSetting.Range.NON_NEGATIVE, 0.1, LookSAM::rho)
                    .positiveCount("k", 5, LookSAM::k)
                    .number("alpha", RuleSetting.Range.NON_NEGATIVE, 0.7, LookSAM::alpha)
                    .build(v -> new LookSAM(v.number(), v.count(), v.number()));

    /** Checks the hyper-parameters. */
    public LookSAM {
        DESCRIPTOR.check(rho, k, alpha);
    }

    /** The companion with its defaults. */
    public static LookSAM defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The companion with its defaults and this distance. */
    public static LookSAM withRho(double rho) {
        return new LookSAM(rho, defaults().k, defaults().alpha);
    }

    /** This companion with a second gradient every so many steps. */
    public LookSAM withK(long value) {
        return new LookSAM(rho, value, alpha);
    }

    /** This companion with another weight of what is reused. */
    public LookSAM withAlpha(double value) {
        return new LookSAM(rho, k, value);
    }

    /**
     * Whether a step should compute a second gradient: the first one, and every k-th after it.
     *
     * @param step its number, from 1
     * @throws IllegalArgumentException if it is below 1
     */
    public boolean isDue(long step) {
        if (step < 1) {
            throw new IllegalArgumentException(
                    "isDue: steps count from 1, so the coming one cannot be " + step);
        }
        return (step - 1) % k == 0;
    }

    @Override
    public RuleDescriptor<LookSAM> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "look-sam";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("look_old_p").forOneStep(),
                new Slot("direction"),
                new Slot("look_perturbed", Slot.Extent.TENSOR).forOneStep(),
                new Slot("fresh_direction", Slot.Extent.TENSOR),
                new Slot("look_sharpness", Slot.Extent.TENSOR).forOneStep().asReported());
    }

    @Override
    public List<Pass> passes() {
        return List.of(
                Pass.overGradients(PERTURB, 2).closedBy(RESTORE),
                Pass.overAll(RESTORE, 1),
                Pass.overGradients(REUSE, 2).writing(Pass.Writes.GRADIENT).beforeEachStep());
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(
                new Reduction("square", Reduction.Scope.ALL, MEASURING),
                new Reduction("product", Reduction.Scope.TENSOR, COMPARING),
                new Reduction("length", Reduction.Scope.TENSOR, COMPARING));
    }

    @Override
    public boolean rests(int phase, Preparation preparation) {
        return phase == RESTORING && preparation.state(PERTURBED) == 0;
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return switch (phase) {
            case MEASURING -> LookSAM::measure;
            case PERTURBING -> {
                double norm = Math.sqrt(preparation.reduction(SQUARE));
                preparation.state(PERTURBED, 1);
                preparation.state(FRESH, 1);
                preparation.state(SHARPNESS, rho * norm);
                yield new Perturbation(Double.isFinite(norm) ? (float) (rho / (norm + 1e-12)) : 0);
            }
            case RESTORING -> {
                preparation.state(PERTURBED, 0);
                yield LookSAM::restore;
            }
            case COMPARING ->
                    preparation.state(FRESH) != 0 ? LookSAM::compareFresh : LookSAM::compare;
            default -> reuse(preparation);
        };
    }

    private ElementUpdate reuse(Preparation preparation) {
        double product = preparation.reduction(PRODUCT);
        double length = preparation.reduction(LENGTH);
        boolean fresh = preparation.state(FRESH) != 0;
        preparation.state(FRESH, 0);
        if (fresh) {
            double along = product / length;
            return new Learning((float) along, Double.isFinite(along));
        }
        double share = alpha * Math.sqrt(product / length);
        return new Reuse(Double.isFinite(share) ? (float) share : 0);
    }

    private static void measure(Element element) {
        element.reduce(SQUARE, element.gradient(), element.gradient());
    }

    private record Perturbation(float scale) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient();
            element.state(OLD_P, p);
            element.state(DIRECTION, g);
            element.parameter(scale != 0 ? p + g * scale : p);
        }
    }

    private static void restore(Element element) {
        element.parameter(element.state(OLD_P));
    }

    /** Between the perturbed gradient and the plain one. */
    private static void compareFresh(Element element) {
        float plain = element.state(DIRECTION);
        element.reduce(PRODUCT, element.gradient(), plain);
        element.reduce(LENGTH, plain, plain);
    }

    /** Of the plain gradient, and the direction across it that was found earlier. */
    private static void compare(Element element) {
        float g = element.gradient();
        float v = element.state(DIRECTION);
        element.reduce(PRODUCT, g, g);
        element.reduce(LENGTH, v, v);
    }

    private record Learning(float along, boolean known) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float g = element.gradient();
            element.state(DIRECTION, known ? g - along * element.state(DIRECTION) : 0);
            element.gradient(g);
        }
    }

    private record Reuse(float share) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float g = element.gradient();
            float v = element.state(DIRECTION);
            element.state(DIRECTION, v);
            element.gradient(share != 0 ? g + share * v : g);
        }
    }
}
