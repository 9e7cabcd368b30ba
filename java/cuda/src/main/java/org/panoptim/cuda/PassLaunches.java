package org.panoptim.cuda;

import static org.panoptim.abi.Layouts.pointer;

import org.panoptim.abi.PassKernel;
import org.panoptim.abi.bindings.panoptim_launch;
import org.panoptim.abi.bindings.panoptim_plan;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.team.ChunkExchange;
import org.panoptim.cuda.team.SumColumns;
import org.panoptim.spi.PassStages;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The launches of a named pass over given tables, one rule after another: arguments of their own,
 * with nothing that a step would find changed. The kernels are loaded beforehand, since a stream
 * that is captured may not be kept waiting.
 */
final class PassLaunches implements PassStages {

    private final DeviceContext context;
    private final DeviceTables tables;
    private final DeviceControl control;
    private final Arena arena;
    private final List<Launch[]> prepare = new ArrayList<>();
    private final List<Launch[]> update = new ArrayList<>();
    private final List<SumColumns> sums = new ArrayList<>();
    private Optional<ChunkExchange> exchange = Optional.empty();
    private long stream;
    private boolean recorded;

    /**
     * The launches of a pass.
     *
     * @param kernels those that have it
     * @param arena where arguments lie
     */
    PassLaunches(
            DeviceContext context,
            List<PassKernel> kernels,
            DeviceTables tables,
            DeviceControl control,
            Arena arena) {
        this.context = context;
        this.tables = tables;
        this.control = control;
        this.arena = arena;
        for (int phase = 0; phase < PassKernel.phases(kernels); phase++) {
            var preparing = new ArrayList<Launch>();
            var updating = new ArrayList<Launch>();
            boolean reductions = false;
            for (var each : kernels) {
                if (phase < each.span().phases()) {
                    preparing.add(prepare(each, phase));
                    if (phase > 0) {
                        preparing.addAll(lines(each, phase));
                    }
                    updating.add(update(each, phase));
                    reductions |= each.kernel().sumsOverChunks(each.span().first() + phase);
                }
            }
            prepare.add(preparing.toArray(Launch[]::new));
            update.add(updating.toArray(Launch[]::new));
            sums.add(SumColumns.of(false, reductions));
        }
    }

    private Launch prepare(PassKernel each, int phase) {
        var argument = argument(each, phase);
        panoptim_launch.stages(argument, Launch.PASS);
        return new Launch(context.kernels().control(each.kernel()), 1, argument);
    }

    private List<Launch> lines(PassKernel each, int phase) {
        return Launch.lines(
                each.kernel(),
                each.span().first() + phase,
                tables,
                context.kernels(),
                stage -> {
                    var argument = argument(each, phase);
                    panoptim_launch.stages(argument, stage);
                    return argument;
                });
    }

    private Launch update(PassKernel each, int phase) {
        return Launch.over(
                tables.work(each.kernel(), each.span().first() + phase),
                context.kernels().update(each.kernel(), false),
                argument(each, phase));
    }

    private MemorySegment argument(PassKernel each, int phase) {
        var argument = panoptim_launch.allocate(arena);
        var plan = panoptim_launch.plan(argument);
        tables.describe(plan, control.address(), 0);
        each.describe(plan);
        pointer(argument, panoptim_launch.progress$offset(), control.progressAddress());
        panoptim_launch.phase(argument, each.span().first() + phase);
        return argument;
    }

    /** The phases of the rule that has most. */
    int phases() {
        return update.size();
    }

    /**
     * Says where the next run goes.
     *
     * @param owner the control block whose step and loss scale hold
     * @param isRecorded whether a graph only records it
     * @param sharing brings the sums of chunks that are stepped elsewhere
     */
    void on(
            long newStream,
            boolean isRecorded,
            DeviceControl owner,
            Optional<ChunkExchange> sharing) {
        stream = newStream;
        exchange = sharing;
        recorded = isRecorded;
        for (int phase = 0; phase < phases(); phase++) {
            use(owner, prepare.get(phase));
            use(owner, update.get(phase));
        }
    }

    private static void use(DeviceControl owner, Launch[] launches) {
        for (var launch : launches) {
            pointer(
                    panoptim_launch.plan(launch.argument()),
                    panoptim_plan.control$offset(),
                    owner.address());
        }
    }

    @Override
    public boolean areRecorded() {
        return recorded;
    }

    @Override
    public void prepare(int phase) {
        Launch.all(prepare.get(phase), context.driver(), stream);
    }

    @Override
    public void update(int phase) {
        Launch.all(update.get(phase), context.driver(), stream);
        if (exchange.isPresent()) {
            exchange.get().bring(sums.get(phase));
        }
    }

    @Override
    public Throwable failure(Throwable thrown) {
        return thrown instanceof CudaException e ? context.noted(e) : thrown;
    }
}
