package org.panoptim.rule;

import java.util.List;
import java.util.OptionalInt;

/**
 * Hypergradient descent of the learning rate, beside any rule (Baydin et al., 2018): before every
 * step, the learning rate of each group goes by β ⟨g, u⟩, where g is the group's gradient now and u
 * the direction of its last update: what the parameters went by, divided by the learning rate that
 * they went with. Learning rates are as the rule and the schedule say, times the state {@code
 * rate_factor} of the group.
 *
 * <p>Source: Baydin et al., "Online Learning Rate Adaptation with Hypergradient Descent", 2018. The
 * gradient is as it is before the step, unscaled and not clipped, and without the decay that a rule
 * adds to it, which the authors' programs count. Under a schedule u comes multiplied by its factor.
 * Where a parameter had no gradient in the step before, its last update counts, divided by the
 * learning rate of the step before. Decoupled weight decay, and what other companions do to
 * parameters between two steps, count as part of the update. Where a learning rate is 0, or the
 * product is not finite, it stays. The authors' program for Adam advances the learning rate from
 * one parameter to the next; here a group's is one for all.
 *
 * @param beta β, at least 0; 1e-7 by default
 * @param learningRate taken from the rule
 */
public record Hypergradient(double beta, double learningRate) implements Companion {

    /** The pass before every step. */
    public static final String ADAPT = "adapt_rate";

    private static final int LAST = 0;
    private static final int FACTOR = 1;
    private static final int PRODUCT = 0;
    private static final int COMPARING = 0;

    private static final RuleDescriptor<Hypergradient> DESCRIPTOR =
            RuleDescriptor.of(Hypergradient.class, "Baydin et al., 2018")
                    .number("beta", RuleSetting.Range.NON_NEGATIVE, 1e-7, Hypergradient::beta)
                    .learningRate(0, Hypergradient::learningRate)
                    .takenFromRule()
                    .build(v -> new Hypergradient(v.number(), v.number()));

    /** Checks the hyper-parameters. */
    public Hypergradient {
        DESCRIPTOR.check(beta, learningRate);
    }

    /** The companion with this β. */
    public static Hypergradient withBeta(double beta) {
        return new Hypergradient(beta, 0);
    }

    /** The companion with its default β. */
    public static Hypergradient defaults() {
        return DESCRIPTOR.defaults();
    }

    @Override
    public Hypergradient beside(UpdateRule rule) {
        return new Hypergradient(beta, rule.learningRate());
    }

    @Override
    public OptionalInt rateSlot() {
        return OptionalInt.of(FACTOR);
    }

    @Override
    public RuleDescriptor<Hypergradient> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "hypergradient";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("last_param").startingAtParameter(),
                new Slot("rate_factor", Slot.Extent.RULE).startingAt(1).asReported());
    }

    @Override
    public List<Pass> passes() {
        return List.of(Pass.overGradients(ADAPT, 2).writing(Pass.Writes.NOTHING).beforeEachStep());
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(new Reduction("product", Reduction.Scope.GROUP, COMPARING));
    }

    @Override
    public void settle(int phase, Preparation preparation) {
        if (phase == COMPARING) {
            return;
        }
        double factor = preparation.state(FACTOR);
        double went = learningRate * factor;
        double adapted = factor + beta * (preparation.reduction(PRODUCT) / went) / learningRate;
        if (Double.isFinite(adapted)) {
            preparation.state(FACTOR, adapted);
        }
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return phase == COMPARING ? Hypergradient::compare : element -> {};
    }

    private static void compare(Element element) {
        float p = element.parameter();
        element.reduce(PRODUCT, element.gradient(), element.state(LAST) - p);
        element.state(LAST, p);
    }
}
