package org.panoptim.internal.shard;

import org.panoptim.memory.FloatView;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.ShareTransfer;
import org.panoptim.spi.SharedArray;
import org.panoptim.spi.Shares;
import org.panoptim.spi.StepPlan;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.zip.CRC32C;

/** Adds up and moves what lies in the host's memory. */
final class HostTransfer implements ShareTransfer, AutoCloseable {

    /** What a ByteBuffer holds, less than. */
    private static final long BUFFER = 1 << 30;

    private final Arena arena = Arena.ofShared();
    private final Team team;
    private final GradientExchange exchange;
    private final ValueReturn values;

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

    /** Whether another thread can read the gradients. */
    static boolean isShareable(List<Parameter> parameters) {
        var other = Thread.ofVirtual().unstarted(() -> {});
        return parameters.stream()
                .map(parameter -> view(SharedArray.gradient(parameter)).memory())
                .allMatch(memory -> memory.isAccessibleBy(other));
    }

    private static FloatView view(SharedArray array) {
        return FloatView.of(array.memory(), array.type());
    }

    @Override
    public List<Memory> allocate(List<Long> bytes) {
        return bytes.stream()
                .<Memory>map(each -> new HostMemory(arena.allocate(each, 64)))
                .toList();
    }

    @Override
    public void sum(
            List<Parameter> parameters,
            List<Function<Parameter, SharedArray>> addends,
            Function<Parameter, SharedArray> to,
            boolean zeroLast) {
        var sum = new TreeSum(addends.size());
        for (var parameter : parameters) {
            var views = addends.stream().map(each -> view(each.apply(parameter))).toList();
            sum.run(views, 1, view(to.apply(parameter)));
            if (zeroLast) {
                views.getLast().memory().fill((byte) 0);
            }
        }
    }

    @Override
    public void zero(List<Parameter> parameters, Function<Parameter, SharedArray> array) {
        parameters.forEach(each -> view(array.apply(each)).memory().fill((byte) 0));
    }

    @Override
    public void bringMeans(
            Shares shares,
            List<Parameter> parameters,
            Function<Parameter, SharedArray> from,
            Function<Parameter, SharedArray> to,
            int leaves) {
        bringMeans(shares, parameters, from, to, leaves, _ -> {});
    }

    /**
     * The same, of arrays that are still being made.
     *
     * @param awaited called before something of a parameter leaves; returns once this member's
     *     array is complete
     */
    void bringMeans(
            Shares shares,
            List<Parameter> parameters,
            Function<Parameter, SharedArray> from,
            Function<Parameter, SharedArray> to,
            int leaves,
            Consumer<Parameter> awaited) {
        exchange.run(
                shares,
                parameters,
                parameter -> view(from.apply(parameter)),
                parameter -> view(to.apply(parameter)),
                leaves,
                awaited);
    }

    /** They are when {@link #bringMeans} returns. */
    @Override
    public void await() {}

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
            found.add(new Stretch(parameter, value, from, to));
        }
        for (var output : List.of(parameter.copy(), parameter.average())) {
            output.ifPresent(
                    each ->
                            found.add(
                                    new Stretch(
                                            parameter,
                                            FloatView.of(each.memory(), each.type()),
                                            from,
                                            to)));
        }
    }

    @Override
    public void close() {
        Cleanup.all(exchange::close, values::close, arena::close);
    }
}
