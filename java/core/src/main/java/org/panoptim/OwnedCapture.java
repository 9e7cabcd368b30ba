package org.panoptim;

import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepPlan;
import org.panoptim.step.CapturedStep;

import java.util.function.Supplier;

/**
 * A captured step that keeps to its optimizer's thread and life, and to the memory that it was
 * captured with.
 */
final class OwnedCapture implements CapturedStep {

    private final Ownership ownership;
    private final CapturedStep captured;
    private final SourceWatches sources;
    private final long[] gradients;
    private final Supplier<StepPlan> plan;
    private final Runnable ready;

    /**
     * @param sources where the captured parameters come from
     * @param plan takes down that the step was launched, and says under which plan
     * @param ready throws if it is not a step's turn
     */
    OwnedCapture(
            Ownership ownership,
            CapturedStep captured,
            SourceWatches sources,
            Supplier<StepPlan> plan,
            Runnable ready) {
        this.ownership = ownership;
        this.captured = captured;
        this.sources = sources;
        this.gradients = sources.gradientAddresses();
        this.plan = plan;
        this.ready = ready;
    }

    @Override
    public void launch() {
        ownership.enter();
        try {
            ready.run();
            sources.refresh();
            sources.requireGradientsAt(gradients);
            captured.launch();
            sources.launched(plan.get());
        } catch (PartialChangeException e) {
            throw ownership.fail(e);
        } finally {
            ownership.exit();
        }
    }

    @Override
    public void close() {
        if (ownership.isClosed()) {
            // The execution freed it.
            return;
        }
        ownership.enterToClose();
        try {
            captured.close();
        } finally {
            ownership.exit();
        }
    }
}
