package org.panoptim.internal.shard;

import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.ShareTransfer;
import org.panoptim.spi.StepPlan;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.function.Consumer;
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

    /** Whether another thread can read the gradients. */
    static boolean isShareable(List<Parameter> parameters) {
        var other = Thread.ofVirtual().unstarted(() -> {});
        return parameters.stream()
                .allMatch(parameter -> gradient(parameter).memory().isAccessibleBy(other));
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

    @Override
    public void discardLeaves() {
        own.clear();
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

    /**
     * Brings means to their owners as {@link #bringMeans} does, while the last of this member's
     * leaves is still being made.
     *
     * @param count of this member's leaves
     * @param awaited returns once the gradient of a parameter is complete in the last leaf
     */
    void bringMeansAsMade(
            StepPlan plan,
            List<Parameter> parameters,
            int leaves,
            int count,
            Consumer<Parameter> awaited) {
        var gradients = new IdentityHashMap<Parameter, FloatView>();
        parameters.forEach(parameter -> gradients.put(parameter, gradient(parameter)));
        if (count == 1) {
            exchange.run(
                    plan.shares(), parameters, gradients::get, gradients::get, leaves, awaited);
            return;
        }
        var taken = Collections.newSetFromMap(new IdentityHashMap<Parameter, Boolean>());
        exchange.run(
                plan.shares(),
                parameters,
                parameter -> own.sum(parameter, count),
                gradients::get,
                leaves,
                parameter -> {
                    awaited.accept(parameter);
                    if (taken.add(parameter)) {
                        var gradient = gradients.get(parameter);
                        own.take(parameter, gradient);
                        gradient.memory().fill((byte) 0);
                    }
                });
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
        Cleanup.all(exchange::close, values::close, own::close);
    }
}
