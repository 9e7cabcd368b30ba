package org.panoptim.reference;

import org.panoptim.matrix.HostMatrices;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.PhaseSpan;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.BeforeStep;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Counters;
import org.panoptim.spi.Execution;
import org.panoptim.spi.HostMatrixWork;
import org.panoptim.spi.HostStates;
import org.panoptim.spi.MatrixGroup;
import org.panoptim.spi.Outcome;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.StepProgram;
import org.panoptim.spi.StepSums;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.CapturedStep;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/** Steps in plain Java. */
final class ReferenceExecution implements Execution {

    private final HostStates states = new HostStates();
    private final HostMatrices matrices;
    private final Runnable onClose;
    private final Map<Parameter, Tensor> tensors = new IdentityHashMap<>();
    private List<GroupedTensor> planned = List.of();
    private HostMatrixWork matrixWork;
    private Optional<BlockExchange> exchange = Optional.empty();
    private StepPlan plan;
    private Counters counters;
    private Outcome outcome;
    private StepSums sums = StepSums.none();

    /** Whether a step is tried now that the gradients as they are refuse. */
    private boolean passesWait;

    ReferenceExecution(StepPlan plan, HostMatrices matrices, Runnable onClose) {
        this.matrices = matrices;
        this.onClose = onClose;
        matrixWork = new HostMatrixWork(List.of(), states, matrices);
        this.plan = plan;
        this.counters = new Counters(0, 0, 0, plan.lossScale().initial());
        this.outcome = Outcome.initial(counters);
        try {
            configure(plan);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, matrixWork::close);
            Cleanup.after(e, states::close);
            throw e;
        }
    }

    @Override
    public void configure(StepPlan newPlan) {
        for (var parameter : newPlan.parameters()) {
            requireHost(parameter, "value", Optional.of(parameter.value()));
            for (var output : parameter.outputs().entrySet()) {
                requireHost(parameter, output.getKey(), Optional.of(output.getValue().memory()));
            }
        }
        // All that can fail comes first, and takes back what it did.
        var found = MatrixGroup.of(newPlan.groups(), newPlan.shares());
        var takeAway = states.addMissing(newPlan.groups(), newPlan.shares());
        if (!matrixWork.fits(found)) {
            HostMatrixWork newWork;
            try {
                newWork = new HostMatrixWork(found, states, matrices);
            } catch (RuntimeException | Error e) {
                Cleanup.after(e, takeAway);
                throw e;
            }
            matrixWork.close();
            matrixWork = newWork;
        }
        matrixWork.adopt(found);
        var newTensors = new ArrayList<GroupedTensor>();
        for (var group : newPlan.groups()) {
            for (var parameter : group.parameters()) {
                var tensor =
                        tensors.computeIfAbsent(
                                parameter,
                                key ->
                                        new Tensor(
                                                key,
                                                newPlan.shares(),
                                                states.segments(key),
                                                newPlan.lent().updates()));
                newTensors.add(new GroupedTensor(tensor, group));
            }
        }
        sums = sums.extendedTo(newTensors.size());
        exchange.ifPresent(BlockExchange::close);
        exchange =
                newPlan.shares()
                        .team()
                        .map(team -> new BlockExchange(team, newPlan.shares(), newTensors));
        planned = newTensors;
        plan = newPlan;
    }

    @Override
    public void bind(ArenaSet arenas) {
        for (var grouped : planned) {
            var parameter = grouped.tensor().parameter;
            requireHost(parameter, "gradient", parameter.gradient());
            requireHost(parameter, "curvature", parameter.curvature());
        }
    }

    @Override
    public void step(BeforeStep before) {
        var step = new ReferenceStep(plan, planned, states, matrixWork, exchange, counters);
        try {
            before.run(() -> passesWait = step.isAboutToBeRefused());
        } finally {
            passesWait = false;
        }
        StepProgram.run(plan, Math.max(1, PhasedUpdate.stepPhases(plan.groups())), step);
        counters = step.counters();
        outcome = step.outcome();
        sums = step.sums();
        if (!step.accepted() && plan.policy() == NonFinitePolicy.FAIL) {
            throw new NonFiniteGradientException(counters.step());
        }
    }

    @Override
    public void run(String pass, Execution owner) {
        var own = (ReferenceExecution) owner;
        boolean completes = has(pass, PhaseSpan::completing);
        if (completes && !own.outcome.accepted()
                || own.passesWait && has(pass, PhaseSpan::preceding)) {
            return;
        }
        var scalars = StepScalars.ofPass(own.counters, completes ? own.outcome.rateFactor() : 1);
        var update =
                new PhasedUpdate(
                        plan.groups(),
                        planned,
                        states,
                        scalars,
                        false,
                        averageWeight(plan, own.counters.step()),
                        false,
                        _ -> 1,
                        this::rate,
                        rule -> PhaseSpan.ofPass(rule, pass),
                        exchange);
        if (completes) {
            update.leaveIdle();
        }
        StepProgram.runPass(update.phases(), new ReferencePass(update));
    }

    private boolean has(String pass, Predicate<PhaseSpan> property) {
        return plan.groups().stream()
                .anyMatch(group -> property.test(PhaseSpan.ofPass(group.rule(), pass)));
    }

    /** How far averages move in a step. */
    static float averageWeight(StepPlan plan, long step) {
        return plan.averaging().map(averaging -> (float) averaging.weight(step)).orElse(0f);
    }

    private double rate(ParameterGroup group) {
        return rate(plan, group);
    }

    /** What a group's learning rate is multiplied by beside the schedule's factor. */
    static double rate(StepPlan plan, ParameterGroup group) {
        return plan.lent()
                .rates()
                .map(rates -> ((HostMemory) rates.apply(group.name())).segment())
                .map(factor -> factor.get(ValueLayout.JAVA_DOUBLE, 0))
                .orElse(1.0);
    }

    @Override
    public void zeroGradients() {
        try {
            ReferenceStep.zeroGradients(planned);
        } catch (RuntimeException | Error e) {
            // Another thread has closed an arena meanwhile: some are zero, others as they were.
            throw new PartialChangeException("zeroing the gradients failed half way", e);
        }
    }

    @Override
    public CapturedStep capture() {
        throw new UnsupportedPlanException(
                ReferenceBackend.NAME, "the CPU has no graphs to capture");
    }

    @Override
    public Outcome outcome() {
        return outcome;
    }

    @Override
    public StepSums sums() {
        return sums;
    }

    @Override
    public long count(Parameter parameter) {
        return tensor(parameter).count;
    }

    @Override
    public StateTensor state(Parameter parameter, int slot) {
        return states.tensor(parameter, slot);
    }

    @Override
    public StateTensor ruleState(String group, int slot) {
        return states.ruleTensor(group, slot);
    }

    @Override
    public Memory memory(Parameter parameter, int slot) {
        return new HostMemory(states.segments(parameter)[slot]);
    }

    @Override
    public Memory ruleMemory(String group, int slot) {
        return new HostMemory(states.ruleSegments(group)[slot]);
    }

    @Override
    public void restore(Counters newCounters, Map<Parameter, Long> counts) {
        counts.forEach((parameter, count) -> tensor(parameter).count = count);
        counters = newCounters;
        outcome = Outcome.initial(counters);
        sums = StepSums.none();
    }

    @Override
    public void close() {
        Cleanup.all(
                matrixWork::close,
                () -> exchange.ifPresent(BlockExchange::close),
                states::close,
                onClose);
    }

    private Tensor tensor(Parameter parameter) {
        var tensor = tensors.get(parameter);
        if (tensor == null) {
            throw new IllegalArgumentException(parameter + " does not belong to this optimizer");
        }
        return tensor;
    }

    private static void requireHost(Parameter parameter, String what, Optional<Memory> memory) {
        if (memory.isPresent() && !(memory.get() instanceof HostMemory)) {
            throw new UnsupportedPlanException(
                    ReferenceBackend.NAME,
                    "the "
                            + what
                            + " of parameter '"
                            + parameter.name()
                            + "' lies in device memory, which Java cannot read");
        }
    }
}
