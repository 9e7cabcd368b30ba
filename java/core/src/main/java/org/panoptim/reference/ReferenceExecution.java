package org.panoptim.reference;

import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Arithmetic;
import org.panoptim.rule.MatrixRule;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Counters;
import org.panoptim.spi.Execution;
import org.panoptim.spi.GradientTransform;
import org.panoptim.spi.HostStates;
import org.panoptim.spi.Outcome;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.CapturedStep;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** The step in plain Java: measure, prepare, transform, update. */
final class ReferenceExecution implements Execution {

    /** Keeps the clip coefficient finite for a zero norm, as PyTorch's clip_grad_norm_ does. */
    private static final double CLIP_EPSILON = 1e-6;

    private final HostStates states = new HostStates();
    private final Runnable onClose;
    private final Map<Parameter, Tensor> tensors = new IdentityHashMap<>();
    private List<GroupedTensor> planned = List.of();
    private StepPlan plan;
    private Counters counters;
    private Outcome outcome;

    ReferenceExecution(StepPlan plan, Runnable onClose) {
        this.onClose = onClose;
        this.plan = plan;
        this.counters = new Counters(0, 0, 0, plan.lossScale().initial());
        this.outcome = Outcome.initial(counters);
        try {
            configure(plan);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, states::close);
            throw e;
        }
    }

    @Override
    public void configure(StepPlan newPlan) {
        newPlan.parameters()
                .forEach(
                        parameter ->
                                requireHost(parameter, "value", Optional.of(parameter.value())));
        // All that can fail comes first, and takes back what it did.
        states.addMissing(newPlan.groups());
        var newTensors = new ArrayList<GroupedTensor>();
        for (var group : newPlan.groups()) {
            for (var parameter : group.parameters()) {
                var tensor =
                        tensors.computeIfAbsent(
                                parameter, key -> new Tensor(key, states.segments(key)));
                newTensors.add(new GroupedTensor(tensor, group));
            }
        }
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
    public void step() {
        long attempt = counters.step() + 1;
        double rateFactor = plan.rateFactor(attempt);
        double momentum = plan.momentum(attempt);
        double gradientScale = 1.0 / counters.lossScale();

        double squares = measure();
        boolean finite = !plan.measures() || Double.isFinite(squares) && curvatureIsFinite();
        boolean accepted = finite || plan.policy() == NonFinitePolicy.PROPAGATE;
        var before = counters;
        var countsBefore = planned.stream().mapToLong(grouped -> grouped.tensor().count).toArray();
        decide(accepted, finite);

        if (plan.transform().isPresent()) {
            transform(
                    plan.transform().get(),
                    new StepContext(accepted, counters.step(), gradientScale, rateFactor),
                    before,
                    countsBefore);
        }
        try {
            double left = plan.transform().isPresent() ? measure() : squares;
            complete(accepted, left, gradientScale, rateFactor, momentum);
        } catch (RuntimeException | Error e) {
            throw new PartialChangeException("a step failed half way", e);
        }
        if (!accepted && plan.policy() == NonFinitePolicy.FAIL) {
            throw new NonFiniteGradientException(counters.step());
        }
    }

    /** Lets the gradients be rewritten; if that fails, the step has not been decided either. */
    private void transform(
            GradientTransform transform, StepContext context, Counters before, long[] counts) {
        try {
            transform.transform(context);
        } catch (PartialChangeException e) {
            throw e;
        } catch (RuntimeException | Error e) {
            undecide(before, counts);
            throw e;
        }
    }

    /** What follows once the gradients are those that the rules use. */
    private void complete(
            boolean accepted,
            double squares,
            double gradientScale,
            double rateFactor,
            double momentum) {
        double norm = Math.sqrt(squares) * gradientScale;
        double clip =
                plan.clips() ? Arithmetic.min(plan.clipNorm() / (norm + CLIP_EPSILON), 1.0) : 1;

        double updateSquares = 0;
        if (accepted) {
            updateSquares =
                    update(
                            new StepScalars(
                                    counters.step(), gradientScale, clip, rateFactor, momentum));
        }
        if (plan.zeroGradients()) {
            zeroGradients();
        }
        outcome =
                new Outcome(
                        counters,
                        accepted,
                        known(plan.measures(), norm),
                        clip,
                        known(plan.statistics(), Math.sqrt(updateSquares)),
                        rateFactor);
    }

    private static OptionalDouble known(boolean asked, double value) {
        return asked ? OptionalDouble.of(value) : OptionalDouble.empty();
    }

    /**
     * The sum of squares of the raw gradients, infinite if one of them is not finite or would not
     * be once unscaled; NaN if nothing asks for it.
     */
    private double measure() {
        float scale = unscaleFactor();
        return plan.measures()
                ? PhasedUpdate.sumOverLive(
                        planned, tensor -> sumOfSquares(tensor.gradient(), scale))
                : Double.NaN;
    }

    private boolean curvatureIsFinite() {
        float scale = unscaleFactor();
        return Double.isFinite(
                PhasedUpdate.sumOverLive(
                        planned,
                        tensor ->
                                tensor.hasCurvature()
                                        ? sumOfSquares(tensor.curvature(), scale)
                                        : 0));
    }

    /** What elements are multiplied by to unscale them. */
    private float unscaleFactor() {
        return (float) (1.0 / counters.lossScale());
    }

    private static double sumOfSquares(MemorySegment values, float scale) {
        long elements = values.byteSize() / Tensor.FLOAT.byteSize();
        var tree = new ReductionTree(elements);
        boolean overflows = false;
        for (long i = 0; i < elements; i++) {
            float value = values.getAtIndex(Tensor.FLOAT, i);
            overflows |= Float.isFinite(value) && !Float.isFinite(value * scale);
            tree.add(i, value, value);
        }
        double sum = tree.sum();
        return overflows && Double.isFinite(sum) ? Double.POSITIVE_INFINITY : sum;
    }

    /** Advances the counts of an accepted step and the loss scale. */
    private void decide(boolean accepted, boolean finite) {
        long step = counters.step();
        long skipped = counters.skipped();
        if (accepted) {
            step++;
            planned.stream()
                    .filter(GroupedTensor::live)
                    .forEach(grouped -> grouped.tensor().count++);
        } else {
            skipped++;
        }
        long tracker = counters.growthTracker();
        double scale = counters.lossScale();
        if (plan.lossScale() instanceof LossScale.Dynamic dynamic) {
            if (!finite) {
                double lowered = scale * dynamic.backoffFactor();
                scale = lowered >= LossScale.SMALLEST ? lowered : scale;
                tracker = 0;
            } else if (++tracker == dynamic.growthInterval()) {
                double grown = scale * dynamic.growthFactor();
                scale = grown <= LossScale.LARGEST ? grown : scale;
                tracker = 0;
            }
        }
        counters = new Counters(step, skipped, tracker, scale);
    }

    private void undecide(Counters before, long[] countsBefore) {
        counters = before;
        for (int i = 0; i < countsBefore.length; i++) {
            planned.get(i).tensor().count = countsBefore[i];
        }
    }

    /** Updates every live tensor; returns the squared norm of the change if it is asked for. */
    private double update(StepScalars scalars) {
        var update = new PhasedUpdate(plan.groups(), planned, states, scalars, plan.statistics());
        var squares = update.run();
        for (int i = 0; i < squares.length; i++) {
            var grouped = planned.get(i);
            if (grouped.live() && grouped.rule() instanceof MatrixRule rule) {
                squares[i] = PlainMatrixUpdate.run(grouped, rule, scalars);
            }
        }
        return ReductionTree.join(squares);
    }

    @Override
    public void zeroGradients() {
        for (var grouped : planned) {
            if (grouped.tensor().present()) {
                grouped.tensor().gradient().fill((byte) 0);
            }
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
    public void restore(Counters newCounters, Map<Parameter, Long> counts) {
        counts.forEach((parameter, count) -> tensor(parameter).count = count);
        counters = newCounters;
        outcome = Outcome.initial(counters);
    }

    @Override
    public void close() {
        Cleanup.all(states::close, onClose);
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
