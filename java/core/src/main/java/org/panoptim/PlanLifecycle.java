package org.panoptim;

import org.panoptim.backend.Backend;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.Execution;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepPlan;

/** Brings a plan's execution, schedule and curvature together, and parts them again. */
final class PlanLifecycle {

    private PlanLifecycle() {}

    /** Opens an execution, attaches the schedule, and lets curvature follow; all or nothing. */
    static Execution open(Backend backend, StepPlan plan) {
        var execution = backend.open(plan);
        try {
            plan.schedule().attach();
            try {
                plan.curvature().ifPresent(transform -> transform.follow(plan, execution));
            } catch (RuntimeException | Error e) {
                Cleanup.after(e, plan.schedule()::detach);
                throw e;
            }
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, execution::close);
            throw e;
        }
        return execution;
    }

    /** Changes the groups of an execution and its companions, and lets curvature follow. */
    static void change(Execution execution, Companions companions, StepPlan changed) {
        boolean borrows = !changed.lent().isNothing();
        if (borrows) {
            // The step needs what they lend for new parameters.
            configure(companions, changed);
        }
        try {
            execution.configure(changed);
        } catch (RuntimeException | Error e) {
            if (borrows) {
                throw halfDone(e);
            }
            throw e;
        }
        try {
            if (!borrows) {
                companions.configure(changed);
            }
            changed.curvature().ifPresent(transform -> transform.follow(changed, execution));
        } catch (RuntimeException | Error e) {
            throw halfDone(e);
        }
    }

    private static void configure(Companions companions, StepPlan changed) {
        try {
            companions.configure(changed);
        } catch (RuntimeException | Error e) {
            throw halfDone(e);
        }
    }

    private static PartialChangeException halfDone(Throwable thrown) {
        return new PartialChangeException("a change of its groups failed half way", thrown);
    }

    /** Undoes what {@link #open} did, whatever fails of it. */
    static void close(
            StepPlan plan, Execution execution, Companions companions, Runnable closeBackend) {
        Cleanup.all(
                () -> plan.schedule().detach(),
                () -> plan.curvature().ifPresent(CurvatureTransform::release),
                companions::close,
                execution::close,
                closeBackend);
    }
}
