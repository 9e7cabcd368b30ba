package org.panoptim.internal.lbfgs;

import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Element;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.Slot;
import org.panoptim.spi.StepPlan;

import java.util.List;

/**
 * The parameters along the direction, which is their gradient here: where they start, t of it away,
 * and back.
 */
public record PointRule() implements VectorRule {

    /** Remembers where the parameters are, and moves them by t of the direction. */
    static final String DEPART = "depart";

    /** Moves them to where they started, and t of the direction on. */
    static final String MOVE = "move";

    /** Moves them back to where they started, bit for bit. */
    public static final String RESTORE = "restore";

    /** How far to move; for the host to set. */
    static final int T = 1;

    private static final int START = 0;
    private static final int DEPARTING = 0;
    private static final int MOVING = 1;

    private static final RuleDescriptor<PointRule> DESCRIPTOR =
            RuleDescriptor.of(PointRule.class, SOURCE).build(_ -> new PointRule());

    /** A plan of parameters under this rule, to be told what its passes write. */
    public static StepPlan planOver(List<Parameter> parameters) {
        return PassSpace.plan(new PointRule(), parameters);
    }

    @Override
    public RuleDescriptor<PointRule> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "lbfgs-point";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("start").forOneStep(), new Slot("t", Slot.Extent.RULE));
    }

    @Override
    public List<Pass> passes() {
        return List.of(
                Pass.overGradients(DEPART, 1),
                Pass.overGradients(MOVE, 1),
                Pass.overAll(RESTORE, 1));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        float t = (float) preparation.state(T);
        return switch (phase) {
            case DEPARTING -> new Departing(t);
            case MOVING -> new Moving(t);
            default -> element -> element.parameter(element.state(START));
        };
    }

    private record Departing(float t) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            element.state(START, p);
            element.parameter(p + t * element.gradient());
        }
    }

    private record Moving(float t) implements ElementUpdate {

        @Override
        public void update(Element element) {
            element.parameter(element.state(START) + t * element.gradient());
        }
    }
}
