package org.panoptim.rule;

import java.util.List;

/**
 * Lookahead (Zhang et al., 2019), beside any rule: slow weights, which every k-th accepted step
 * goes towards the parameters, that then go on from there. Its pass goes with every step and
 * touches nothing when it is not due; the slow weights begin as the parameters are when it joins
 * them.
 *
 * <p>Source: michaelrzhang/lookahead, {@code lookahead_pytorch.py}: p = α p + (1 − α) slow, slow =
 * p, with the momentum left alone ({@code pullback_momentum="none"}). Every parameter takes part,
 * with or without a gradient. Where the paper is named, α is the step towards the parameters, as it
 * is here.
 *
 * @param k after how many steps they meet, at least 1; 5 by default
 * @param alpha α, in [0, 1]; 0.8 by default
 */
public record Lookahead(long k, double alpha) implements Companion {

    /** The pass after every step. */
    public static final String SYNCHRONIZE = "synchronize";

    private static final int SLOW = 0;
    private static final int SYNCHRONIZED = 1;

    private static final RuleDescriptor<Lookahead> DESCRIPTOR =
            RuleDescriptor.of(
                            Lookahead.class,
                            "michaelrzhang/lookahead, lookahead_pytorch.py; Zhang et al., 2019")
                    .positiveCount("k", 5, Lookahead::k)
                    .number("alpha", RuleSetting.Range.FRACTION, 0.8, Lookahead::alpha)
                    .build(v -> new Lookahead(v.count(), v.number()));

    /** Checks the hyper-parameters. */
    public Lookahead {
        DESCRIPTOR.check(k, alpha);
    }

    /** The companion with its source's defaults. */
    public static Lookahead defaults() {
        return DESCRIPTOR.defaults();
    }

    /** This companion with another number of steps. */
    public Lookahead withK(long value) {
        return new Lookahead(value, alpha);
    }

    /** This companion with another α. */
    public Lookahead withAlpha(double value) {
        return new Lookahead(k, value);
    }

    @Override
    public RuleDescriptor<Lookahead> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "lookahead";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("cached_params").startingAtParameter(),
                new Slot("synchronized_at", Slot.Extent.TENSOR));
    }

    @Override
    public List<Pass> passes() {
        return List.of(Pass.overAll(SYNCHRONIZE, 1).afterEachStep());
    }

    /** A step that was refused leaves the step's number, so that it may have been dealt with. */
    @Override
    public boolean rests(int phase, Preparation preparation) {
        return preparation.step() % k != 0 || preparation.step() == preparation.state(SYNCHRONIZED);
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        preparation.state(SYNCHRONIZED, preparation.step());
        return new Meeting((float) alpha, (float) (1 - alpha));
    }

    private record Meeting(float fast, float slow) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = fast * element.parameter() + slow * element.state(SLOW);
            element.state(SLOW, p);
            element.parameter(p);
        }
    }
}
