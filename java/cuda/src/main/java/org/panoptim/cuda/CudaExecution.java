package org.panoptim.cuda;

import static org.panoptim.abi.bindings.PanoptimTeam.PANOPTIM_TEAM_MOST_ROWS;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.panoptim.abi.PlanKernels;
import org.panoptim.abi.PlanRows;
import org.panoptim.abi.bindings.panoptim_control;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.cuda.device.QueuedSteps;
import org.panoptim.cuda.device.Uploads;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.team.ChunkExchange;
import org.panoptim.cuda.team.DeviceTransfer;
import org.panoptim.cuda.team.StagedTransport;
import org.panoptim.cuda.team.Transport;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.BeforeStep;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.Counters;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.MatrixGroup;
import org.panoptim.spi.MeteredTeam;
import org.panoptim.spi.Outcome;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.ShareTransfer;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.StepProgram;
import org.panoptim.spi.StepSums;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.CapturedStep;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The step on a device: some launches behind each other on the backend's stream. Only what asks for
 * a result waits.
 */
final class CudaExecution implements Execution, QueuedSteps {

    private final DeviceContext context;
    private final CudaDriver driver;
    private final long stream;
    private final Runnable trial = this::tryGradients;
    private final Runnable onClose;
    private final DeviceStates states;
    private final DeviceControl control;
    private final DeviceSchedule schedule;
    private final Refusals refusals;
    private final Map<Parameter, Integer> places = new IdentityHashMap<>();
    private final Optional<Team> team;

    /** What moves device memory between the members of the team. */
    private final Optional<Transport> transport;

    private final List<CudaCapturedStep> captures = new ArrayList<>();

    private StepPlan plan;
    private PlanKernels kernels;
    private Parameter[] parameters = {};
    private DeviceTables tables;
    private MemorySegment gradients;
    private MemorySegment curvatures;
    private Uploads uploads;
    private StepLaunches launches;
    private DeviceMatrixWork matrixWork;
    private StepBackup backup;
    private StreamStages stages;

    /** What brings the sums of chunks that other members of the team step. */
    private Optional<ChunkExchange> exchange = Optional.empty();

    private Optional<DeviceTransfer> transfer = Optional.empty();

    /** Whether the device has the addresses that were noted. */
    private boolean addressesSent;

    /** Whether a framework's graph may have sent those that it was captured with. */
    private boolean inForeignGraph;

    CudaExecution(DeviceContext context, StepPlan plan, Runnable onClose) {
        context.requireNoCapture("an optimizer cannot be built");
        DeviceStates.requireDevice(context.name(), plan.groups());
        team = plan.shares().team();
        requireFewMembers();
        kernels = new PlanKernels(plan.groups(), context.kernels().registry());
        this.context = context;
        driver = context.driver();
        stream = context.stream();
        this.onClose = onClose;
        var cleanup = new Cleanup();
        try {
            states = cleanup.keep(new DeviceStates(context));
            states.addMissing(plan.groups(), plan.shares());
            transport = team.map(each -> cleanup.keep(transport(each)));
            control = cleanup.keep(new DeviceControl(context, plan));
            refusals = new Refusals(control);
            schedule = cleanup.keep(new DeviceSchedule(context, control));
            var built = cleanup.keep(tables(plan, kernels));
            var room = cleanup.keep(uploads(plan, built));
            var made =
                    cleanup.keep(
                            new StepLaunches(
                                    context, plan, built, control, schedule.memory(), kernels));
            var work =
                    cleanup.keep(
                            new DeviceMatrixWork(
                                    context, MatrixGroup.of(plan.groups(), plan.shares()), states));
            var copy = cleanup.keep(new StepBackup(context, plan, control, built));
            adopt(plan, built, room, made, work, copy);
            if (plan.takesSteps()) {
                schedule.begin(plan, uploads, 0);
            }
        } catch (RuntimeException | Error e) {
            cleanup.runAfter(e);
            throw e;
        }
    }

    private void requireFewMembers() {
        int members = team.map(Team::size).orElse(1);
        if (members > PANOPTIM_TEAM_MOST_ROWS()) {
            throw new UnsupportedPlanException(
                    context.name(),
                    "a team may have %d members, but has %d"
                            .formatted(PANOPTIM_TEAM_MOST_ROWS(), members));
        }
    }

    private Transport transport(Team of) {
        return of instanceof MeteredTeam meter && meter.team() instanceof NcclTeam joined
                ? joined.transport(context, meter)
                : new StagedTransport(context, of);
    }

    private DeviceTables tables(StepPlan of, PlanKernels ofPlan) {
        return new DeviceTables(context, ofPlan, states, of.lent(), of.shares());
    }

    /** Room for the tables and, where steps are taken, for the whole ring of the schedule. */
    private Uploads uploads(StepPlan of, DeviceTables built) {
        long ring = of.takesSteps() ? ScheduleRing.bytes() : 0;
        return new Uploads(
                context.device(), Math.max(ring, built.uploadBytes()), built.addressBytes());
    }

    @Override
    public void configure(StepPlan newPlan) {
        DeviceStates.requireDevice(context.name(), newPlan.groups());
        context.call(
                () -> {
                    context.requireNoCapture("groups cannot be changed");
                    var newKernels =
                            new PlanKernels(newPlan.groups(), context.kernels().registry());
                    uploads.prepareCaptures();
                    if (PlanRows.sameParameters(newPlan.groups(), plan.groups())) {
                        rewrite(newPlan, newKernels);
                    } else {
                        rebuild(newPlan, newKernels);
                    }
                    return this;
                });
    }

    /** Sends the groups with other hyper-parameters; if that fails, the old ones again. */
    private void rewrite(StepPlan newPlan, PlanKernels newKernels) {
        var found = MatrixGroup.of(newPlan.groups(), newPlan.shares());
        boolean stale = matrixWork.isStale(found);
        var old = matrixWork;
        var work = old.fits(found) ? old : new DeviceMatrixWork(context, found, states);
        try {
            sendGroups(newKernels);
        } catch (RuntimeException | Error e) {
            if (work != old) {
                Cleanup.after(e, work::close);
            }
            throw e;
        }
        plan = newPlan;
        kernels = newKernels;
        work.adopt(found);
        matrixWork = work;
        if (stale) {
            stages = stages();
            endStaleGraphs(work == old ? () -> {} : old::close);
        }
    }

    private void sendGroups(PlanKernels newKernels) {
        try {
            tables.writeGroups(newKernels);
            tables.sendGroups(uploads);
        } catch (RuntimeException | Error e) {
            try {
                tables.writeGroups(kernels);
                tables.sendGroups(uploads);
            } catch (RuntimeException | Error again) {
                e.addSuppressed(again);
                throw new PartialChangeException("a change of its groups failed half way", e);
            }
            throw e;
        }
    }

    /** Ends the graphs whose linear algebra is another rule's, and frees what they used. */
    private void endStaleGraphs(Runnable free) {
        try {
            Cleanup.all(() -> driver.synchronizeStream(stream), this::endCaptures, free);
        } catch (RuntimeException | Error e) {
            throw new PartialChangeException("a change of its groups failed half way", e);
        }
    }

    /** Parameters are only ever added at the end, so the counts of the old ones come first. */
    private void rebuild(StepPlan newPlan, PlanKernels newKernels) {
        var cleanup = new Cleanup();
        try {
            cleanup.add(states.addMissing(newPlan.groups(), newPlan.shares()));
            var built = cleanup.keep(tables(newPlan, newKernels));
            var room = cleanup.keep(uploads(newPlan, built));
            var made =
                    cleanup.keep(
                            new StepLaunches(
                                    context,
                                    newPlan,
                                    built,
                                    control,
                                    schedule.memory(),
                                    newKernels));
            var work =
                    cleanup.keep(
                            new DeviceMatrixWork(
                                    context,
                                    MatrixGroup.of(newPlan.groups(), newPlan.shares()),
                                    states));
            var copy = cleanup.keep(new StepBackup(context, newPlan, control, built));
            built.takeUp(tables);
            driver.synchronizeStream(stream);
            var old =
                    List.<Runnable>of(
                            this::endCaptures,
                            launches::close,
                            matrixWork::close,
                            backup::close,
                            uploads::close,
                            tables::close);
            adopt(newPlan, built, room, made, work, copy);
            kernels = newKernels;
            // A framework's graph has the old tables, and must be captured anew.
            inForeignGraph = false;
            schedule.unshare();
            try {
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
            DeviceMatrixWork work,
            StepBackup copy) {
        plan = newPlan;
        tables = built;
        gradients = built.gradients();
        curvatures = built.curvatures();
        uploads = room;
        launches = made;
        matrixWork = work;
        backup = copy;
        exchange =
                transport.map(each -> new ChunkExchange(each, built.columns(team.orElseThrow())));
        stages = stages();
        addressesSent = false;
        adoptParameters();
    }

    private StreamStages stages() {
        return new StreamStages(
                context, control, launches, matrixWork, backup, exchange, this::transform);
    }

    private void adoptParameters() {
        parameters = tables.parameters().toArray(Parameter[]::new);
        places.clear();
        for (int i = 0; i < parameters.length; i++) {
            places.put(parameters[i], i);
        }
    }

    @Override
    public void step(BeforeStep before) {
        context.requireUsable();
        try {
            refusals.tell(plan.policy());
            schedule.ask(plan);
            context.enter();
            boolean capturing = driver.isCapturing(stream);
            if (capturing) {
                requireNoTransform();
                requireAlone();
                schedule.share();
            } else {
                schedule.send(uploads);
            }
            before.run(trial);
            sendAddresses(capturing);
            run(stream, capturing);
            if (!capturing) {
                schedule.attempted();
            }
            tellWithTeam();
        } catch (CudaException e) {
            throw context.noted(e);
        }
    }

    /**
     * Waits for a step that may be refused with an exception: all members of a team throw it of the
     * same step, where one alone hears of it later.
     */
    private void tellWithTeam() {
        if (team.isPresent() && plan.policy() == NonFinitePolicy.FAIL) {
            driver.synchronizeStream(stream);
            refusals.tell(plan.policy());
        }
    }

    @Override
    public void run(String pass, Execution owner) {
        context.requireUsable();
        var found = launches.pass(pass);
        if (found.isEmpty()) {
            return;
        }
        try {
            context.enter();
            boolean capturing = driver.isCapturing(stream);
            if (capturing) {
                requireAlone();
            }
            sendAddresses(capturing);
            found.get().on(stream, capturing, ((CudaExecution) owner).control, exchange);
            StepProgram.runPass(found.get().phases(), found.get());
        } catch (CudaException e) {
            throw context.noted(e);
        }
    }

    private void requireNoTransform() {
        if (plan.transform().isPresent()) {
            throw new IllegalStateException("a step with a transform cannot be captured");
        }
    }

    /** What members send to each other goes through the host, which a graph does not have. */
    private void requireAlone() {
        if (team.isPresent()) {
            throw new IllegalStateException("what a team shares cannot be captured");
        }
    }

    private void run(long onStream, boolean recorded) {
        stages.on(onStream, recorded);
        StepProgram.run(plan, launches.phases(), stages);
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

    /** Finds out whether the gradients as they are refuse a step. */
    private void tryGradients() {
        if (plan.policy() != NonFinitePolicy.PROPAGATE) {
            sendAddresses(driver.isCapturing(stream));
            launches.measure(driver, stream);
            exchange.ifPresent(ChunkExchange::bringMeasured);
            launches.tryGradients(driver, stream);
        }
    }

    /**
     * Sends the addresses that the device has not, or of which a graph may have sent others. A
     * graph sends its own whenever it runs.
     */
    private void sendAddresses(boolean capturing) {
        if (capturing) {
            tables.sendAddressesCaptured(uploads, stream);
            inForeignGraph = true;
            return;
        }
        uploads.prepareCaptures();
        if (!addressesSent || inForeignGraph) {
            tables.sendAddresses(uploads, stream);
            addressesSent = true;
        }
    }

    private void requireDevice(Parameter parameter, String what, Optional<Memory> memory) {
        if (memory.orElse(null) instanceof HostMemory) {
            throw DeviceStates.refused(context.name(), parameter, what);
        }
    }

    /** Whether its steps are queued on a backend's stream. */
    @Override
    public boolean runOn(DeviceContext other) {
        return other == context;
    }

    /** Lets the gradients be rewritten: behind the decision on the stream, or by the host. */
    private void transform() {
        var transform = plan.transform().orElseThrow();
        if (transform instanceof CurvatureTransform curvature && curvature.queuesOn(this)) {
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
        context.enter();
        try {
            sendAddresses(driver.isCapturing(stream));
            launches.zero(driver, stream);
        } catch (CudaException e) {
            throw context.noted(e);
        }
    }

    @Override
    public boolean isCapturing() {
        return context.isCapturing();
    }

    @Override
    public CapturedStep capture() {
        if (plan.transform().isPresent()) {
            throw new UnsupportedPlanException(
                    context.name(), "a step with a transform cannot be captured");
        }
        if (team.isPresent()) {
            throw new UnsupportedPlanException(
                    context.name(), "a step that a team shares cannot be captured");
        }
        return context.call(
                () -> {
                    context.requireNoCapture("a step cannot be captured into a graph of its own");
                    schedule.ask(plan);
                    context.enter();
                    uploads.prepareCaptures();
                    schedule.send(uploads);
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

    /** What a captured step consists of; gives back what the graph reads, once it is no more. */
    Runnable enqueueCaptured(long capturing) {
        var room = uploads;
        var slot = tables.sendAddressesCaptured(room, capturing);
        try {
            run(capturing, true);
        } catch (RuntimeException | Error e) {
            room.giveBack(slot);
            throw e;
        }
        return () -> room.giveBack(slot);
    }

    /** Takes a captured step. */
    void launch(CudaCapturedStep captured) {
        context.requireUsable();
        try {
            refusals.tell(plan.policy());
            schedule.ask(plan);
            context.enter();
            context.requireNoCapture("a captured step cannot be launched");
            uploads.prepareCaptures();
            schedule.send(uploads);
            driver.launchGraph(captured.executable(), stream);
            schedule.attempted();
            // The graph leaves its own addresses on the device.
            addressesSent = false;
        } catch (CudaException e) {
            throw context.noted(e);
        }
    }

    DeviceContext context() {
        return context;
    }

    void forget(CudaCapturedStep captured) {
        captures.remove(captured);
    }

    @Override
    public Outcome outcome() {
        return context.call(
                () -> {
                    var outcome = control.outcome(plan);
                    uploads.prepareCaptures();
                    if (plan.takesSteps()) {
                        schedule.coverAhead(plan, uploads);
                    }
                    refusals.tell(plan.policy());
                    return outcome;
                });
    }

    @Override
    public Outcome observed() {
        return context.call(() -> control.outcome(plan));
    }

    @Override
    public Optional<ShareTransfer> shareTransfer() {
        if (transfer.isEmpty()) {
            transfer =
                    transport.map(
                            each ->
                                    context.call(
                                            () ->
                                                    new DeviceTransfer(
                                                            context, team.orElseThrow(), each)));
        }
        return transfer.map(each -> each);
    }

    @Override
    public Optional<DeviceStep> deviceStep() {
        return Optional.of(new DeviceStep(control.address()));
    }

    @Override
    public StepSums sums() {
        return context.call(
                () -> {
                    double scale = control.scaleOfStatistics().orElse(0);
                    return scale != 0 ? new StepSums(scale, tables.statistics()) : StepSums.none();
                });
    }

    @Override
    public long count(Parameter parameter) {
        try (var arena = Arena.ofConfined()) {
            var count = arena.allocate(JAVA_LONG);
            DeviceState.read(context, tables.counts() + 8L * place(parameter), count);
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
    public Memory memory(Parameter parameter, int slot) {
        return states.memory(parameter, slot);
    }

    @Override
    public Memory ruleMemory(String group, int slot) {
        return states.ruleMemory(group, slot);
    }

    @Override
    public void restore(Counters counters, Map<Parameter, Long> newCounts) {
        try (var arena = Arena.ofConfined()) {
            var counts = arena.allocate(tables.countBytes(), 8);
            DeviceState.read(context, tables.counts(), counts);
            newCounts.forEach(
                    (parameter, count) -> counts.setAtIndex(JAVA_LONG, place(parameter), count));
            DeviceState.write(context, tables.counts(), counts);
        }
        control.restore(counters);
        refusals.forget();
        context.call(
                () -> {
                    if (plan.takesSteps()) {
                        schedule.restore(plan, uploads, counters);
                    }
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
        var all = ending.toArray(Runnable[]::new);
        captures.clear();
        Cleanup.all(all);
    }

    @Override
    public void close() {
        Cleanup.all(
                () ->
                        context.free(
                                () ->
                                        Cleanup.all(
                                                () -> driver.synchronizeStream(stream),
                                                this::endCaptures,
                                                () -> transfer.ifPresent(DeviceTransfer::close),
                                                () -> transport.ifPresent(Transport::close),
                                                uploads::close,
                                                matrixWork::close,
                                                backup::close,
                                                tables::close,
                                                schedule::freeMemory,
                                                control::close,
                                                states::close)),
                launches::close,
                schedule::closeRing,
                onClose);
    }
}
