package org.panoptim.internal.shard;

import org.jspecify.annotations.Nullable;
import org.panoptim.parameter.Parameter;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamTraffic;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.MeteredTeam;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.ShareTransfer;
import org.panoptim.spi.StepPlan;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * What a member of a team does around a step: brings gradients to their owners before, and what the
 * owners have written to everybody after it.
 */
public final class Sharding implements AutoCloseable {

    private final MeteredTeam team;
    private final int leaves;
    private final HostTransfer host;

    /** The host's, or an execution's whose memory the host cannot reach. */
    private ShareTransfer transfer;

    private final SharedCurvature curvature = new SharedCurvature();

    /** What all members have been told alike, so that none needs to tell the others. */
    private @Nullable Throwable foundByAll;

    /**
     * Whether all members are known to have the same parameters, which the first step begins with.
     */
    private boolean valuesAreCompared;

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
        host = new HostTransfer(this.team);
        transfer = host;
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

    /** Into how many micro-batches a batch is cut, over all members. */
    public int leaves() {
        return leaves;
    }

    /** How many of the leaves are this member's. */
    public int ownLeaves() {
        return leaves / team.size();
    }

    /** Lets an execution move what it has where the host cannot reach it. */
    public void moveBy(ShareTransfer value) {
        transfer = value;
    }

    /** Compares what members were built with. */
    public void agree(StepPlan plan, String backend) {
        Agreement.onPlan(team, plan, leaves, backend);
    }

    /**
     * Takes up the gradients of a micro-batch, and leaves zeros in their place; and its curvature,
     * which the parameters have no longer then.
     *
     * @throws IllegalStateException if all of this member's came already, or other gradients or
     *     curvature are there than in the first one
     */
    public void accumulate(StepPlan plan) {
        int before = transfer.leaves();
        if (before == ownLeaves()) {
            throw new IllegalStateException(
                    "this member has %d of %d leaves, and all have come: take the step"
                            .formatted(ownLeaves(), leaves));
        }
        var present = present(plan, Parameter::hasGradient);
        if (before > 0 && !transfer.parametersOfLeaves().equals(present)) {
            throw new IllegalStateException(
                    "other parameters have a gradient than in the first leaf of the step");
        }
        var curved = present(plan, Parameter::hasCurvature);
        requireOnHost(curved);
        curvature.check(curved, before);
        curvature.add(curved, before);
        transfer.addLeaf(present);
        plan.parameters().forEach(Parameter::clearCurvature);
    }

    private void requireOnHost(List<Parameter> curved) {
        if (transfer != host && !curved.isEmpty()) {
            throw new IllegalStateException(
                    "parameter '%s' has curvature on a device, which a team does not share"
                            .formatted(curved.getFirst().name()));
        }
    }

    /**
     * Brings the sums of gradients to their owners for a step, and those of curvature, of which the
     * parameters are handed the means.
     *
     * @param coming the number of the step
     * @return whether there is curvature
     * @throws IllegalStateException if leaves are missing, members have other groups, gradients or
     *     curvature of other parameters, or it was handed in since the last leaf was taken up
     */
    public boolean exchangeForStep(StepPlan plan, long coming) {
        long from = begin(coming);
        requireReady(
                plan,
                parameter -> curvature.of(parameter).isPresent(),
                curvature.isLate(plan.parameters()));
        var curved = present(plan, parameter -> curvature.of(parameter).isPresent());
        bringMeans(plan);
        curvature.exchange(host.exchange(), plan.shares(), curved, leaves);
        end(from);
        return !curved.isEmpty();
    }

    /**
     * Brings the sums of gradients to their owners for a pass; curvature waits for the step.
     *
     * @param coming the number of the step
     * @throws IllegalStateException if leaves are missing, or members have other groups, or
     *     gradients of other parameters
     */
    public void exchangeForPass(StepPlan plan, long coming) {
        long from = begin(coming);
        requireReady(plan, _ -> false, false);
        bringMeans(plan);
        curvature.keep();
        end(from);
    }

    private long begin(long coming) {
        step = coming;
        phase = "exchange";
        traffic = Optional.empty();
        team.clear();
        return System.nanoTime();
    }

    private void end(long from) {
        // Whoever goes on from here knows that all have got so far.
        team.barrier();
        phase = "update";
        exchangeNanos = team.waitedNanos();
        updateFrom = System.nanoTime();
        sumNanos = updateFrom - from - exchangeNanos;
    }

    private void requireReady(
            StepPlan plan, Predicate<Parameter> hasCurvature, boolean lateCurvature) {
        boolean complete =
                transfer.leaves() == 0
                        ? ownLeaves() == 1
                        : transfer.leaves() == ownLeaves()
                                // Not of groups that were frozen, or are frozen since.
                                && transfer.parametersOfLeaves()
                                        .equals(present(plan, Parameter::hasGradient));
        var leavesAre =
                !complete
                        ? Agreement.Leaves.MISSING
                        : lateCurvature ? Agreement.Leaves.LATE : Agreement.Leaves.COMPLETE;
        try {
            Agreement.onStep(team, plan, hasCurvature, leavesAre, ownLeaves(), checksums(plan));
            valuesAreCompared = true;
            requireOnHost(present(plan, hasCurvature));
        } catch (IllegalStateException e) {
            foundByAll = e;
            throw e;
        }
    }

    /** Of all values, where they are on the host and were not compared yet. */
    private int[] checksums(StepPlan plan) {
        return valuesAreCompared || transfer != host
                ? new int[0]
                : plan.parameters().stream().mapToInt(HostTransfer::checksum).toArray();
    }

    private void bringMeans(StepPlan plan) {
        transfer.bringMeans(plan, present(plan, Parameter::hasGradient), leaves);
    }

    /** Takes means of curvature away from the parameters that a step has left them with. */
    public void endStep() {
        curvature.takeBack();
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
        transfer.bringValues(plan);
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

    @Override
    public void close() {
        Cleanup.all(host::close, curvature::close);
    }
}
