package org.panoptim.tests.equivalence;

import org.panoptim.backend.Backend;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.BeforeStep;
import org.panoptim.spi.Counters;
import org.panoptim.spi.Execution;
import org.panoptim.spi.Lent;
import org.panoptim.spi.Outcome;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.StepSums;
import org.panoptim.step.CapturedStep;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.StateTensor;
import org.panoptim.testkit.BackendMemory;
import org.panoptim.testkit.BackendTensor;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A device's backend for tests that keep everything in host memory: each parameter has a copy on
 * the device, filled before every call and read back after it. Copies lie as far from a multiple of
 * 64 bytes as what they stand for, and get other memory whenever that does.
 */
final class OnDevice implements Backend {

    private static final long LINE = 64;

    private final Backend device;
    private final Runnable beforeCalls;
    private final BackendMemory memory;

    /**
     * Wraps a backend, which is closed with this.
     *
     * @param beforeCalls is run before every call that launches kernels
     */
    OnDevice(Backend device, Runnable beforeCalls) {
        this.device = device;
        this.beforeCalls = beforeCalls;
        memory = new BackendMemory(device);
    }

    @Override
    public String name() {
        return device.name();
    }

    @Override
    public String description() {
        return device.description();
    }

    @Override
    public Execution open(StepPlan plan) {
        beforeCalls.run();
        return new CopyingExecution(plan);
    }

    @Override
    public void close() {
        memory.close();
        device.close();
    }

    /** Device memory that stands for a segment of the host. */
    private final class DeviceCopy implements AutoCloseable {
        private final MemorySegment host;
        private final BackendTensor tensor;

        DeviceCopy(DType type, Memory memory) {
            host = ((HostMemory) memory).segment();
            int distance = (int) (host.address() % LINE);
            tensor =
                    OnDevice.this.memory.allocate(
                            type, host.byteSize() / type.byteSize(), distance / type.byteSize());
        }

        Memory memory() {
            return tensor.memory();
        }

        boolean standsFor(Memory memory) {
            return memory.equals(new HostMemory(host));
        }

        void send() {
            tensor.write(host);
        }

        void fetch() {
            if (!host.isReadOnly()) {
                tensor.read(0, host);
            }
        }

        @Override
        public void close() {
            tensor.close();
        }
    }

    private final class Mirror implements AutoCloseable {
        private final Parameter host;
        private final Parameter device;
        private final DeviceCopy value;
        private final List<DeviceCopy> outputs = new ArrayList<>();
        private Optional<DeviceCopy> gradient = Optional.empty();
        private Optional<DeviceCopy> curvature = Optional.empty();

        Mirror(Parameter host) {
            this.host = host;
            value = new DeviceCopy(host.dtype(), host.value());
            value.send();
            var mirrored = Parameter.of(host.name(), host.shape(), host.dtype(), value.memory());
            if (host.copy().isPresent()) {
                mirrored = mirrored.copiedTo(mirror(host.copy().get()));
            }
            if (host.average().isPresent()) {
                mirrored = mirrored.averagedIn(mirror(host.average().get()));
            }
            device = mirrored;
        }

        private Output mirror(Output output) {
            var copy = new DeviceCopy(output.type(), output.memory());
            outputs.add(copy);
            return new Output(output.type(), copy.memory());
        }

        void send() {
            value.send();
            outputs.forEach(DeviceCopy::send);
            gradient = follow(gradient, host.gradient());
            gradient.ifPresentOrElse(copy -> device.gradient(copy.memory()), device::clearGradient);
            curvature = follow(curvature, host.curvature());
            curvature.ifPresentOrElse(
                    copy -> device.curvature(copy.memory()), device::clearCurvature);
        }

        private Optional<DeviceCopy> follow(Optional<DeviceCopy> last, Optional<Memory> memory) {
            var same = last.filter(copy -> memory.isPresent() && copy.standsFor(memory.get()));
            if (same.isEmpty()) {
                last.ifPresent(DeviceCopy::close);
            }
            var result = same.or(() -> memory.map(each -> new DeviceCopy(host.dtype(), each)));
            result.ifPresent(DeviceCopy::send);
            return result;
        }

        void fetch() {
            value.fetch();
            outputs.forEach(DeviceCopy::fetch);
            gradient.ifPresent(DeviceCopy::fetch);
        }

        @Override
        public void close() {
            value.close();
            outputs.forEach(DeviceCopy::close);
            gradient.ifPresent(DeviceCopy::close);
            curvature.ifPresent(DeviceCopy::close);
        }
    }

    private final class CopyingExecution implements Execution {

        private final Map<Parameter, Mirror> mirrors = new IdentityHashMap<>();
        private final List<Mirror> order = new ArrayList<>();
        private final Execution execution;
        private StepPlan plan;

        CopyingExecution(StepPlan plan) {
            this.plan = plan;
            try {
                execution = device.open(translated(plan));
            } catch (RuntimeException | Error e) {
                order.forEach(Mirror::close);
                throw e;
            }
        }

        private StepPlan translated(StepPlan hostPlan) {
            var groups = hostPlan.groups().stream().map(this::translated).toList();
            return new StepPlan(
                    groups,
                    hostPlan.schedule(),
                    hostPlan.lossScale(),
                    hostPlan.policy(),
                    hostPlan.clipping(),
                    hostPlan.zeroGradients(),
                    hostPlan.statisticsEvery(),
                    hostPlan.transform().map(transform -> step -> transform(step)),
                    hostPlan.averaging(),
                    translated(hostPlan.lent()),
                    hostPlan.flushesStates(),
                    hostPlan.shares());
        }

        /** What companions lend lies on the device already. */
        private Lent translated(Lent lent) {
            return new Lent(
                    lent.updates().map(updates -> device -> updates.apply(hostOf(device))),
                    lent.rates());
        }

        private Parameter hostOf(Parameter device) {
            return mirrors.entrySet().stream()
                    .filter(entry -> entry.getValue().device == device)
                    .findFirst()
                    .orElseThrow()
                    .getKey();
        }

        private ParameterGroup translated(ParameterGroup group) {
            var copies = group.parameters().stream().map(each -> mirror(each).device).toList();
            return new ParameterGroup(group.name(), group.rule(), copies)
                    .withFrozen(group.frozen());
        }

        private Mirror mirror(Parameter parameter) {
            return mirrors.computeIfAbsent(
                    parameter,
                    key -> {
                        var mirror = new Mirror(key);
                        order.add(mirror);
                        return mirror;
                    });
        }

        private void transform(StepContext step) {
            order.forEach(mirror -> mirror.gradient.ifPresent(DeviceCopy::fetch));
            plan.transform().orElseThrow().transform(step);
            order.forEach(mirror -> mirror.gradient.ifPresent(DeviceCopy::send));
        }

        @Override
        public void configure(StepPlan newPlan) {
            execution.configure(translated(newPlan));
            plan = newPlan;
        }

        @Override
        public void bind(ArenaSet arenas) {}

        /** Sends what the host holds, to the same addresses as before or to others. */
        private void send() {
            order.forEach(Mirror::send);
            execution.bind(new ArenaSet());
        }

        @Override
        public void step(BeforeStep before) {
            beforeCalls.run();
            send();
            try {
                execution.step(trial -> runBefore(before, trial));
                // Under policy FAIL the device reports a non-finite gradient at the next query.
                execution.outcome();
            } finally {
                order.forEach(Mirror::fetch);
            }
        }

        /**
         * Companions have memory of their own on the device, and leave what they did at the host.
         */
        private void runBefore(BeforeStep before, Runnable trial) {
            before.run(
                    () -> {
                        order.forEach(Mirror::send);
                        trial.run();
                    });
            order.forEach(Mirror::send);
        }

        @Override
        public void run(String pass, Execution owner) {
            beforeCalls.run();
            send();
            execution.run(pass, ((CopyingExecution) owner).execution);
            order.forEach(Mirror::fetch);
        }

        @Override
        public void zeroGradients() {
            beforeCalls.run();
            send();
            execution.zeroGradients();
            order.forEach(Mirror::fetch);
        }

        @Override
        public CapturedStep capture() {
            return execution.capture();
        }

        @Override
        public StepSums sums() {
            return execution.sums();
        }

        @Override
        public Outcome outcome() {
            return execution.outcome();
        }

        @Override
        public long count(Parameter parameter) {
            return execution.count(mirror(parameter).device);
        }

        @Override
        public StateTensor state(Parameter parameter, int slot) {
            return execution.state(mirror(parameter).device, slot);
        }

        @Override
        public StateTensor ruleState(String group, int slot) {
            return execution.ruleState(group, slot);
        }

        @Override
        public Memory memory(Parameter parameter, int slot) {
            return execution.memory(mirror(parameter).device, slot);
        }

        @Override
        public Memory ruleMemory(String group, int slot) {
            return execution.ruleMemory(group, slot);
        }

        @Override
        public void restore(Counters counters, Map<Parameter, Long> counts) {
            var translated = new HashMap<Parameter, Long>();
            counts.forEach((parameter, count) -> translated.put(mirror(parameter).device, count));
            execution.restore(counters, translated);
        }

        @Override
        public void close() {
            execution.close();
            order.forEach(Mirror::close);
        }
    }
}
