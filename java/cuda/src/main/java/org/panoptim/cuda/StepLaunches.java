package org.panoptim.cuda;

import static org.panoptim.abi.Layouts.pointer;

import org.panoptim.abi.KernelRegistry;
import org.panoptim.abi.PlanKernels;
import org.panoptim.abi.bindings.panoptim_launch;
import org.panoptim.cuda.device.CudaKernels;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.team.SumColumns;
import org.panoptim.rule.SGD;
import org.panoptim.spi.StepPlan;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** The launches of a step over given tables, and those of the rules' passes. */
final class StepLaunches implements AutoCloseable {

    /** The most tensors whose scalars the control kernel's one block prepares by itself. */
    static final int PREPARED_BY_CONTROL = 2048;

    private final Arena arena = Arena.ofShared();
    private final DeviceContext context;
    private final DeviceTables tables;
    private final DeviceControl control;
    private final long schedule;
    private final Launch measure;
    private final Launch begin;
    private final Launch decide;
    private final Launch afterTransform;
    private final Launch[] prepareOthers;
    private final Launch[] prepareFirst;
    private final Launch attempt;
    private final Launch finish;
    private final Launch zero;
    private final Launch[][] prepareLater;
    private final Launch[][] lines;
    private final Launch[][] update;
    private final Map<String, PassLaunches> passes = new HashMap<>();
    private final boolean measures;
    private final int statisticsEvery;

    StepLaunches(
            DeviceContext context,
            StepPlan plan,
            DeviceTables tables,
            DeviceControl control,
            long schedule,
            PlanKernels planKernels) {
        this.context = context;
        this.tables = tables;
        this.control = control;
        this.schedule = schedule;
        measures = plan.measures();
        statisticsEvery = plan.statisticsEvery();
        var kernels = context.kernels();
        measure =
                tables.measured()
                        .map(own -> Launch.over(own, kernels.measure(), argument(0, 0)))
                        .orElseGet(() -> overChunks(kernels.measure()));
        zero = overChunks(kernels.zero());
        var leaders = leaders();
        prepareFirst = prepareFirst(leaders);
        int each = Launch.SETTLE | (prepareFirst.length > 0 ? 0 : Launch.PREPARE);
        begin = control(leaders.getFirst(), Launch.BEGIN | each, 0);
        decide = control(leaders.getFirst(), Launch.DECIDE, 0);
        attempt = control(leaders.getFirst(), Launch.TRY, 0);
        afterTransform = control(leaders.getFirst(), Launch.AFTER_TRANSFORM | each, 0);
        prepareOthers = controls(leaders.subList(1, leaders.size()), each, 0);
        finish = control(leaders.getFirst(), Launch.FINISH, 0);
        int phases =
                tables.chunkLists().keySet().stream()
                        .mapToInt(kernel -> kernel.phases())
                        .max()
                        .orElse(1);
        prepareLater = new Launch[phases][];
        lines = new Launch[phases][];
        update = new Launch[phases][];
        for (int phase = 0; phase < phases; phase++) {
            prepareLater[phase] = prepareLater(phase);
            lines[phase] = lines(phase);
            update[phase] = updates(phase);
        }
        for (var pass : planKernels.passes()) {
            passes.put(
                    pass,
                    new PassLaunches(context, planKernels.ofPass(pass), tables, control, arena));
        }
    }

    /**
     * One rule of each image that the plan needs. The first image's control kernel does what
     * concerns all rules, and prepares its own; those of the others only prepare theirs. For a plan
     * without groups any rule will do.
     */
    private List<KernelRegistry.Kernel> leaders() {
        var rules = tables.chunkLists().keySet();
        return rules.isEmpty()
                ? List.of(context.kernels().registry().kernel(SGD.defaults()))
                : onePerImage(rules.stream());
    }

    private List<KernelRegistry.Kernel> onePerImage(Stream<KernelRegistry.Kernel> rules) {
        var leaders = new LinkedHashMap<String, KernelRegistry.Kernel>();
        rules.forEach(rule -> leaders.putIfAbsent(context.kernels().image(rule), rule));
        return List.copyOf(leaders.values());
    }

    /** Preparing the first phase by grids, where one thread block would take longer. */
    private Launch[] prepareFirst(List<KernelRegistry.Kernel> leaders) {
        int tensors = tables.parameters().size();
        if (tensors <= PREPARED_BY_CONTROL) {
            return new Launch[0];
        }
        return leaders.stream()
                .map(
                        leader -> {
                            var kernel = context.kernels().prepare(leader);
                            int blocks = kernel.blocksFor(Math.ceilDiv(tensors, kernel.threads()));
                            return new Launch(kernel, blocks, argument(0, 0));
                        })
                .toArray(Launch[]::new);
    }

    private Launch[] controls(List<KernelRegistry.Kernel> leaders, int stages, int phase) {
        return leaders.stream()
                .map(leader -> control(leader, stages, phase))
                .toArray(Launch[]::new);
    }

    /** Preparing a later phase, of every image with a rule that has so many. */
    private Launch[] prepareLater(int phase) {
        var rules = tables.chunkLists().keySet().stream().filter(rule -> phase < rule.phases());
        return controls(onePerImage(rules), Launch.PREPARE, phase);
    }

    /** Advancing the rows and columns that the phase before has summed over. */
    private Launch[] lines(int phase) {
        return tables.chunkLists().keySet().stream()
                .filter(rule -> phase < rule.phases())
                .flatMap(
                        rule ->
                                Launch.lines(
                                        rule,
                                        phase,
                                        tables,
                                        context.kernels(),
                                        stage -> argument(stage, phase))
                                        .stream())
                .toArray(Launch[]::new);
    }

    private Launch[] updates(int phase) {
        List<Launch> launches = new ArrayList<>();
        tables.chunkLists()
                .forEach(
                        (rule, _) -> {
                            if (phase < rule.phases()) {
                                for (boolean statistics : variants(phase + 1 == rule.phases())) {
                                    launches.add(
                                            Launch.over(
                                                    tables.work(rule, phase),
                                                    context.kernels().update(rule, statistics),
                                                    argument(0, phase)));
                                }
                            }
                        });
        return launches.toArray(Launch[]::new);
    }

    /**
     * Which kernels a phase takes: without statistics, with them, or where only some steps take
     * them both, of which one finds nothing to do.
     */
    private List<Boolean> variants(boolean last) {
        if (statisticsEvery == 0 || !last) {
            return List.of(false);
        }
        return statisticsEvery == 1 ? List.of(true) : List.of(false, true);
    }

    private Launch overChunks(CudaKernels.Kernel kernel) {
        var all = new DeviceTables.WorkList(0, tables.chunkCount());
        return Launch.over(all, kernel, argument(0, 0));
    }

    private Launch control(KernelRegistry.Kernel leader, int stages, int phase) {
        return new Launch(context.kernels().control(leader), 1, argument(stages, phase));
    }

    private MemorySegment argument(int stages, int phase) {
        var argument = panoptim_launch.allocate(arena);
        tables.describe(panoptim_launch.plan(argument), control.address(), schedule);
        pointer(argument, panoptim_launch.progress$offset(), control.progressAddress());
        panoptim_launch.stages(argument, stages);
        panoptim_launch.phase(argument, phase);
        return argument;
    }

    /** Those of a named pass, if the plan has it. */
    Optional<PassLaunches> pass(String name) {
        return Optional.ofNullable(passes.get(name));
    }

    /** The phases of the rule that has most; one if there is none. */
    int phases() {
        return update.length;
    }

    /** Whether the plan measures gradients. */
    boolean measures() {
        return measures;
    }

    /** Which columns of sums over chunks the kernels of a phase leave. */
    SumColumns sums(int phase) {
        boolean statistics = false;
        boolean reductions = false;
        for (var rule : tables.chunkLists().keySet()) {
            statistics |= statisticsEvery > 0 && phase + 1 == rule.phases();
            reductions |= phase < rule.phases() && rule.sumsOverChunks(phase);
        }
        return SumColumns.of(statistics, reductions);
    }

    /** Takes the sums over gradients, if the plan measures them. */
    void measure(CudaDriver driver, long stream) {
        if (measures) {
            measure.on(driver, stream);
        }
    }

    /**
     * Finds out whether the gradients as they were measured refuse a step, for passes before it.
     */
    void tryGradients(CudaDriver driver, long stream) {
        attempt.on(driver, stream);
    }

    /**
     * Decides about the step.
     *
     * @param preparing whether the first phase is prepared by the same launch
     */
    void decide(boolean preparing, CudaDriver driver, long stream) {
        (preparing ? begin : decide).on(driver, stream);
    }

    /** Prepares the first phase, once what a transform has left was measured. */
    void afterTransform(CudaDriver driver, long stream) {
        afterTransform.on(driver, stream);
    }

    /** Prepares what of a phase the launches before it have not. */
    void prepare(int phase, CudaDriver driver, long stream) {
        if (phase == 0) {
            Launch.all(prepareOthers, driver, stream);
            Launch.all(prepareFirst, driver, stream);
        } else {
            Launch.all(prepareLater[phase], driver, stream);
            Launch.all(lines[phase], driver, stream);
        }
    }

    /** Runs a phase over all elements. */
    void update(int phase, CudaDriver driver, long stream) {
        Launch.all(update[phase], driver, stream);
    }

    /** Takes the norm of the change, if the plan asks for statistics. */
    void finish(CudaDriver driver, long stream) {
        if (statisticsEvery > 0) {
            finish.on(driver, stream);
        }
    }

    /** Zeros into every gradient. */
    void zero(CudaDriver driver, long stream) {
        zero.on(driver, stream);
    }

    @Override
    public void close() {
        arena.close();
    }
}
