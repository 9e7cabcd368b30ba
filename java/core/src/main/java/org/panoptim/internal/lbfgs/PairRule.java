package org.panoptim.internal.lbfgs;

import org.panoptim.rule.Element;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.Slot;

import java.util.List;

/**
 * A pair of the history: the step s, and the change y of the gradient g along it. The parameter is
 * the direction d. Before the pair is complete, y is the gradient where the step began.
 *
 * <p>The names of PyTorch for s and y are old_stps and old_dirs; al is its own.
 */
public record PairRule() implements VectorRule {

    /** y = g. */
    static final String BEGIN = "begin";

    /** s = t d and y = g − y. */
    static final String COMPLETE = "complete";

    /** d = (d − al y) scale, with al = s d / (y s). */
    static final String SUBTRACT = "subtract";

    /** d = d + (al − be) s, with be = y d / (y s). */
    static final String ADD = "add";

    static final int S = 0;
    static final int Y = 1;

    /** How far along d the step went; for the host to set. */
    static final int T = 2;

    /** The sum of y s. */
    static final int YS = 3;

    /** The sum of y y. */
    static final int YY = 4;

    /** What {@link #SUBTRACT} multiplies by; for the host to set. */
    static final int SCALE = 6;

    private static final int AL = 5;

    private static final int CURVATURES = 0;
    private static final int CHANGES = 1;
    private static final int ALONG_S = 2;
    private static final int ALONG_Y = 3;

    private static final int BEGINNING = 0;
    private static final int COMPLETING = 1;
    private static final int COMPLETED = 2;
    private static final int PROJECTING = 3;
    private static final int SUBTRACTING = 4;
    private static final int COMPARING = 5;
    private static final int ADDING = 6;

    private static final RuleDescriptor<PairRule> DESCRIPTOR =
            RuleDescriptor.of(PairRule.class, SOURCE).build(_ -> new PairRule());

    @Override
    public RuleDescriptor<PairRule> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "lbfgs-pair";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("s"),
                new Slot("y"),
                new Slot("t", Slot.Extent.RULE),
                new Slot("ys", Slot.Extent.RULE),
                new Slot("yy", Slot.Extent.RULE),
                new Slot("al", Slot.Extent.RULE),
                new Slot("scale", Slot.Extent.RULE));
    }

    @Override
    public List<Pass> passes() {
        return List.of(
                Pass.overGradients(BEGIN, 1),
                Pass.overGradients(COMPLETE, 2),
                Pass.overAll(SUBTRACT, 2),
                Pass.overAll(ADD, 2));
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(
                new Reduction("curvatures", Reduction.Scope.ALL, COMPLETING),
                new Reduction("changes", Reduction.Scope.ALL, COMPLETING),
                new Reduction("along_s", Reduction.Scope.ALL, PROJECTING),
                new Reduction("along_y", Reduction.Scope.ALL, COMPARING));
    }

    @Override
    public void settle(int phase, Preparation preparation) {
        if (phase == COMPLETED) {
            preparation.state(YS, preparation.reduction(CURVATURES));
            preparation.state(YY, preparation.reduction(CHANGES));
        } else if (phase == SUBTRACTING) {
            preparation.state(AL, preparation.reduction(ALONG_S) * ro(preparation));
        }
    }

    private static double ro(Preparation preparation) {
        return 1 / preparation.state(YS);
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return switch (phase) {
            case BEGINNING -> element -> element.state(Y, element.gradient());
            case COMPLETING -> new Completing((float) preparation.state(T));
            case PROJECTING ->
                    element -> element.reduce(ALONG_S, element.state(S), element.parameter());
            case SUBTRACTING ->
                    new Subtracting(
                            (float) preparation.state(AL), (float) preparation.state(SCALE));
            case COMPARING ->
                    element -> element.reduce(ALONG_Y, element.state(Y), element.parameter());
            case ADDING -> {
                double be = preparation.reduction(ALONG_Y) * ro(preparation);
                yield new Adding((float) (preparation.state(AL) - be));
            }
            default -> NOTHING;
        };
    }

    private record Completing(float t) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float s = t * element.parameter();
            float y = element.gradient() - element.state(Y);
            element.state(S, s);
            element.state(Y, y);
            element.reduce(CURVATURES, y, s);
            element.reduce(CHANGES, y, y);
        }
    }

    private record Subtracting(float al, float scale) implements ElementUpdate {

        @Override
        public void update(Element element) {
            element.parameter((element.parameter() - al * element.state(Y)) * scale);
        }
    }

    private record Adding(float coefficient) implements ElementUpdate {

        @Override
        public void update(Element element) {
            element.parameter(element.parameter() + coefficient * element.state(S));
        }
    }
}
