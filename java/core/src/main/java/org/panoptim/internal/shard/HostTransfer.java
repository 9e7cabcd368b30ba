package org.panoptim.internal.shard;

import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.ShareTransfer;
import org.panoptim.spi.StepPlan;

import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/** Moves what lies in the host's memory. */
final class HostTransfer implements ShareTransfer, AutoCloseable {

    /** What a ByteBuffer holds, less than. */
    private static final long BUFFER = 1 << 30;

    private final Team team;
    private final GradientExchange exchange;
    private final ValueReturn values;
    private final Leaves own = new Leaves();

    HostTransfer(Team team) {
        this.team = team;
        exchange = new GradientExchange(team);
        values = new ValueReturn(team);
    }

    /** Of a parameter's values. */
    static int checksum(Parameter parameter) {
        var memory = FloatView.of(parameter.value(), parameter.dtype()).memory();
        var checksum = new CRC32C();
        for (long from = 0; from < memory.byteSize(); from += BUFFER) {
            long bytes = Math.min(BUFFER, memory.byteSize() - from);
            checksum.update(memory.asSlice(from, bytes).asByteBuffer());
        }
        return (int) checksum.getValue();
    }

    /** Brings other arrays to their owners. */
    GradientExchange exchange() {
        return exchange;
    }

    @Override
    public int leaves() {
        return own.count();
    }

    @Override
    public List<Parameter> parametersOfLeaves() {
        return own.parameters();
    }

    @Override
    public void addLeaf(List<Parameter> parameters) {
        own.add(parameters, HostTransfer::gradient);
        parameters.forEach(parameter -> gradient(parameter).memory().fill((byte) 0));
    }

    private static FloatView gradient(Parameter parameter) {
        return FloatView.of(parameter.gradient().orElseThrow(), parameter.dtype());
    }

    @Override
    public void bringMeans(StepPlan plan, List<Parameter> parameters, int leaves) {
        exchange.run(
                plan.shares(),
                parameters,
                own.count() > 0 ? own::sum : HostTransfer::gradient,
                HostTransfer::gradient,
                leaves);
        own.clear();
    }

    @Override
    public void bringValues(StepPlan plan) {
        var stretches = new ArrayList<List<Stretch>>();
        for (int member = 0; member < team.size(); member++) {
            var found = new ArrayList<Stretch>();
            for (var group : plan.groups()) {
                for (var parameter : group.parameters()) {
                    add(plan, parameter, member, group.frozen(), found);
                }
            }
            stretches.add(found);
        }
        values.run(stretches);
    }

    private static void add(
            StepPlan plan, Parameter parameter, int member, boolean frozen, List<Stretch> found) {
        long from = plan.shares().begin(parameter, member);
        long to = plan.shares().begin(parameter, member + 1);
        if (from == to) {
            return;
        }
        if (!frozen) {
            var value = FloatView.of(parameter.value(), parameter.dtype());
            found.add(new Stretch(value, from, to));
        }
        for (var output : List.of(parameter.copy(), parameter.average())) {
            output.ifPresent(
                    each ->
                            found.add(
                                    new Stretch(
                                            FloatView.of(each.memory(), each.type()), from, to)));
        }
    }

    @Override
    public void close() {
        Cleanup.all(exchange::close, values::close, own::close);
    }
}
