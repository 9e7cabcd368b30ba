package org.panoptim.rule;

import java.util.List;
import java.util.OptionalInt;

/**
 * Cautious updates (Liang et al., 2024) and cautious weight decay (Chen et al., 2025), beside any
 * rule into which parameters enter by decoupled weight decay alone ({@link
 * UpdateRule#decoupledDecay}). The rule's step becomes an update u, and then p ← p − (η λ m p + n
 * u).
 *
 * <p>Sources: kyleliang919/C-Optim and timm: n is 1 where u and the gradient have the same sign and
 * 0 elsewhere, divided by the mean of that over the parameter's elements, at least 1e-3.
 * Microsoft/dion: m is 1 where u p ≥ 0, and 0 elsewhere. The decay is of the value before the
 * update, as in PyTorch's AdamW and C-Optim's; C-Optim's Lion has (1 + those that agree) / all in
 * place of the mean. In some rules the sign of u is that of the gradient's average by which C-Optim
 * decides.
 *
 * <p>A step moves some 28 bytes for each element more, and its update has 4 bytes of memory. {@link
 * org.panoptim.StepReport#updateNorm} is then that of u.
 *
 * @param update whether updates are cautious; they are by default
 * @param cautiousDecay whether weight decay is; it is not by default
 * @param learningRate η, taken from the rule
 * @param weightDecay λ, taken from the rule
 * @param maximize whether the rule climbs, taken from the rule
 */
public record Cautious(
        boolean update,
        boolean cautiousDecay,
        double learningRate,
        double weightDecay,
        boolean maximize)
        implements Companion {

    /** The pass that completes a step. */
    public static final String COMPLETE = "complete";

    private static final int UPDATE = 0;
    private static final int AGREEMENT = 1;
    private static final int AGREEING = 0;
    private static final int COUNTING = 0;

    /** The least share of elements that are taken to agree. */
    private static final double LEAST_SHARE = 1e-3;

    private static final RuleDescriptor<Cautious> DESCRIPTOR =
            RuleDescriptor.of(
                            Cautious.class,
                            "kyleliang919/C-Optim; Liang et al., 2024; decay: microsoft/dion")
                    .flag("update", true, Cautious::update)
                    .flag("cautious_decay", Cautious::cautiousDecay)
                    .learningRate(0, Cautious::learningRate)
                    .takenFromRule()
                    .number(
                            "weight_decay",
                            RuleSetting.Range.NON_NEGATIVE,
                            0,
                            Cautious::weightDecay)
                    .takenFromRule()
                    .flag("maximize", Cautious::maximize)
                    .takenFromRule()
                    .build(v -> new Cautious(v.flag(), v.flag(), v.number(), v.number(), v.flag()));

    /** Checks the hyper-parameters. */
    public Cautious {
        DESCRIPTOR.check(update, cautiousDecay, learningRate, weightDecay, maximize);
    }

    /** Cautious updates. */
    public static Cautious ofUpdates() {
        return DESCRIPTOR.defaults();
    }

    /** Cautious weight decay, with updates as they are. */
    public static Cautious ofWeightDecay() {
        return ofUpdates().withUpdate(false).withCautiousDecay(true);
    }

    /** This companion with cautious updates, or not. */
    public Cautious withUpdate(boolean value) {
        return new Cautious(value, cautiousDecay, learningRate, weightDecay, maximize);
    }

    /** This companion with cautious weight decay, or not. */
    public Cautious withCautiousDecay(boolean value) {
        return new Cautious(update, value, learningRate, weightDecay, maximize);
    }

    @Override
    public Cautious beside(UpdateRule rule) {
        var decoupled = rule.decoupledDecay();
        if (decoupled.isEmpty()) {
            throw new IllegalArgumentException(
                    "companion cautious cannot go with rule %s as it is: a parameter's value must enter its step by decoupled weight decay alone"
                            .formatted(rule.name()));
        }
        return new Cautious(
                update,
                cautiousDecay,
                rule.learningRate(),
                decoupled.getAsDouble(),
                rule.maximize());
    }

    @Override
    public OptionalInt updateSlot() {
        return OptionalInt.of(UPDATE);
    }

    @Override
    public RuleDescriptor<Cautious> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "cautious";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("left_update").forOneStep(),
                new Slot("agreement", Slot.Extent.TENSOR).forOneStep().asReported());
    }

    @Override
    public List<Pass> passes() {
        return List.of(Pass.overGradients(COMPLETE, 2).completingEachStep());
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(new Reduction("agreeing", Reduction.Scope.TENSOR, COUNTING));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == COUNTING) {
            return Cautious::count;
        }
        double share = preparation.reduction(AGREEING) / preparation.shape().elements();
        preparation.state(AGREEMENT, share);
        float decay = (float) (preparation.rate(learningRate) * weightDecay);
        return new Completion(
                update ? (float) (1 / Arithmetic.max(share, LEAST_SHARE)) : 1,
                update ? 0 : 1,
                decay,
                cautiousDecay ? 0 : decay);
    }

    /** What a rule made of zero is minus its update. */
    private static float updateOf(Element element) {
        return -element.state(UPDATE);
    }

    private static boolean sameSign(float a, float b) {
        return a > 0 && b > 0 || a < 0 && b < 0;
    }

    private static void count(Element element) {
        boolean agrees = sameSign(updateOf(element), element.gradient());
        element.reduce(AGREEING, agrees ? 1 : 0, 1);
    }

    /**
     * The last phase.
     *
     * @param agreeing n where the update agrees with the gradient
     * @param other n elsewhere
     * @param decay η λ where the update agrees with the parameter
     * @param sparedDecay the same elsewhere
     */
    private record Completion(float agreeing, float other, float decay, float sparedDecay)
            implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            float u = updateOf(element);
            float n = sameSign(u, element.gradient()) ? agreeing : other;
            float kept = sameSign(-u, p) ? sparedDecay : decay;
            element.parameter(p - (kept * p + u * n));
            element.state(UPDATE, 0);
        }
    }
}
