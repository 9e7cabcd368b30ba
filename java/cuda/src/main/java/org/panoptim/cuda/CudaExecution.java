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
import org.panoptim.spi.Counters;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.GradientTransform;
import org.panoptim.spi.Outcome;
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
        plan.groups().forEach(group -> backend.kernels().registry().kernel(group.rule()));
        this.backend = backend;
        driver = backend.device().driver();
        stream = backend.stream();
        this.onClose = onClose;
        var undo = new Undo();
        try {
            states = undo.add(new DeviceStates(backend));
            states.addMissing(plan.groups());
            control = undo.add(new DeviceControl(backend, plan));
            ringMemory = DeviceSlab.allocate(backend, ScheduleRing.bytes());
            undo.add(() -> driver.free(ringMemory, stream));
            var built = undo.add(new DeviceTables(backend, plan.groups(), states));
            var room = undo.add(uploads(built));
            var made = undo.add(new StepLaunches(backend, plan, built, control, ringMemory));
            this.plan = plan;
            tables = built;
            gradients = built.gradients();
            curvatures = built.curvatures();
            uploads = room;
            launches = made;
            adoptParameters();
            beginSchedule(0);
        } catch (RuntimeException | Error e) {
            undo.run();
            ring.close();
            throw e;
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
        newPlan.groups().forEach(group -> backend.kernels().registry().kernel(group.rule()));
        backend.call(
                () -> {
                    backend.requireNoCapture("groups cannot be changed");
                    uploads.prepareCaptures();
                    if (PlanRows.sameParameters(newPlan.groups(), plan.groups())) {
                        tables.writeGroups(newPlan.groups());
                        tables.sendGroups(uploads);
                        plan = newPlan;
                    } else {
                        rebuild(newPlan);
                    }
                    return this;
                });
    }

    /** Parameters are only ever added at the end, so the counts of the old ones come first. */
    private void rebuild(StepPlan newPlan) {
        var undo = new Undo();
        try {
            states.addMissing(newPlan.groups());
            var built = undo.add(new DeviceTables(backend, newPlan.groups(), states));
            var room = undo.add(uploads(built));
            var made = undo.add(new StepLaunches(backend, newPlan, built, control, ringMemory));
            if (tables.countBytes() > 0) {
                driver.copyOnDevice(built.counts(), tables.counts(), tables.countBytes(), stream);
            }
            driver.synchronizeStream(stream);
            captures.forEach(CudaCapturedStep::end);
            captures.clear();
            launches.close();
            uploads.close();
            tables.close();
            plan = newPlan;
            tables = built;
            gradients = built.gradients();
            curvatures = built.curvatures();
            uploads = room;
            launches = made;
            addressesSent = false;
            adoptParameters();
        } catch (RuntimeException | Error e) {
            undo.run();
            throw e;
        }
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
                launches.step(driver, stream);
            }
            if (!capturing) {
                attempts++;
            }
        } catch (CudaException e) {
            throw backend.noted(e);
        }
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
    public void bind() {
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
        long controlBefore = DeviceSlab.allocate(backend, control.bytes());
        long countsBefore = DeviceSlab.allocate(backend, tables.countBytes());
        try {
            driver.copyOnDevice(controlBefore, control.address(), control.bytes(), stream);
            copyCounts(countsBefore, tables.counts());
            launches.beforeTransform(driver, stream);
            try {
                run(transform);
            } catch (RuntimeException | Error e) {
                driver.copyOnDevice(control.address(), controlBefore, control.bytes(), stream);
                copyCounts(tables.counts(), countsBefore);
                control.takeBack();
                throw e;
            }
            launches.afterTransform(driver, stream);
        } finally {
            driver.free(controlBefore, stream);
            driver.free(countsBefore, stream);
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

    private void copyCounts(long to, long from) {
        if (tables.countBytes() > 0) {
            driver.copyOnDevice(to, from, tables.countBytes(), stream);
        }
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
        launches.step(driver, capturing);
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

    @Override
    public void close() {
        try {
            backend.free(
                    () -> {
                        driver.synchronizeStream(stream);
                        captures.forEach(CudaCapturedStep::end);
                        captures.clear();
                        uploads.close();
                        tables.close();
                        driver.free(ringMemory, stream);
                        control.close();
                        states.close();
                    });
        } finally {
            launches.close();
            ring.close();
            onClose.run();
        }
    }
}
