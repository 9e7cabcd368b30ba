package org.panoptim.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.panoptim.CapturedStep;
import org.panoptim.HostMemory;
import org.panoptim.Memory;
import org.panoptim.NonFiniteGradientException;
import org.panoptim.NonFinitePolicy;
import org.panoptim.Parameter;
import org.panoptim.StateTensor;
import org.panoptim.abi.PlanRows;
import org.panoptim.abi.bindings.panoptim_control;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Counters;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.GradientTransform;
import org.panoptim.spi.Outcome;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepPlan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The step on a device: some launches behind each other on the backend's stream. Only what asks for
 * a result waits.
 */
final class CudaExecution implements Execution {

    /** Bytes that the ring or the tables send at a time, at least. */
    private static final long SMALLEST_UPLOAD = ScheduleRing.bytes();

    private final CudaBackend backend;
    private final CudaDriver driver;
    private final long stream;
    private final Runnable onClose;
    private final DeviceStates states;
    private final DeviceControl control;
    private final ScheduleRing ring = new ScheduleRing();
    private final long ringMemory;
    private final Map<Parameter, Integer> places = new IdentityHashMap<>();
    private final List<CudaCapturedStep> captures = new ArrayList<>();

    private StepPlan plan;
    private Parameter[] parameters = {};
    private DeviceTables tables;
    private MemorySegment gradients;
    private MemorySegment curvatures;
    private Uploads uploads;
    private StepLaunches launches;
    private StepBackup backup;

    // The device has been asked for so many attempts since the counters were set to these.
    private long attempts;
    private long startStep;
    private long startSkipped;

    /** Whether the device has the addresses that were noted. */
    private boolean addressesSent;

    /** Whether a framework's graph may have sent those that it was captured with. */
    private boolean inForeignGraph;

    // What of the device's refusals has been told.
    private long toldNonFinite;
    private long toldOutOfEntries;

    CudaExecution(CudaBackend backend, StepPlan plan, Runnable onClose) {
        DeviceStates.requireDevice(backend.name(), plan.groups());
        requireKernels(backend, plan);
        this.backend = backend;
        driver = backend.device().driver();
        stream = backend.stream();
        this.onClose = onClose;
        var cleanup = new Cleanup();
        cleanup.add(ring::close);
        try {
            states = cleanup.keep(new DeviceStates(backend));
            states.addMissing(plan.groups());
            control = cleanup.keep(new DeviceControl(backend, plan));
            ringMemory = DeviceSlab.allocate(backend, ScheduleRing.bytes());
            cleanup.add(() -> driver.free(ringMemory, stream));
            var built = cleanup.keep(new DeviceTables(backend, plan.groups(), states));
            var room = cleanup.keep(uploads(built));
            var made = cleanup.keep(new StepLaunches(backend, plan, built, control, ringMemory));
            var copy = cleanup.keep(new StepBackup(backend, plan, control, built));
            adopt(plan, built, room, made, copy);
            beginSchedule(0);
        } catch (RuntimeException | Error e) {
            cleanup.runAfter(e);
            throw e;
        }
    }

    private static void requireKernels(CudaBackend backend, StepPlan plan) {
        var registry = backend.kernels().registry();
        for (var group : plan.groups()) {
            registry.kernel(group.rule());
            group.parameters().forEach(each -> registry.kernel(group.rule(), each.shape()));
        }
    }

    /** Sends the schedule's wishes from a step on, so that a framework's graph finds them. */
    private void beginSchedule(long step) {
        ring.restart(step);
        coverAhead();
    }

    /** Sends the schedule's wishes ahead. What it has no answer to is asked again at its step. */
    private void coverAhead() {
        long done = control.stepsDone();
        try {
            ring.cover(plan, done, nextAtMost(done));
        } catch (IllegalStateException e) {
            return;
        }
        ring.send(uploads, ringMemory, stream);
    }

    private Uploads uploads(DeviceTables built) {
        return new Uploads(
                backend.device(),
                Math.max(SMALLEST_UPLOAD, built.uploadBytes()),
                built.addressBytes());
    }

    @Override
    public void configure(StepPlan newPlan) {
        DeviceStates.requireDevice(backend.name(), newPlan.groups());
        backend.call(
                () -> {
                    backend.requireNoCapture("groups cannot be changed");
                    requireKernels(backend, newPlan);
                    uploads.prepareCaptures();
                    if (PlanRows.sameParameters(newPlan.groups(), plan.groups())) {
                        rewrite(newPlan);
                    } else {
                        rebuild(newPlan);
                    }
                    return this;
                });
    }

    /** Sends the groups with other hyper-parameters; if that fails, the old ones again. */
    private void rewrite(StepPlan newPlan) {
        try {
            tables.writeGroups(newPlan.groups());
            tables.sendGroups(uploads);
            plan = newPlan;
        } catch (RuntimeException | Error e) {
            try {
                tables.writeGroups(plan.groups());
                tables.sendGroups(uploads);
            } catch (RuntimeException | Error again) {
                e.addSuppressed(again);
                throw new PartialChangeException("a change of its groups failed half way", e);
            }
            throw e;
        }
    }

    /** Parameters are only ever added at the end, so the counts of the old ones come first. */
    private void rebuild(StepPlan newPlan) {
        var cleanup = new Cleanup();
        try {
            states.addMissing(newPlan.groups());
            var built = cleanup.keep(new DeviceTables(backend, newPlan.groups(), states));
            var room = cleanup.keep(uploads(built));
            var made = cleanup.keep(new StepLaunches(backend, newPlan, built, control, ringMemory));
            var copy = cleanup.keep(new StepBackup(backend, newPlan, control, built));
            if (tables.countBytes() > 0) {
                driver.copyOnDevice(built.counts(), tables.counts(), tables.countBytes(), stream);
            }
            driver.synchronizeStream(stream);
            var old =
                    List.<Runnable>of(
                            launches::close, backup::close, uploads::close, tables::close);
            adopt(newPlan, built, room, made, copy);
            try {
                endCaptures();
                Cleanup.all(old.toArray(Runnable[]::new));
            } catch (RuntimeException | Error e) {
                throw new PartialChangeException("a change of its groups failed half way", e);
            }
        } catch (PartialChangeException e) {
            throw e;
        } catch (RuntimeException | Error e) {
            cleanup.runAfter(e);
            throw e;
        }
    }

    /** Takes up what was built for a plan. */
    private void adopt(
            StepPlan newPlan,
            DeviceTables built,
            Uploads room,
            StepLaunches made,
            StepBackup copy) {
        plan = newPlan;
        tables = built;
        gradients = built.gradients();
        curvatures = built.curvatures();
        uploads = room;
        launches = made;
        backup = copy;
        addressesSent = false;
        adoptParameters();
    }

    private void adoptParameters() {
        parameters = tables.parameters().toArray(Parameter[]::new);
        places.clear();
        for (int i = 0; i < parameters.length; i++) {
            places.put(parameters[i], i);
        }
    }

    @Override
    public void step() {
        backend.enter();
        try {
            tellRefusals();
            boolean capturing = driver.isCapturing(stream);
            if (capturing && plan.transform().isPresent()) {
                throw new IllegalStateException("a step with a transform cannot be captured");
            }
            coverSchedule(capturing);
            sendAddresses(capturing);
            if (plan.transform().isPresent()) {
                stepAndTransform(plan.transform().get());
            } else {
                launches.begin(driver, stream);
                update(capturing);
            }
            if (!capturing) {
                attempts++;
            }
        } catch (CudaException e) {
            throw backend.noted(e);
        }
    }

    /** The launches after that which decided, of which a capture has done nothing yet. */
    private void update(boolean capturing) {
        try {
            launches.update(driver, stream);
        } catch (RuntimeException | Error e) {
            if (capturing) {
                throw e;
            }
            throw halfStep(e);
        }
    }

    private PartialChangeException halfStep(Throwable e) {
        return new PartialChangeException(
                "a step failed half way", e instanceof CudaException c ? backend.noted(c) : e);
    }

    /** Tells what the device has refused since, as far as it is known. */
    private void tellRefusals() {
        long outOfEntries = control.outOfEntries();
        if (outOfEntries > toldOutOfEntries) {
            long missed = outOfEntries - toldOutOfEntries;
            toldOutOfEntries = outOfEntries;
            throw new IllegalStateException(
                    "%d steps were refused since a graph that holds the step was launched more than %d times without a call of this optimizer in between; call lossScale() or report() now and then"
                            .formatted(missed, ScheduleRing.ENTRIES / 2));
        }
        long nonFinite = control.nonFinite();
        if (nonFinite > toldNonFinite) {
            toldNonFinite = nonFinite;
            if (plan.policy() == NonFinitePolicy.FAIL) {
                throw new NonFiniteGradientException(control.stepsDone());
            }
        }
    }

    @Override
    public void bind(ArenaSet arenas) {
        for (int i = 0; i < parameters.length; i++) {
            var parameter = parameters[i];
            long gradient = parameter.gradientAddress();
            if (gradient != gradients.getAtIndex(JAVA_LONG, i)) {
                requireDevice(parameter, "gradient", parameter.gradient());
                gradients.setAtIndex(JAVA_LONG, i, gradient);
                addressesSent = false;
            }
            long curvature = parameter.curvatureAddress();
            if (curvature != curvatures.getAtIndex(JAVA_LONG, i)) {
                requireDevice(parameter, "curvature", parameter.curvature());
                curvatures.setAtIndex(JAVA_LONG, i, curvature);
                addressesSent = false;
            }
        }
    }

    /**
     * Sends the addresses that the device has not, or of which a graph may have sent others. A
     * graph sends its own whenever it runs.
     */
    private void sendAddresses(boolean capturing) {
        if (capturing) {
            tables.sendAddresses(uploads, stream, true);
            inForeignGraph = true;
            return;
        }
        uploads.prepareCaptures();
        if (!addressesSent || inForeignGraph) {
            tables.sendAddresses(uploads, stream, false);
            addressesSent = true;
        }
    }

    private void requireDevice(Parameter parameter, String what, Optional<Memory> memory) {
        if (memory.orElse(null) instanceof HostMemory) {
            throw DeviceStates.refused(backend.name(), parameter, what);
        }
    }

    /**
     * Sees to it that the device finds the schedule's wishes for every step that may come next. The
     * host knows a bound for that step, and learns it by waiting only if the bound is too far off.
     */
    private void coverSchedule(boolean capturing) {
        long done = control.stepsDone();
        long next = nextAtMost(done);
        if (next > done + ScheduleRing.ENTRIES && !capturing) {
            catchUp();
            done = control.stepsDone();
            next = done + 1;
        }
        try {
            ring.cover(plan, done, next);
        } catch (IllegalStateException e) {
            if (next == done + 1 || capturing) {
                throw e;
            }
            // Perhaps steps were refused, and it is an earlier one's turn.
            catchUp();
            done = control.stepsDone();
            next = nextAtMost(done);
            ring.cover(plan, done, next);
        }
        if (!capturing) {
            ring.send(uploads, ringMemory, stream);
        }
    }

    /** Waits, and then knows exactly where the device is. */
    private void catchUp() {
        driver.synchronizeStream(stream);
        attempts = 0;
        startStep = control.stepsDone();
        startSkipped = control.stepsSkipped();
    }

    private long nextAtMost(long done) {
        long refused = control.stepsSkipped() - startSkipped;
        return Math.max(startStep + attempts - refused, done) + 1;
    }

    /** Lets the gradients be rewritten: behind the decision on the stream, or by the host. */
    private void stepAndTransform(GradientTransform transform) {
        backup.save();
        launches.beforeTransform(driver, stream);
        try {
            run(transform);
        } catch (PartialChangeException e) {
            throw e;
        } catch (RuntimeException | Error e) {
            takeBack(e);
            throw e;
        }
        try {
            launches.afterTransform(driver, stream);
        } catch (RuntimeException | Error e) {
            throw halfStep(e);
        }
    }

    /** Takes back what was decided, since something failed. */
    private void takeBack(Throwable reason) {
        try {
            backup.restore();
            control.takeBack();
        } catch (RuntimeException | Error e) {
            reason.addSuppressed(e);
            throw halfStep(reason);
        }
    }

    private void run(GradientTransform transform) {
        if (transform instanceof CurvatureTransform curvature && curvature.queuesOn(backend)) {
            curvature.enqueue(new DeviceStep(control.address()));
            return;
        }
        var read = control.read();
        transform.transform(
                new StepContext(
                        panoptim_control.accepted(read) != 0,
                        panoptim_control.step(read),
                        panoptim_control.gradient_scale(read),
                        panoptim_control.rate_factor(read)));
    }

    @Override
    public void zeroGradients() {
        backend.enter();
        try {
            sendAddresses(driver.isCapturing(stream));
            launches.zero(driver, stream);
        } catch (CudaException e) {
            throw backend.noted(e);
        }
    }

    @Override
    public boolean isCapturing() {
        return backend.call(() -> driver.isCapturing(stream));
    }

    @Override
    public CapturedStep capture() {
        if (plan.transform().isPresent()) {
            throw new org.panoptim.UnsupportedPlanException(
                    backend.name(), "a step with a transform cannot be captured");
        }
        return backend.call(
                () -> {
                    backend.requireNoCapture("a step cannot be captured into a graph of its own");
                    uploads.prepareCaptures();
                    coverSchedule(false);
                    // The default stream cannot be captured, and nothing is run meanwhile.
                    long own = driver.createStream();
                    try {
                        var captured = CudaCapturedStep.record(this, own);
                        captures.add(captured);
                        return captured;
                    } finally {
                        driver.destroyStream(own);
                    }
                });
    }

    /** What a captured step consists of. */
    void enqueueCaptured(long capturing) {
        tables.sendAddresses(uploads, capturing, true);
        launches.begin(driver, capturing);
        launches.update(driver, capturing);
    }

    /** Takes a captured step. */
    void launch(CudaCapturedStep captured) {
        backend.enter();
        try {
            tellRefusals();
            backend.requireNoCapture("a captured step cannot be launched");
            uploads.prepareCaptures();
            coverSchedule(false);
            driver.launchGraph(captured.executable(), stream);
            attempts++;
            // The graph leaves its own addresses on the device.
            addressesSent = false;
        } catch (CudaException e) {
            throw backend.noted(e);
        }
    }

    CudaBackend backend() {
        return backend;
    }

    void forget(CudaCapturedStep captured) {
        captures.remove(captured);
    }

    @Override
    public Outcome outcome() {
        return backend.call(
                () -> {
                    var read = control.read();
                    tellRefusals();
                    boolean accepted = panoptim_control.accepted(read) != 0;
                    boolean attempted = panoptim_control.gradient_scale(read) != 0;
                    uploads.prepareCaptures();
                    coverAhead();
                    return new Outcome(
                            new Counters(
                                    panoptim_control.step(read),
                                    panoptim_control.skipped(read),
                                    panoptim_control.growth_tracker(read),
                                    panoptim_control.loss_scale(read)),
                            accepted,
                            known(
                                    attempted && plan.measures(),
                                    panoptim_control.gradient_norm(read)),
                            panoptim_control.clip_coefficient(read),
                            known(
                                    attempted && plan.statistics(),
                                    panoptim_control.update_norm(read)),
                            panoptim_control.rate_factor(read));
                });
    }

    private static OptionalDouble known(boolean asked, double value) {
        return asked ? OptionalDouble.of(value) : OptionalDouble.empty();
    }

    @Override
    public Optional<DeviceStep> deviceStep() {
        return Optional.of(new DeviceStep(control.address()));
    }

    @Override
    public long count(Parameter parameter) {
        try (var arena = Arena.ofConfined()) {
            var count = arena.allocate(JAVA_LONG);
            DeviceState.read(backend, tables.counts() + 8L * place(parameter), count);
            return count.get(JAVA_LONG, 0);
        }
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
    public void restore(Counters counters, Map<Parameter, Long> newCounts) {
        try (var arena = Arena.ofConfined()) {
            var counts = arena.allocate(tables.countBytes(), 8);
            DeviceState.read(backend, tables.counts(), counts);
            newCounts.forEach(
                    (parameter, count) -> counts.setAtIndex(JAVA_LONG, place(parameter), count));
            DeviceState.write(backend, tables.counts(), counts);
        }
        control.restore(counters);
        attempts = 0;
        startStep = counters.step();
        startSkipped = counters.skipped();
        backend.call(
                () -> {
                    beginSchedule(counters.step());
                    return this;
                });
    }

    private int place(Parameter parameter) {
        var place = places.get(parameter);
        if (place == null) {
            throw new IllegalArgumentException(parameter + " does not belong to this optimizer");
        }
        return place;
    }

    private void endCaptures() {
        var ending = captures.stream().<Runnable>map(captured -> captured::end);
        Cleanup.all(ending.toArray(Runnable[]::new));
        captures.clear();
    }

    @Override
    public void close() {
        Cleanup.all(
                () ->
                        backend.free(
                                () ->
                                        Cleanup.all(
                                                () -> driver.synchronizeStream(stream),
                                                this::endCaptures,
                                                uploads::close,
                                                backup::close,
                                                tables::close,
                                                () -> driver.free(ringMemory, stream),
                                                control::close,
                                                states::close)),
                launches::close,
                ring::close,
                onClose);
    }
}
