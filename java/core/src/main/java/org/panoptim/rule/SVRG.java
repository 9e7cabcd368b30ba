package org.panoptim.rule;

import java.util.List;

/**
 * SVRG, stochastic variance-reduced gradients (Johnson and Zhang, 2013), beside any rule: each
 * step's gradient is corrected by what the same batch's gradient was at a snapshot of the
 * parameters, and by the snapshot's gradient over all data: g = (gᵢ(w) − gᵢ(w̃)) + μ.
 *
 * <p>Every so often: compute μ, the mean gradient over all data, and run {@value #SNAPSHOT}, which
 * keeps it and the parameters. Then for each batch: run {@value #VISIT}, which sets the parameters
 * to the snapshot; compute the batch's gradients; run {@value #LEAVE}, which puts the parameters
 * back, in a {@code finally}, and {@value #RECORD}, which keeps the gradients; clear them where the
 * framework adds to them, and compute them again; and take the step, before which {@value #CORRECT}
 * corrects them. A step without a {@value #RECORD} before it takes its gradients as they are, and
 * so does a parameter that had no gradient in one of the passes; a record serves no later step.
 *
 * <p>It keeps 12 bytes for each element.
 */
public record SVRG() implements Companion {

    /** The pass that keeps the parameters and their gradients over all data. */
    public static final String SNAPSHOT = "snapshot";

    /** The pass that sets the parameters to the snapshot. */
    public static final String VISIT = "visit";

    /** The pass that puts them back. */
    public static final String LEAVE = "leave";

    /** The pass that keeps a batch's gradients at the snapshot. */
    public static final String RECORD = "record";

    /** The pass that corrects the gradients; before every step. */
    public static final String CORRECT = "correct";

    private static final int SNAPSHOT_PARAMETER = 0;
    private static final int FULL_GRADIENT = 1;
    // The parameter while the snapshot is visited, and then the batch's gradient there.
    private static final int HELD = 2;
    private static final int TAKEN = 3;
    private static final int AWAY = 4;
    // The number of the step that the record is for; 0: there is none.
    private static final int RECORDED = 5;

    private static final int SNAPPING = 0;
    private static final int VISITING = 1;
    private static final int LEAVING = 2;
    private static final int RECORDING = 3;
    private static final int CORRECTING = 4;

    private static final RuleDescriptor<SVRG> DESCRIPTOR =
            RuleDescriptor.of(SVRG.class, "Johnson & Zhang, 2013").build(v -> new SVRG());

    @Override
    public RuleDescriptor<SVRG> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "svrg";
    }

    @Override
    public List<Slot> slots() {
        return List.of(
                new Slot("snapshot"),
                new Slot("full_gradient"),
                new Slot("held"),
                new Slot("taken", Slot.Extent.TENSOR),
                new Slot("away", Slot.Extent.TENSOR).forOneStep(),
                new Slot("recorded", Slot.Extent.TENSOR));
    }

    @Override
    public List<Pass> passes() {
        return List.of(
                Pass.overGradients(SNAPSHOT, 1).writing(Pass.Writes.NOTHING),
                Pass.overAll(VISIT, 1).closedBy(LEAVE),
                Pass.overAll(LEAVE, 1),
                Pass.overGradients(RECORD, 1).writing(Pass.Writes.NOTHING),
                Pass.overGradients(CORRECT, 1).writing(Pass.Writes.GRADIENT).beforeEachStep());
    }

    @Override
    public boolean rests(int phase, Preparation preparation) {
        return switch (phase) {
            case VISITING, RECORDING -> preparation.state(TAKEN) == 0;
            case LEAVING -> preparation.state(AWAY) == 0;
            case CORRECTING -> preparation.state(RECORDED) != nextStep(preparation);
            default -> false;
        };
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        return switch (phase) {
            case SNAPPING -> {
                preparation.state(TAKEN, 1);
                yield SVRG::snap;
            }
            case VISITING -> {
                preparation.state(AWAY, 1);
                preparation.state(RECORDED, 0);
                yield SVRG::visit;
            }
            case LEAVING -> {
                preparation.state(AWAY, 0);
                yield SVRG::leave;
            }
            case RECORDING -> {
                preparation.state(RECORDED, nextStep(preparation));
                yield SVRG::record;
            }
            default -> {
                preparation.state(RECORDED, 0);
                yield SVRG::correct;
            }
        };
    }

    /** A record serves the next step alone, whether or not the parameter takes part in that. */
    private static long nextStep(Preparation preparation) {
        return preparation.step() + 1;
    }

    private static void snap(Element element) {
        element.state(SNAPSHOT_PARAMETER, element.parameter());
        element.state(FULL_GRADIENT, element.gradient());
    }

    private static void visit(Element element) {
        element.state(HELD, element.parameter());
        element.parameter(element.state(SNAPSHOT_PARAMETER));
    }

    private static void leave(Element element) {
        element.parameter(element.state(HELD));
    }

    private static void record(Element element) {
        element.state(HELD, element.gradient());
    }

    private static void correct(Element element) {
        element.gradient((element.gradient() - element.state(HELD)) + element.state(FULL_GRADIENT));
    }
}
