package org.panoptim.simd;

import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_PARTIALS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_LINES;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STAGE_TOTALS;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.panoptim.abi.ControlSettings;
import org.panoptim.abi.KernelRegistry;
import org.panoptim.abi.PlanKernels;
import org.panoptim.abi.PlanRows;
import org.panoptim.abi.StatisticColumns;
import org.panoptim.abi.bindings.panoptim_control;
import org.panoptim.abi.bindings.panoptim_plan;
import org.panoptim.abi.bindings.panoptim_schedule_entry;
import org.panoptim.matrix.HostMatrices;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
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
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.StepProgram;
import org.panoptim.spi.StepStages;
import org.panoptim.spi.StepSums;
import org.panoptim.spi.SumExchange;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.CapturedStep;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** The step over native tables: Java calls the stages and splits them over threads. */
final class SimdExecution implements Execution {

    /** Columns of sums that measuring leaves: of gradients and of curvature. */
    private static final int MEASURED = 2;

    private final int tier;
    private final KernelRegistry rules;
    private final Workers workers;
    private final HostMatrices matrices;
    private final Runnable onClose;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment control = panoptim_control.allocate(arena);
    private final HostStates states = new HostStates();
    private final Map<Parameter, Integer> indices = new IdentityHashMap<>();
    private final Workers.Task measure = this::measureSpan;
    private final Workers.Task update = this::updateSpan;
    private final Workers.Task updatePanels = this::updatePanelSpan;
    private final Workers.Task advanceLines = this::advanceLineSpan;
    private final ArenaHold hold = new ArenaHold(arena);
    private final PassCalls.Walks walks = new Walks();
    private final StepStages stages = new Stages();
    private final Runnable program = this::runProgram;
    private final Runnable zeroing = this::fillGradients;
    private final Runnable trial = this::tryGradients;
    private final Runnable measuring = this::measureForTrial;
    private final MemorySegment passPlan = panoptim_plan.allocate(arena);

    /** Those that were run, by name, for the present kernels and tables. */
    private final Map<String, PassCalls> passes = new HashMap<>();

    private StepPlan plan;
    private PlanKernels kernels;
    private ArenaSet arenas = new ArenaSet();
    private Tables tables;
    private HostMatrixWork matrixWork;
    private Parameter[] parameters;
    private long planAddress;
    private Spans spans;
    private Spans panelSpans;

    /** Completes sums over chunks where others have a part of them. */
    private Optional<SumExchange> exchange = Optional.empty();

    // What the workers go over.
    private long updatedPlan;
    private int phase;
    private int lineStage;

    /** The first status other than success that a thread met in the present stage. */
    private volatile int failure;

    SimdExecution(
            StepPlan plan,
            Tier tier,
            KernelRegistry rules,
            Workers workers,
            HostMatrices matrices,
            Runnable onClose) {
        this.tier = tier.code();
        this.matrices = matrices;
        this.rules = rules;
        this.workers = workers;
        this.onClose = onClose;
        matrixWork = new HostMatrixWork(List.of(), states, matrices);
        try {
            kernels = check(plan);
            states.addMissing(plan.groups(), plan.shares());
            matrixWork =
                    new HostMatrixWork(
                            MatrixGroup.of(plan.groups(), plan.shares()), states, matrices);
            adopt(new Tables(kernels, states, plan.lent(), plan.shares(), control), plan);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, matrixWork::close);
            Cleanup.after(e, states::close);
            Cleanup.after(e, arena::close);
            throw e;
        }
        panoptim_control.loss_scale(control, plan.lossScale().initial());
        ControlSettings.write(control, plan);
    }

    @Override
    public void configure(StepPlan newPlan) {
        var newKernels = check(newPlan);
        var found = MatrixGroup.of(newPlan.groups(), newPlan.shares());
        if (PlanRows.sameParameters(newPlan.groups(), plan.groups())) {
            var newWork =
                    matrixWork.fits(found)
                            ? matrixWork
                            : new HostMatrixWork(found, states, matrices);
            try {
                tables.writeGroups(newKernels);
            } catch (RuntimeException | Error e) {
                if (newWork != matrixWork) {
                    Cleanup.after(e, newWork::close);
                }
                throw e;
            }
            plan = newPlan;
            kernels = newKernels;
            replace(newWork, found);
            return;
        }
        var old = tables;
        var cleanup = new Cleanup();
        HostMatrixWork newWork;
        try {
            cleanup.add(states.addMissing(newPlan.groups(), newPlan.shares()));
            newWork = cleanup.keep(new HostMatrixWork(found, states, matrices));
            var built =
                    cleanup.keep(
                            new Tables(
                                    newKernels, states, newPlan.lent(), newPlan.shares(), control));
            // Parameters are only ever added at the end.
            built.takeUp(old);
            adopt(built, newPlan);
            kernels = newKernels;
        } catch (RuntimeException | Error e) {
            cleanup.runAfter(e);
            throw e;
        }
        replace(newWork, found);
        old.close();
    }

    private void replace(HostMatrixWork newWork, List<MatrixGroup> found) {
        passes.clear();
        if (newWork != matrixWork) {
            matrixWork.close();
            matrixWork = newWork;
        }
        matrixWork.adopt(found);
    }

    /** Checks that it can run a plan, and finds the kernels. */
    private PlanKernels check(StepPlan candidate) {
        var found = new PlanKernels(candidate.groups(), rules);
        for (var parameter : candidate.parameters()) {
            requireNative(parameter, "value", Optional.of(parameter.value()));
            for (var output : parameter.outputs().entrySet()) {
                requireNative(parameter, output.getKey(), Optional.of(output.getValue().memory()));
            }
        }
        return found;
    }

    private void adopt(Tables built, StepPlan newPlan) {
        plan = newPlan;
        tables = built;
        parameters = built.parameters().toArray(Parameter[]::new);
        indices.clear();
        for (int i = 0; i < parameters.length; i++) {
            indices.put(parameters[i], i);
        }
        planAddress = built.plan().address();
        spans = built.spans();
        panelSpans = built.panelSpans();
        exchange.ifPresent(SumExchange::close);
        exchange =
                newPlan.shares()
                        .team()
                        .map(team -> new SumExchange(team, built.chunksOfMembers(team)));
    }

    @Override
    public void step(BeforeStep before) {
        long attempt = panoptim_control.step(control) + 1;
        double factor = plan.rateFactor(attempt);
        panoptim_schedule_entry.momentum(tables.schedule(), plan.momentum(attempt));
        panoptim_schedule_entry.rate_factor(tables.schedule(), factor);
        panoptim_schedule_entry.step(tables.schedule(), attempt);
        try {
            before.run(trial);
        } finally {
            panoptim_control.passes_wait(control, 0);
        }
        if (isSmall()) {
            stepAtOnce();
        } else {
            hold.run(arenas, program);
        }
        if (plan.policy() == NonFinitePolicy.FAIL && panoptim_control.accepted(control) == 0) {
            throw new NonFiniteGradientException(panoptim_control.step(control));
        }
    }

    /** Whether one thread takes the whole step, and one call holds all its arenas. */
    private boolean isSmall() {
        return spans.count() <= 1
                && exchange.isEmpty()
                && arenas.size() <= WholeStep.MOST_ARENAS
                && plan.transform().isEmpty()
                && matrixWork.isEmpty();
    }

    private void stepAtOnce() {
        int status = WholeStep.run(tier, planAddress, kernels.phases(), arenas);
        try {
            NativeStatus.check(status, "panoptim_step");
        } catch (IllegalStateException e) {
            throw new PartialChangeException("a step failed half way", e);
        }
    }

    /** Finds out whether the gradients as they are refuse a step. */
    private void tryGradients() {
        if (plan.policy() != NonFinitePolicy.PROPAGATE) {
            hold.run(arenas, measuring);
        }
    }

    private void measureForTrial() {
        run(measure, "panoptim_measure");
        exchangeSums(0, MEASURED);
        NativeStatus.check(StepCalls.tryStep(planAddress), "panoptim_try");
    }

    /** Takes a step while no arena can be closed. */
    private void runProgram() {
        StepProgram.run(plan, kernels.phases(), stages);
    }

    @Override
    public void bind(ArenaSet newArenas) {
        arenas = newArenas;
        var gradients = tables.gradients();
        var curvatures = tables.curvatures();
        for (int i = 0; i < parameters.length; i++) {
            var parameter = parameters[i];
            long gradient = parameter.gradientAddress();
            if (gradient != gradients.getAtIndex(JAVA_LONG, i)) {
                requireNative(parameter, "gradient", parameter.gradient());
                gradients.setAtIndex(JAVA_LONG, i, gradient);
            }
            long curvature = parameter.curvatureAddress();
            if (curvature != curvatures.getAtIndex(JAVA_LONG, i)) {
                requireNative(parameter, "curvature", parameter.curvature());
                curvatures.setAtIndex(JAVA_LONG, i, curvature);
            }
        }
    }

    /** The library's calls, those over elements by all workers. */
    private final class Stages implements StepStages {

        @Override
        public void measure() {
            if (plan.measures()) {
                run(measure, "panoptim_measure");
                exchangeSums(0, MEASURED);
            }
            NativeStatus.check(StepCalls.gather(planAddress), "panoptim_gather");
        }

        @Override
        public void decide(boolean preparing) {
            NativeStatus.check(StepCalls.decide(planAddress), "panoptim_decide");
        }

        @Override
        public Runnable save() {
            var counts = tables.counts();
            var controlBefore = MemorySegment.ofArray(control.toArray(JAVA_BYTE));
            var countsBefore = MemorySegment.ofArray(counts.toArray(JAVA_LONG));
            return () -> {
                control.copyFrom(controlBefore);
                counts.copyFrom(countsBefore);
            };
        }

        @Override
        public void transform() {
            plan.transform()
                    .orElseThrow()
                    .transform(
                            new StepContext(
                                    panoptim_control.accepted(control) != 0,
                                    panoptim_control.step(control),
                                    panoptim_control.gradient_scale(control),
                                    panoptim_control.rate_factor(control)));
        }

        @Override
        public void measureTransformed() {
            measure();
        }

        @Override
        public void prepare(int newPhase) {
            NativeStatus.check(StepCalls.prepare(planAddress, newPhase), "panoptim_prepare");
            walks.advanceLines(planAddress, newPhase);
        }

        @Override
        public void update(int newPhase) {
            walks.update(planAddress, newPhase);
        }

        @Override
        public void between(int newPhase) {
            if (panoptim_control.accepted(control) != 0) {
                matrixWork.between(newPhase);
            }
        }

        @Override
        public void finish() {
            if (panoptim_control.takes_statistics(control) != 0) {
                NativeStatus.check(StepCalls.finish(planAddress), "panoptim_finish");
            }
        }
    }

    @Override
    public void run(String pass, Execution owner) {
        var ownersControl = ((SimdExecution) owner).control;
        var calls = passes.get(pass);
        if (calls == null || !calls.isOf(ownersControl)) {
            calls =
                    new PassCalls(
                            passPlan,
                            tables.planMemory(),
                            ownersControl,
                            kernels.ofPass(pass),
                            walks);
            passes.put(pass, calls);
        }
        hold.run(arenas, calls);
    }

    /**
     * What goes over elements, by all workers: over chunks, and over panels where there are any.
     */
    private final class Walks implements PassCalls.Walks {

        @Override
        public void advanceLines(long newPlan, int newPhase) {
            if (panelSpans.count() > 0 && kernels.sumsOverLines(newPhase - 1)) {
                updatedPlan = newPlan;
                phase = newPhase;
                lineStage = PANOPTIM_STAGE_LINES();
                run(advanceLines, panelSpans, "panoptim_advance_lines");
                lineStage = PANOPTIM_STAGE_TOTALS();
                run(advanceLines, panelSpans, "panoptim_advance_lines");
            }
        }

        @Override
        public void update(long newPlan, int newPhase) {
            updatedPlan = newPlan;
            phase = newPhase;
            run(update, "panoptim_update");
            if (panelSpans.count() > 0 && kernels.sumsOverLines(newPhase)) {
                run(updatePanels, panelSpans, "panoptim_update_panels");
            }
            exchangeSums(0, PANOPTIM_PARTIALS());
        }
    }

    private void run(Workers.Task task, String call) {
        run(task, spans, call);
    }

    /** Completes columns of sums over chunks by what other members of a team have. */
    private void exchangeSums(int first, int count) {
        if (exchange.isPresent()) {
            var partials = tables.partials();
            long chunks = partials.byteSize() / Double.BYTES / PANOPTIM_PARTIALS();
            exchange.get().run(new PartialColumns(partials, chunks, first, count));
        }
    }

    /** Columns of sums as the library has them. */
    private record PartialColumns(MemorySegment partials, long chunks, int first, int count)
            implements SumExchange.Columns {

        @Override
        public double get(int column, int place) {
            return partials.getAtIndex(JAVA_DOUBLE, (first + column) * chunks + place);
        }

        @Override
        public void set(int column, int place, double sum) {
            partials.setAtIndex(JAVA_DOUBLE, (first + column) * chunks + place, sum);
        }
    }

    private void run(Workers.Task task, Spans over, String call) {
        failure = 0;
        workers.run(task, over.count(), tables.isLarge());
        NativeStatus.check(failure, call);
    }

    private void measureSpan(int span) {
        note(StepCalls.measure(tier, planAddress, spans.from(span), spans.to(span)));
    }

    private void updateSpan(int span) {
        note(StepCalls.update(tier, updatedPlan, phase, spans.from(span), spans.to(span)));
    }

    private void updatePanelSpan(int span) {
        long end = panelSpans.to(span);
        note(StepCalls.updatePanels(tier, updatedPlan, phase, panelSpans.from(span), end));
    }

    private void advanceLineSpan(int span) {
        long end = panelSpans.to(span);
        note(StepCalls.advanceLines(updatedPlan, lineStage, phase, panelSpans.from(span), end));
    }

    private void note(int status) {
        if (status != 0) {
            failure = status;
        }
    }

    @Override
    public void zeroGradients() {
        hold.run(arenas, zeroing);
    }

    private void fillGradients() {
        try {
            for (var parameter : parameters) {
                if (parameter.gradient().orElse(null) instanceof HostMemory host) {
                    host.segment().fill((byte) 0);
                }
            }
        } catch (RuntimeException | Error e) {
            // Of very many arenas not all are held, and another thread has closed one meanwhile.
            throw new PartialChangeException("zeroing the gradients failed half way", e);
        }
    }

    @Override
    public CapturedStep capture() {
        throw new UnsupportedPlanException(SimdBackend.NAME, "the CPU has no graphs to capture");
    }

    @Override
    public Outcome outcome() {
        return new Outcome(
                new Counters(
                        panoptim_control.step(control),
                        panoptim_control.skipped(control),
                        panoptim_control.growth_tracker(control),
                        panoptim_control.loss_scale(control)),
                panoptim_control.accepted(control) != 0,
                known(plan.measures() || tookStatistics(), panoptim_control.gradient_norm(control)),
                panoptim_control.clip_coefficient(control),
                known(tookStatistics(), panoptim_control.update_norm(control)),
                panoptim_control.rate_factor(control));
    }

    private OptionalDouble known(boolean requested, double value) {
        return requested && attempted() ? OptionalDouble.of(value) : OptionalDouble.empty();
    }

    private boolean tookStatistics() {
        return panoptim_control.takes_statistics(control) != 0;
    }

    private boolean attempted() {
        return panoptim_control.gradient_scale(control) != 0;
    }

    @Override
    public StepSums sums() {
        return tookStatistics() && attempted()
                ? new StepSums(
                        panoptim_control.gradient_scale(control),
                        StatisticColumns.read(tables.statistics()))
                : StepSums.none();
    }

    @Override
    public long count(Parameter parameter) {
        return tables.counts().getAtIndex(JAVA_LONG, index(parameter));
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
    public void restore(Counters counters, Map<Parameter, Long> counts) {
        counts.forEach(
                (parameter, count) ->
                        tables.counts().setAtIndex(JAVA_LONG, index(parameter), count));
        panoptim_control.step(control, counters.step());
        panoptim_control.skipped(control, counters.skipped());
        panoptim_control.growth_tracker(control, counters.growthTracker());
        panoptim_control.loss_scale(control, counters.lossScale());
        // As before the first step: nothing is known of a last one.
        panoptim_control.accepted(control, 0);
        panoptim_control.gradient_scale(control, 0);
        panoptim_control.clip_coefficient(control, 1);
        panoptim_control.rate_factor(control, 1);
    }

    private int index(Parameter parameter) {
        var index = indices.get(parameter);
        if (index == null) {
            throw new IllegalArgumentException(parameter + " does not belong to this optimizer");
        }
        return index;
    }

    @Override
    public void close() {
        Cleanup.all(
                () -> exchange.ifPresent(SumExchange::close),
                tables::close,
                matrixWork::close,
                states::close,
                arena::close,
                onClose);
    }

    private static void requireNative(Parameter parameter, String what, Optional<Memory> memory) {
        if (memory.isEmpty()) {
            return;
        }
        if (!(memory.get() instanceof HostMemory(var segment))) {
            throw refused(parameter, what, "device memory, which the CPU cannot read");
        }
        if (!segment.isNative()) {
            throw refused(
                    parameter,
                    what,
                    "the Java heap, which native code cannot reach; allocate it in an Arena");
        }
    }

    private static UnsupportedPlanException refused(
            Parameter parameter, String what, String where) {
        return new UnsupportedPlanException(
                SimdBackend.NAME,
                "the " + what + " of parameter '" + parameter.name() + "' lies in " + where);
    }
}
