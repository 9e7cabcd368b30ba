package org.panoptim.internal.lbfgs;

import org.panoptim.rule.Element;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.Slot;

import java.util.List;

/**
 * The gradient as the model left it. The parameter is a copy of it; what is absent counts as zeros.
 * Two earlier ones are kept while a line search may come back to them.
 */
public record GradientRule() implements VectorRule {

    static final String CLEAR = "clear";
    static final String TAKE = "take";

    /** Passes by the place that a gradient is kept in. */
    static final List<String> KEEP = List.of("keep_first", "keep_second");

    /** As {@link #KEEP}, the other way round. */
    static final List<String> USE = List.of("use_first", "use_second");

    private static final int FIRST = 0;
    private static final int SECOND = 1;

    private static final RuleDescriptor<GradientRule> DESCRIPTOR =
            RuleDescriptor.of(GradientRule.class, SOURCE).build(_ -> new GradientRule());

    @Override
    public RuleDescriptor<GradientRule> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "lbfgs-gradient";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("first").forOneStep(), new Slot("second").forOneStep());
    }

    @Override
    public List<Pass> passes() {
        return List.of(
                Pass.overAll(CLEAR, 1),
                Pass.overGradients(TAKE, 1),
                Pass.overAll(KEEP.get(FIRST), 1),
                Pass.overAll(KEEP.get(SECOND), 1),
                Pass.overAll(USE.get(FIRST), 1),
                Pass.overAll(USE.get(SECOND), 1));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return switch (phase) {
            case 0 -> element -> element.parameter(0);
            case 1 -> element -> element.parameter(element.gradient());
            case 2 -> element -> keep(element, FIRST);
            case 3 -> element -> keep(element, SECOND);
            case 4 -> element -> element.parameter(element.state(FIRST));
            default -> element -> element.parameter(element.state(SECOND));
        };
    }

    private static void keep(Element element, int place) {
        element.state(place, element.parameter());
    }
}
