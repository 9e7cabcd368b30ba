package org.panoptim.internal.shard;

import org.jspecify.annotations.Nullable;
import org.panoptim.memory.FloatView;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamTraffic;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.StepPlan;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * What a member of a team does around a step: brings gradients to their owners before, and what the
 * owners have written to everybody after it.
 */
public final class Sharding implements AutoCloseable {

    private final MeteredTeam team;
    private final int leaves;
    private final GradientExchange gradients;
    private final ValueReturn values;
    private final Leaves own = new Leaves();

    /** What all members have been told alike, so that none needs to tell the others. */
    private @Nullable Throwable foundByAll;

    private String phase = "";
    private long step;
    private long exchangeNanos;
    private long sumNanos;
    private long updateFrom;
    private Optional<TeamTraffic> traffic = Optional.empty();

    /**
     * Of a team.
     *
     * @param leaves into how many micro-batches a batch is cut, over all members
     * @throws IllegalArgumentException if they are no power of two, or the members do not divide
     *     them
     */
    public Sharding(Team team, int leaves) {
        this.leaves = requireLeaves(team, leaves);
        this.team = new MeteredTeam(team);
        gradients = new GradientExchange(this.team);
        values = new ValueReturn(this.team);
    }

    /** The members, which count what travels. */
    public Team team() {
        return team;
    }

    /** What the last step cost; empty before the first, and after one that was refused. */
    public Optional<TeamTraffic> traffic() {
        return traffic;
    }

    /**
     * Checks a number of leaves.
     *
     * @throws IllegalArgumentException if they are no power of two, or the members do not divide
     *     them
     */
    public static int requireLeaves(Team team, int leaves) {
        if (Integer.bitCount(leaves) != 1 || leaves < 1 || leaves % team.size() != 0) {
            throw new IllegalArgumentException(
                    "leaves must be a power of two that the number of members divides, but are %d for %d members"
                            .formatted(leaves, team.size()));
        }
        return leaves;
    }

    private int ownLeaves() {
        return leaves / team.size();
    }

    /** Compares what members were built with. */
    public void agree(StepPlan plan, String backend) {
        Agreement.onPlan(team, plan, leaves, backend);
    }

    /**
     * Takes up the gradients of a micro-batch, and leaves zeros in their place.
     *
     * @throws IllegalStateException if all of this member's came already, or other gradients are
     *     there than in the first one
     */
    public void accumulate(StepPlan plan) {
        if (own.count() == ownLeaves()) {
            throw new IllegalStateException(
                    "this member has %d of %d leaves, and all have come: take the step"
                            .formatted(ownLeaves(), leaves));
        }
        var present = present(plan, parameter -> parameter.gradient().isPresent());
        if (own.count() > 0 && !own.parameters().equals(present)) {
            throw new IllegalStateException(
                    "other parameters have a gradient than in the first leaf of the step");
        }
        own.add(present);
    }

    /**
     * Brings the sums of gradients to their owners.
     *
     * @param coming the number of the step
     * @throws IllegalStateException if leaves are missing, members have gradients of other
     *     parameters or other groups, or there is curvature, of which a micro-batch's is not taken
     *     up
     */
    public void exchange(StepPlan plan, long coming) {
        step = coming;
        phase = "exchange";
        traffic = Optional.empty();
        team.clear();
        long from = System.nanoTime();
        requireReady(plan);
        Function<Parameter, FloatView> arrays =
                parameter -> FloatView.of(parameter.gradient().orElseThrow(), parameter.dtype());
        gradients.run(
                plan.shares(),
                present(plan, parameter -> parameter.gradient().isPresent()),
                own.count() > 0 ? own::sum : arrays,
                arrays,
                leaves);
        own.clear();
        // Whoever goes on from here knows that all have got so far.
        team.barrier();
        phase = "update";
        exchangeNanos = team.waitedNanos();
        updateFrom = System.nanoTime();
        sumNanos = updateFrom - from - exchangeNanos;
    }

    private void requireReady(StepPlan plan) {
        boolean complete = ownLeaves() == 1 || own.count() == ownLeaves();
        try {
            Agreement.onStep(team, plan, complete, ownLeaves());
            requireNoCurvature(plan);
        } catch (IllegalStateException e) {
            foundByAll = e;
            throw e;
        }
    }

    private static void requireNoCurvature(StepPlan plan) {
        for (var parameter : plan.parameters()) {
            if (parameter.curvature().isPresent()) {
                throw new IllegalStateException(
                        "parameter '%s' has curvature, which a team does not share"
                                .formatted(parameter.name()));
            }
        }
    }

    private static List<Parameter> present(StepPlan plan, Predicate<Parameter> has) {
        return plan.groups().stream()
                .filter(group -> !group.frozen())
                .flatMap(group -> group.parameters().stream())
                .filter(has)
                .toList();
    }

    /** Brings values, copies and averages, as their owners have them now, to everybody. */
    public void giveBack(StepPlan plan) {
        phase = "gather";
        long from = System.nanoTime();
        long sumsNanos = team.waitedNanos() - exchangeNanos;
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
        long gatherNanos = sumsNanos + System.nanoTime() - from;
        var measured =
                new TeamTraffic(
                        team.sentBytes(),
                        team.receivedBytes(),
                        Duration.ofNanos(exchangeNanos),
                        Duration.ofNanos(sumNanos),
                        Duration.ofNanos(from - updateFrom - sumsNanos),
                        Duration.ofNanos(gatherNanos));
        traffic = Optional.of(measured);
        TeamStepEvent.record(team.rank(), team.size(), measured);
    }

    /** Ends the team, where this member cannot go on and the others do not know it. */
    public void giveUp(Throwable thrown) {
        if (thrown != foundByAll) {
            var message = thrown.getMessage();
            team.abort(message == null ? thrown.toString() : message);
        }
    }

    /** What failed half way: the step, the member and the phase. */
    public PartialChangeException named(PartialChangeException e) {
        return new PartialChangeException(
                "step %d failed half way on member %d, in phase %s"
                        .formatted(step, team.rank(), phase),
                e);
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
        Cleanup.all(gradients::close, values::close, own::close);
    }
}
