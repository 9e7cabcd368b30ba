package org.panoptim.simd;

import static org.panoptim.abi.Layouts.pointer;

import org.panoptim.abi.PassKernel;
import org.panoptim.abi.bindings.panoptim_plan;
import org.panoptim.spi.PassStages;
import org.panoptim.spi.StepProgram;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** The library's calls for a named pass, over a plan of its own; one rule after another. */
final class PassCalls implements PassStages, Runnable {

    /** What goes over the elements, by all workers. */
    interface Walks {

        /**
         * Advances the states of rows and columns before a phase, if the one before summed them.
         */
        void advanceLines(long plan, int phase);

        /** Runs a phase. */
        void update(long plan, int phase);
    }

    private final MemorySegment plan;
    private final MemorySegment step;
    private final MemorySegment control;
    private final List<PassKernel> kernels;
    private final Walks walks;
    private final int phases;

    /**
     * The calls for a pass.
     *
     * @param plan memory for a {@code panoptim_plan}
     * @param step that of a step
     * @param control of the step and the loss scale that hold
     */
    PassCalls(
            MemorySegment plan,
            MemorySegment step,
            MemorySegment control,
            List<PassKernel> kernels,
            Walks walks) {
        this.plan = plan;
        this.step = step;
        this.control = control;
        this.kernels = kernels;
        this.walks = walks;
        this.phases = PassKernel.phases(kernels);
    }

    /** Whether it is of the step that a control block belongs to. */
    boolean isOf(MemorySegment otherControl) {
        return control == otherControl;
    }

    @Override
    public void run() {
        plan.copyFrom(step);
        pointer(plan, panoptim_plan.control$offset(), control.address());
        StepProgram.runPass(phases, this);
    }

    @Override
    public void prepare(int phase) {
        for (var each : kernels) {
            if (phase < each.span().phases()) {
                each.describe(plan);
                int number = each.span().first() + phase;
                int status = StepCalls.prepare(plan.address(), number);
                NativeStatus.check(status, "panoptim_prepare");
                if (phase > 0) {
                    walks.advanceLines(plan.address(), number);
                }
            }
        }
    }

    @Override
    public void update(int phase) {
        for (var each : kernels) {
            if (phase < each.span().phases()) {
                each.describe(plan);
                walks.update(plan.address(), each.span().first() + phase);
            }
        }
    }
}
