package org.panoptim.rule;

import java.util.List;

/**
 * SAM, sharpness-aware minimization (Foret et al., 2021), beside any rule: {@value #PERTURB} moves
 * the parameters along their gradients to where the loss is about highest within a distance ρ, and
 * {@value #RESTORE} moves them back, bit for bit. The gradients between the two are the step's.
 * Passes zero no gradient: where a framework adds to them, they are cleared after {@value
 * #PERTURB}. {@value #RESTORE} belongs into a {@code finally}: closing the optimizer moves nothing
 * back.
 *
 * <p>Source: davda54/sam, {@code sam.py}: p += ρ g / (‖g‖ + 1e-12), with the norm over all
 * parameters that have a gradient. The adaptive variant (ASAM; Kwon et al., 2021) is p += ρ p² g /
 * (‖|p| g‖ + 1e-12). A norm that is not finite moves nothing.
 *
 * @param rho ρ, at least 0; 0.05 by default
 * @param adaptive whether distances are reckoned by each parameter's size
 */
public record SAM(double rho, boolean adaptive) implements Companion {

    /** The pass that moves the parameters. */
    public static final String PERTURB = "perturb";

    /** The pass that moves them back. */
    public static final String RESTORE = "restore";

    private static final int OLD_P = 0;
    private static final int PERTURBED = 1;
    private static final int SHARPNESS = 2;
    private static final int SQUARE = 0;
    private static final int MEASURING = 0;
    private static final int PERTURBING = 1;

    private static final RuleDescriptor<SAM> DESCRIPTOR =
            RuleDescriptor.of(
                            SAM.class,
                            "davda54/sam, sam.py; Foret et al., 2021; ASAM: Kwon et al., 2021")
                    .number("rho", RuleSetting.Range.NON_NEGATIVE, 0.05, SAM::rho)
                    .flag("adaptive", SAM::adaptive)
                    .build(v -> new SAM(v.number(), v.flag()));

    /** Checks the hyper-parameters. */
    public SAM {
        DESCRIPTOR.check(rho, adaptive);
    }

    /** The companion with its source's defaults. */
    public static SAM defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The companion with its source's defaults and this distance. */
    public static SAM withRho(double rho) {
        return new SAM(rho, false);
    }

    /** This companion with distances reckoned by each parameter's size, or not. */
    public SAM withAdaptive(boolean value) {
        return new SAM(rho, value);
    }

    @Override
    public RuleDescriptor<SAM> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "sam";
    }

    @Override
    public String kernelName() {
        return adaptive ? "sam_adaptive" : "sam";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("old_p").forOneStep(),
                new Slot("perturbed", Slot.Extent.TENSOR).forOneStep(),
                new Slot("sharpness", Slot.Extent.TENSOR).forOneStep().asReported());
    }

    @Override
    public List<Pass> passes() {
        return List.of(Pass.overGradients(PERTURB, 2).closedBy(RESTORE), Pass.overAll(RESTORE, 1));
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(new Reduction("square", Reduction.Scope.ALL, MEASURING));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == MEASURING) {
            return adaptive ? SAM::measureAdaptively : SAM::measure;
        }
        if (phase == PERTURBING) {
            double norm = Math.sqrt(preparation.reduction(SQUARE));
            preparation.state(PERTURBED, 1);
            preparation.state(SHARPNESS, rho * norm);
            return new Perturbation(
                    Double.isFinite(norm) ? (float) (rho / (norm + 1e-12)) : 0, adaptive);
        }
        boolean moved = preparation.state(PERTURBED) != 0;
        preparation.state(PERTURBED, 0);
        return moved ? SAM::restore : SAM::keep;
    }

    private static void measure(Element element) {
        element.reduce(SQUARE, element.gradient(), element.gradient());
    }

    private static void measureAdaptively(Element element) {
        float term = Arithmetic.abs(element.parameter()) * element.gradient();
        element.reduce(SQUARE, term, term);
    }

    private record Perturbation(float scale, boolean adaptive) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float g = element.gradient();
            element.state(OLD_P, p);
            element.parameter(scale != 0 ? p + (adaptive ? (p * p) * g : g) * scale : p);
        }
    }

    private static void restore(Element element) {
        element.parameter(element.state(OLD_P));
    }

    private static void keep(Element element) {
        element.parameter(element.parameter());
    }
}
