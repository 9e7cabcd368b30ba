package org.panoptim.kfac;

import org.panoptim.backend.Backend;
import org.panoptim.kfac.engine.Contribution;
import org.panoptim.kfac.engine.FactorEngine;
import org.panoptim.kfac.engine.FactorEngines;
import org.panoptim.kfac.engine.FactorState;
import org.panoptim.kfac.engine.FisherEngine;
import org.panoptim.kfac.engine.FisherPlan;
import org.panoptim.kfac.engine.Inversion;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.kfac.engine.Preconditioning;
import org.panoptim.matrix.Inverted;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.BeforeStep;
import org.panoptim.spi.Counters;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.GradientTransform;
import org.panoptim.spi.Outcome;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepFacts;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.StepSums;
import org.panoptim.step.CapturedStep;
import org.panoptim.tensor.StateTensor;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * A device that computes as the reference backend does: it decides on steps by itself,
 * contributions wait in its queue, and the host learns of either only by asking.
 */
final class TestDevice implements Backend {

    private final Backend reference = Backend.named("reference");

    /** By their addresses on the device. */
    private final List<DeviceExecution> executions;

    /** Which call of an engine's method fails, from the next on, and all after it. */
    private final Map<String, Integer> failing = new HashMap<>();

    /** How often the host has asked for what was decided, which waits for the device. */
    int questions;

    /** The engines that are open. */
    int open;

    TestDevice() {
        executions = new ArrayList<>();
    }

    /** Another backend on the same device. */
    TestDevice(TestDevice other) {
        executions = other.executions;
    }

    /** Lets an engine's method fail from the so-and-so-many-th call on. */
    void fail(String method, int call) {
        failing.put(method, call);
    }

    /** Lets methods fail from the next call on. */
    void fail(String... methods) {
        for (var method : methods) {
            fail(method, 1);
        }
    }

    /** Lets nothing fail any more. */
    void recover() {
        failing.clear();
    }

    private void call(String method) {
        failing.computeIfPresent(
                method,
                (_, left) -> {
                    if (left == 1) {
                        throw new IllegalStateException(method + " fails");
                    }
                    return left - 1;
                });
    }

    @Override
    public String name() {
        return "test-device";
    }

    @Override
    public String description() {
        return "the reference backend as a device";
    }

    @Override
    public Execution open(StepPlan plan) {
        return new DeviceExecution(plan);
    }

    @Override
    public <T> Optional<T> extension(Class<T> type) {
        return type == FactorEngines.class
                ? Optional.of(type.cast(new Engines(FactorEngines.of(reference))))
                : Optional.empty();
    }

    private final class Engines implements FactorEngines {

        private final FactorEngines host;

        Engines(FactorEngines host) {
            this.host = host;
        }

        @Override
        public KroneckerEngine open(KroneckerPlan plan) {
            return new Kronecker(host.open(plan));
        }

        @Override
        public FisherEngine open(FisherPlan plan) {
            return new Fisher(host.open(plan));
        }

        @Override
        public List<String> explain() {
            return host.explain();
        }
    }

    @Override
    public void close() {
        reference.close();
    }

    /** Steps that are decided on where the host does not see it. */
    private final class DeviceExecution implements Execution {
        private final DeviceStep step = new DeviceStep(executions.size());
        private final Execution steps;

        /** The step that is being taken. */
        private Optional<StepContext> taking = Optional.empty();

        DeviceExecution(StepPlan plan) {
            steps = reference.open(queued(plan));
            executions.add(this);
        }

        private StepPlan queued(StepPlan plan) {
            return plan.withTransform(plan.curvature().map(this::queued));
        }

        private GradientTransform queued(CurvatureTransform curvature) {
            return context -> {
                taking = Optional.of(context);
                try {
                    if (curvature.queuesOn(this)) {
                        curvature.enqueue(step);
                    } else {
                        curvature.transform(context);
                    }
                } finally {
                    taking = Optional.empty();
                }
            };
        }

        TestDevice backend() {
            return TestDevice.this;
        }

        FactorEngine.Decided decided() {
            return taking.map(
                            context -> new FactorEngine.Decided(context.step(), context.accepted()))
                    .orElseGet(
                            () ->
                                    new FactorEngine.Decided(
                                            steps.outcome().counters().step(),
                                            steps.outcome().accepted()));
        }

        double lossScale() {
            return steps.outcome().counters().lossScale();
        }

        @Override
        public Optional<DeviceStep> deviceStep() {
            return Optional.of(step);
        }

        @Override
        public void configure(StepPlan plan) {
            steps.configure(queued(plan));
        }

        @Override
        public void bind(ArenaSet arenas) {
            steps.bind(arenas);
        }

        @Override
        public void step(BeforeStep before) {
            steps.step(before);
        }

        @Override
        public void run(String pass, Execution owner) {
            steps.run(pass, ((DeviceExecution) owner).steps);
        }

        @Override
        public void zeroGradients() {
            steps.zeroGradients();
        }

        @Override
        public StepSums sums() {
            return steps.sums();
        }

        @Override
        public Outcome outcome() {
            questions++;
            return steps.outcome();
        }

        @Override
        public long count(Parameter parameter) {
            return steps.count(parameter);
        }

        @Override
        public StateTensor state(Parameter parameter, int slot) {
            return steps.state(parameter, slot);
        }

        @Override
        public StateTensor ruleState(String group, int slot) {
            return steps.ruleState(group, slot);
        }

        @Override
        public Memory memory(Parameter parameter, int slot) {
            return steps.memory(parameter, slot);
        }

        @Override
        public Memory ruleMemory(String group, int slot) {
            return steps.ruleMemory(group, slot);
        }

        @Override
        public void restore(Counters counters, Map<Parameter, Long> counts) {
            steps.restore(counters, counts);
        }

        @Override
        public CapturedStep capture() {
            return steps.capture();
        }

        @Override
        public void close() {
            steps.close();
        }
    }

    /** A contribution in the queue. */
    private record Queued(int layer, Contribution contribution) {}

    /** What both kinds of curvature have in common. */
    private abstract class Engine<E extends FactorEngine> implements FactorEngine {
        final E host;
        private final List<Queued> queue = new ArrayList<>();
        private Optional<DeviceExecution> attached = Optional.empty();

        /** The steps of the layers' last updates, now and at the last begin. */
        private long[] updatedAt;

        private long[] updatedAtBegin;

        Engine(E host) {
            this.host = host;
            updatedAt = new long[host.updates().length];
            updatedAtBegin = updatedAt;
            open++;
        }

        private DeviceExecution attached() {
            return attached.orElseThrow(
                    () -> new IllegalStateException("no device decides on the steps"));
        }

        @Override
        public boolean queuesOn(Execution execution) {
            return execution instanceof DeviceExecution steps && steps.backend() == TestDevice.this;
        }

        @Override
        public void attach(DeviceStep step) {
            attached = Optional.of(executions.get((int) step.control()));
        }

        @Override
        public void accumulate(int layer, Contribution contribution) {
            queue.add(new Queued(layer, contribution));
        }

        @Override
        public void commit(StepFacts step) {
            for (var each : queue) {
                var contribution = each.contribution;
                var scale =
                        contribution.lossScale().isPresent()
                                ? contribution.lossScale()
                                : OptionalDouble.of(attached().lossScale());
                host.accumulate(
                        each.layer,
                        new Contribution(
                                contribution.inputs(),
                                contribution.outputGradients(),
                                contribution.mask(),
                                contribution.rows(),
                                contribution.averagedOver(),
                                scale));
            }
            queue.clear();
            var context = context(step);
            var before = host.updates();
            host.commit(context);
            updatedAtBegin = updatedAt.clone();
            for (int layer = 0; layer < before.length; layer++) {
                if (host.updates()[layer] > before[layer]) {
                    updatedAt[layer] = context.step();
                }
            }
            call("commit");
        }

        StepContext context(StepFacts step) {
            return switch (step) {
                case StepContext context -> context;
                case DeviceStep device ->
                        executions.get((int) device.control()).taking.orElseThrow();
            };
        }

        @Override
        public void discard() {
            queue.clear();
            host.discard();
        }

        @Override
        public void begin() {
            host.begin();
            updatedAtBegin = updatedAt.clone();
        }

        @Override
        public void undo() {
            call("undo");
            host.undo();
            updatedAt = updatedAtBegin.clone();
        }

        @Override
        public long[] updates() {
            questions++;
            return host.updates();
        }

        @Override
        public long[] updatedAt() {
            questions++;
            attached();
            return updatedAt.clone();
        }

        @Override
        public Decided decided() {
            questions++;
            return attached().decided();
        }

        @Override
        public void restore(int layer, long updates, long refused) {
            host.restore(layer, updates, refused);
        }

        @Override
        public void close() {
            open--;
            host.close();
        }
    }

    private final class Kronecker extends Engine<KroneckerEngine> implements KroneckerEngine {

        Kronecker(KroneckerEngine host) {
            super(host);
        }

        @Override
        public List<FactorState> factors() {
            return host.factors();
        }

        @Override
        public List<Inverted> invert(List<Inversion> inversions) {
            call("invert");
            return host.invert(inversions);
        }

        @Override
        public void adopt(List<Integer> factors) {
            host.adopt(factors);
        }

        @Override
        public void adoptIdentity(List<Integer> factors) {
            call("adoptIdentity");
            host.adoptIdentity(factors);
        }

        @Override
        public void adoptZeros(List<Integer> factors) {
            host.adoptZeros(factors);
        }

        @Override
        public void check(List<Preconditioning> layers) {
            host.check(layers);
        }

        @Override
        public void precondition(StepFacts step, List<Preconditioning> layers, double klClip) {
            call("precondition");
            host.precondition(context(step), layers, klClip);
        }

        @Override
        public OptionalDouble klCoefficient() {
            return host.klCoefficient();
        }

        @Override
        public StateTensor average(int factor) {
            return host.average(factor);
        }

        @Override
        public StateTensor inverse(int factor) {
            return host.inverse(factor);
        }

        @Override
        public void restoreTrace(int factor, double trace) {
            host.restoreTrace(factor, trace);
        }
    }

    private final class Fisher extends Engine<FisherEngine> implements FisherEngine {

        Fisher(FisherEngine host) {
            super(host);
        }

        @Override
        public Memory weight(int layer) {
            return host.weight(layer);
        }

        @Override
        public Memory bias(int layer) {
            return host.bias(layer);
        }

        @Override
        public List<FactorState> factors() {
            return host.factors();
        }

        @Override
        public StateTensor average(int factor) {
            return host.average(factor);
        }
    }
}
