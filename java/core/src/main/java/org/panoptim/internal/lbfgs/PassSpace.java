package org.panoptim.internal.lbfgs;

import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;
import org.panoptim.tensor.StateTensor;

import java.util.List;

/** Parameters under a rule with passes alone, and the execution that runs these. */
final class PassSpace implements AutoCloseable {

    private static final String GROUP = "all";

    private final List<Parameter> parameters;
    private final Execution execution;

    /**
     * Opens an execution and binds it.
     *
     * @param arenas of memory that is not its own
     */
    PassSpace(Backend backend, VectorRule rule, List<Parameter> parameters, ArenaSet arenas) {
        this.parameters = parameters;
        execution = backend.open(plan(rule, parameters));
        try {
            execution.bind(arenas);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, execution::close);
            throw e;
        }
    }

    /** The plan of parameters under a rule with passes alone. */
    static StepPlan plan(VectorRule rule, List<Parameter> parameters) {
        return StepPlan.of(List.of(new ParameterGroup(GROUP, rule, parameters)));
    }

    /** Takes up which gradients the parameters hold. */
    void bind(ArenaSet arenas) {
        execution.bind(arenas);
    }

    boolean isCapturing() {
        return execution.isCapturing();
    }

    void run(String pass) {
        execution.run(pass, execution);
    }

    /** A state of the rule, by its slot. */
    StateTensor state(int slot) {
        return execution.ruleState(GROUP, slot);
    }

    /** A state of a parameter, by the parameter's place and the slot. */
    StateTensor state(int parameter, int slot) {
        return execution.state(parameters.get(parameter), slot);
    }

    @Override
    public void close() {
        execution.close();
    }
}
