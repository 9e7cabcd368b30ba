package org.panoptim.cuda.team;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.team.SumKernel.Elements;
import org.panoptim.cuda.team.SumKernel.Rows;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.ShareTransfer;
import org.panoptim.spi.SharedArray;
import org.panoptim.spi.Shares;
import org.panoptim.spi.StepPlan;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** What a member of a team adds up and moves around a step where all lies on a device. */
public final class DeviceTransfer implements ShareTransfer, AutoCloseable {

    private final DeviceContext context;
    private final Team team;
    private final Transport transport;
    private final SumKernel kernel;
    private final GradientMeans means;
    private final List<Long> slabs = new ArrayList<>();

    /**
     * Of a member.
     *
     * @param transport stays the caller's
     */
    public DeviceTransfer(DeviceContext context, Team team, Transport transport) {
        this.context = context;
        this.team = team;
        this.transport = transport;
        kernel = new SumKernel(context);
        means = new GradientMeans(context, team, transport, kernel);
    }

    @Override
    public List<Memory> allocate(List<Long> bytes) {
        var found = new ArrayList<Memory>();
        run(
                () -> {
                    long all = bytes.stream().mapToLong(DeviceSlab::aligned).sum();
                    long address = DeviceSlab.allocate(context, all);
                    slabs.add(address);
                    for (long each : bytes) {
                        found.add(new DeviceMemory(address, each));
                        address += DeviceSlab.aligned(each);
                    }
                });
        return found;
    }

    @Override
    public void sum(
            List<Parameter> parameters,
            List<Function<Parameter, SharedArray>> addends,
            Function<Parameter, SharedArray> to,
            boolean zeroLast) {
        var rows = new ArrayList<Rows>();
        for (var parameter : parameters) {
            rows.add(
                    new Rows(
                            Elements.of(to.apply(parameter)),
                            Elements.of(addends.getLast().apply(parameter)),
                            Elements.of(addends.getFirst().apply(parameter)),
                            0,
                            parameter.elements()));
        }
        run(() -> kernel.run(rows, addends.size(), addends.size() - 1, 1, zeroLast));
    }

    @Override
    public void bringMeans(
            Shares shares,
            List<Parameter> parameters,
            Function<Parameter, SharedArray> from,
            Function<Parameter, SharedArray> to,
            int leaves) {
        run(
                () ->
                        means.run(
                                shares,
                                parameters,
                                parameter -> Elements.of(from.apply(parameter)),
                                parameter -> Elements.of(to.apply(parameter)),
                                leaves));
    }

    @Override
    public void await() {
        run(transport::await);
    }

    @Override
    public void bringValues(StepPlan plan) {
        if (team.size() == 1) {
            return;
        }
        run(
                () -> {
                    var values = new ArrayList<List<Region>>();
                    for (int member = 0; member < team.size(); member++) {
                        values.add(valuesOf(plan, member));
                    }
                    transport.gather(values);
                    transport.await();
                });
    }

    /** What a member owns of values, copies and averages; averages of frozen ones move, too. */
    private static List<Region> valuesOf(StepPlan plan, int member) {
        var found = new ArrayList<Region>();
        var shares = plan.shares();
        for (var group : plan.groups()) {
            for (var parameter : group.parameters()) {
                long from = shares.begin(parameter, member);
                long to = shares.begin(parameter, member + 1);
                if (from < to) {
                    if (!group.frozen()) {
                        var value = new Output(parameter.dtype(), parameter.value());
                        found.add(region(value, from, to));
                    }
                    for (var output : List.of(parameter.copy(), parameter.average())) {
                        output.ifPresent(each -> found.add(region(each, from, to)));
                    }
                }
            }
        }
        return found;
    }

    private static Region region(Output array, long from, long to) {
        long elementBytes = array.type().byteSize();
        return new Region(
                array.memory().address() + from * elementBytes, (to - from) * elementBytes);
    }

    private void run(Runnable body) {
        context.enter();
        context.requireNoCapture("what a team shares cannot be moved");
        try {
            body.run();
        } catch (CudaException e) {
            throw context.noted(e);
        }
    }

    /** Frees what it has on the device, whose work must be done. */
    @Override
    public void close() {
        var cleanup = new Cleanup();
        slabs.forEach(slab -> cleanup.add(() -> context.driver().free(slab, context.stream())));
        cleanup.add(kernel::close);
        cleanup.add(means::close);
        cleanup.run();
    }
}
