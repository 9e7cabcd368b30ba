package org.panoptim.rule;

import java.util.List;

/**
 * Puts the moving averages of parameters ({@link org.panoptim.parameter.Parameter#averagedIn}) in
 * their place for an evaluation, beside any rule: {@value #USE_AVERAGE} keeps the parameters and
 * sets each to its average, {@value #USE_PARAMETER} puts them back, bit for bit. Between the two no
 * step is taken. A parameter without an average stays as it is, and averages stay what they are.
 * Where no parameter has one that could take its place, {@value #USE_AVERAGE} is refused.
 *
 * <p>It keeps 4 bytes for each element, in which the parameters wait. {@value #USE_PARAMETER}
 * belongs into a {@code finally}.
 */
public record AverageSwap() implements Companion {

    /** The pass that sets parameters to their averages. */
    public static final String USE_AVERAGE = "use_average";

    /** The pass that puts them back. */
    public static final String USE_PARAMETER = "use_parameter";

    private static final int WAITING = 0;
    private static final int LEAVING = 0;

    private static final RuleDescriptor<AverageSwap> DESCRIPTOR =
            RuleDescriptor.of(AverageSwap.class, "PyTorch, torch.optim.swa_utils")
                    .build(v -> new AverageSwap());

    @Override
    public RuleDescriptor<AverageSwap> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "average-swap";
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("waiting").forOneStep());
    }

    @Override
    public List<Pass> passes() {
        return List.of(
                Pass.overAll(USE_AVERAGE, 1).closedBy(USE_PARAMETER).readingAverages(),
                Pass.overAll(USE_PARAMETER, 1));
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return phase == LEAVING ? AverageSwap::leave : AverageSwap::comeBack;
    }

    private static void leave(Element element) {
        element.state(WAITING, element.parameter());
        element.parameter(element.average());
    }

    private static void comeBack(Element element) {
        element.parameter(element.state(WAITING));
    }
}
