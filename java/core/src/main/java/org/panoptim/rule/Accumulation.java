package org.panoptim.rule;

import java.util.List;

/**
 * Gradients of several micro-batches become one, where the framework does not add them up: {@value
 * #ACCUMULATE} adds the present gradients to sums, and before every step {@value #RELEASE} sets the
 * gradients to the sums divided by their number, or to the sums. The micro-batches' gradients may
 * overwrite each other in between, and may come with different loss scales.
 *
 * <p>The last micro-batch is accumulated like the others; where nothing was, a step takes the
 * gradients as they are. A parameter must hold a gradient when the step is taken, or its sum stays
 * for the next one, whose mean is over the micro-batches of both; of a micro-batch that has none
 * for it, nothing is added. What {@value #RELEASE} found is gone with it, whether or not the step
 * is accepted, and it comes before what other companions do to gradients. With SAM, run {@value
 * #RELEASE} before {@link SAM#PERTURB}. Sums are kept in float32, whatever the gradients are.
 *
 * @param mean whether sums are divided by the number of micro-batches; they are by default
 */
public record Accumulation(boolean mean) implements Companion {

    /** The pass that adds the gradients to the sums. */
    public static final String ACCUMULATE = "accumulate";

    /** The pass that sets the gradients to what was accumulated; before every step. */
    public static final String RELEASE = "release";

    private static final int SUM = 0;
    // Whether the sum has anything, and how many micro-batches there were before its first step's.
    private static final int BEGUN = 1;
    private static final int BEFORE = 2;
    // All micro-batches, those of steps that are over, and those of the step that is released.
    private static final int BATCHES = 3;
    private static final int OVER = 4;
    private static final int RELEASED = 5;
    private static final int ACCUMULATING = 0;

    private static final RuleDescriptor<Accumulation> DESCRIPTOR =
            RuleDescriptor.of(Accumulation.class, "gradient accumulation, in float32")
                    .flag("mean", true, Accumulation::mean)
                    .build(v -> new Accumulation(v.flag()));

    /** The mean of the micro-batches' gradients. */
    public static Accumulation defaults() {
        return DESCRIPTOR.defaults();
    }

    /** This companion with gradients that are means, or sums. */
    public Accumulation withMean(boolean value) {
        return new Accumulation(value);
    }

    @Override
    public RuleDescriptor<Accumulation> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "accumulation";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("gradient_sum"),
                new Slot("begun", Slot.Extent.TENSOR),
                new Slot("before", Slot.Extent.TENSOR),
                new Slot("micro_batches", Slot.Extent.RULE),
                new Slot("over", Slot.Extent.RULE),
                new Slot("released", Slot.Extent.RULE));
    }

    @Override
    public List<Pass> passes() {
        return List.of(
                Pass.overGradients(ACCUMULATE, 1).writing(Pass.Writes.NOTHING),
                Pass.overGradients(RELEASE, 1).writing(Pass.Writes.GRADIENT).givingGradients());
    }

    @Override
    public void settle(int phase, Preparation preparation) {
        if (phase == ACCUMULATING) {
            preparation.state(BATCHES, preparation.state(BATCHES) + 1);
        } else {
            preparation.state(RELEASED, preparation.state(BATCHES) - preparation.state(OVER));
            preparation.state(OVER, preparation.state(BATCHES));
        }
    }

    @Override
    public boolean rests(int phase, Preparation preparation) {
        return phase != ACCUMULATING && preparation.state(RELEASED) == 0;
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == ACCUMULATING) {
            if (preparation.state(BEGUN) == 0) {
                preparation.state(BEGUN, 1);
                preparation.state(BEFORE, preparation.state(OVER));
            }
            return Accumulation::accumulate;
        }
        double batches =
                preparation.state(BEGUN) != 0
                        ? preparation.state(BATCHES) - preparation.state(BEFORE)
                        : preparation.state(RELEASED);
        preparation.state(BEGUN, 0);
        return new Release(mean ? (float) (1 / batches) : 1);
    }

    private static void accumulate(Element element) {
        element.state(SUM, element.state(SUM) + element.gradient());
    }

    private record Release(float share) implements ElementUpdate {

        @Override
        public void update(Element element) {
            element.gradient(element.state(SUM) * share);
            element.state(SUM, 0);
        }
    }
}
