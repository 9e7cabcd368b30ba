package org.panoptim.backend;

import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.BeforeStep;
import org.panoptim.spi.Counters;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.Outcome;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.StepSums;
import org.panoptim.step.CapturedStep;
import org.panoptim.tensor.StateTensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Backend reference that can capture steps, as a device can; it says what it was asked, and does
 * what it is told to before it does so.
 */
public final class TestDevice implements Backend {

    private final Backend reference = Backend.named("reference");

    public final List<String> calls = new ArrayList<>();

    /** The plans that it was opened with. */
    public final List<StepPlan> plans = new ArrayList<>();

    public Runnable beforeConfigure = () -> {};
    public Runnable beforeOutcome = () -> {};
    public Runnable beforeStep = () -> {};

    /** The arenas that it was told of last. */
    public ArenaSet arenas = new ArenaSet();

    /** Whether a framework captures its steps now. */
    public boolean capturing;

    /** Where it keeps what it knows of its steps, if it is asked for that. */
    public Optional<DeviceStep> deviceStep = Optional.empty();

    public boolean usesHostMemory = true;

    @Override
    public String name() {
        return "test device";
    }

    @Override
    public String description() {
        return "plain Java in the place of a device";
    }

    @Override
    public boolean usesHostMemory() {
        return usesHostMemory;
    }

    @Override
    public Execution open(StepPlan plan) {
        plans.add(plan);
        return new DeviceExecution(reference.open(plan));
    }

    @Override
    public void close() {
        calls.add("close");
        reference.close();
    }

    private final class DeviceExecution implements Execution {

        private final Execution execution;

        private DeviceExecution(Execution execution) {
            this.execution = execution;
        }

        @Override
        public void run(String pass, Execution owner) {
            calls.add("run " + pass);
            execution.run(pass, ((DeviceExecution) owner).execution);
        }

        @Override
        public void configure(StepPlan plan) {
            calls.add("configure");
            beforeConfigure.run();
            execution.configure(plan);
        }

        @Override
        public void bind(ArenaSet arenas) {
            calls.add("bind");
            TestDevice.this.arenas = arenas;
            execution.bind(arenas);
        }

        @Override
        public void step(BeforeStep before) {
            calls.add("step");
            beforeStep.run();
            execution.step(before);
        }

        @Override
        public void zeroGradients() {
            calls.add("zero gradients");
            execution.zeroGradients();
        }

        @Override
        public Outcome outcome() {
            calls.add("outcome");
            beforeOutcome.run();
            return execution.outcome();
        }

        @Override
        public StepSums sums() {
            return execution.sums();
        }

        @Override
        public Outcome observed() {
            calls.add("observed");
            beforeOutcome.run();
            return execution.observed();
        }

        @Override
        public boolean isCapturing() {
            return capturing;
        }

        @Override
        public Optional<DeviceStep> deviceStep() {
            return deviceStep;
        }

        @Override
        public long count(Parameter parameter) {
            return execution.count(parameter);
        }

        @Override
        public StateTensor state(Parameter parameter, int slot) {
            return execution.state(parameter, slot);
        }

        @Override
        public StateTensor ruleState(String group, int slot) {
            return execution.ruleState(group, slot);
        }

        @Override
        public Memory memory(Parameter parameter, int slot) {
            return execution.memory(parameter, slot);
        }

        @Override
        public Memory ruleMemory(String group, int slot) {
            return execution.ruleMemory(group, slot);
        }

        @Override
        public void restore(Counters counters, Map<Parameter, Long> counts) {
            execution.restore(counters, counts);
        }

        @Override
        public CapturedStep capture() {
            calls.add("capture");
            return new CapturedStep() {
                @Override
                public void launch() {
                    calls.add("launch");
                    execution.step(BeforeStep.nothing());
                }

                @Override
                public void close() {}
            };
        }

        @Override
        public void close() {
            calls.add("close execution");
            execution.close();
        }
    }
}
