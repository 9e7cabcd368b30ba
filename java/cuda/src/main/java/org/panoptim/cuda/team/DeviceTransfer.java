package org.panoptim.cuda.team;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.ShareTransfer;
import org.panoptim.spi.StepPlan;

import java.util.ArrayList;
import java.util.List;

/** What a member of a team moves before and after a step where all lies on a device. */
public final class DeviceTransfer implements ShareTransfer, AutoCloseable {

    private final DeviceContext context;
    private final Team team;
    private final Transport transport;
    private final SumKernel kernel;
    private final LeafSums sums;
    private final GradientMeans means;

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
        sums = new LeafSums(context, kernel);
        means = new GradientMeans(context, team, transport, kernel);
    }

    @Override
    public int leaves() {
        return sums.count();
    }

    @Override
    public List<Parameter> parametersOfLeaves() {
        return sums.parameters();
    }

    @Override
    public void addLeaf(List<Parameter> parameters) {
        run(() -> sums.add(parameters));
    }

    @Override
    public void discardLeaves() {
        sums.clear();
    }

    @Override
    public void bringMeans(StepPlan plan, List<Parameter> parameters, int leaves) {
        run(
                () -> {
                    means.run(
                            plan.shares(),
                            parameters,
                            sums.count() > 0 ? sums::sum : LeafSums::gradient,
                            LeafSums::gradient,
                            leaves);
                    transport.await();
                });
        sums.clear();
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
        Cleanup.all(means::close, sums::close, kernel::close);
    }
}
