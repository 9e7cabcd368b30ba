package org.panoptim.internal.shard;

import org.jspecify.annotations.Nullable;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.UpdateRule;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamTraffic;
import org.panoptim.spi.MeteredTeam;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.ShareTransfer;
import org.panoptim.spi.SharedArray;
import org.panoptim.spi.StepPlan;

import java.time.Duration;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * What a member of a team does around a step: brings gradients to their owners before, and what the
 * owners have written to everybody after it.
 */
public final class Sharding implements AutoCloseable {

    /** What refusals of leaves advise. */
    static final String ANEW = "Optimizer.discard drops this member's leaves to begin anew";

    private final MeteredTeam team;
    private final int leaves;
    private final HostTransfer host;

    /** The host's, or an execution's whose memory the host cannot reach. */
    private ShareTransfer transfer;

    private Leaves gradients;
    private SharedCurvature curvature;

    /** What all members have been told alike, so that none needs to tell the others. */
    private @Nullable Throwable foundByAll;

    /**
     * Whether all members are known to have the same parameters, which the first step begins with.
     */
    private boolean valuesAreCompared;

    /** Gradients that are on their way while a backward pass makes others. */
    private Optional<Departure> departure = Optional.empty();

    /** Whether this member's only leaf waits where the parameters have their gradients. */
    private boolean isInPlace;

    /** Whether the means came of leaves that were taken up. */
    private boolean leavesAreUsedUp;

    /** The groups that were last spoken of, and what was said. */
    private List<ParameterGroup> groups = List.of();

    private byte[] ofGroups = {};

    private String phase = "";
    private long step;
    private long exchangeNanos;
    private long sumNanos;
    private long waitedBefore;
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
        gradients = new Leaves(host);
        curvature = new SharedCurvature(host);
    }

    /** The members, which count what travels. */
    public Team team() {
        return team;
    }

    /** The members, as they were given. */
    public Team given() {
        return team.given();
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

    /** Lets an execution add up and move what it has where the host cannot reach it. */
    public void moveBy(ShareTransfer value) {
        transfer = value;
        gradients = new Leaves(value);
        curvature = new SharedCurvature(value);
    }

    /** Compares what members were built with. */
    public void agree(StepPlan plan, List<UpdateRule> companions, String backend) {
        Agreement.onPlan(team, MemberSettings.of(plan, companions, leaves, backend));
    }

    /**
     * Takes up the gradients of a micro-batch, and leaves zeros in their place; and its curvature,
     * which the parameters have no longer then.
     *
     * @throws IllegalStateException if all of this member's came already, or other gradients or
     *     curvature are there than in the first one
     */
    public void accumulate(StepPlan plan) {
        requireRoom();
        int before = gradients.count();
        var present = present(plan, Parameter::hasGradient);
        if (before > 0 && !gradients.parameters().equals(present)) {
            throw new IllegalStateException(
                    "other parameters have a gradient than in the first leaf of the step; " + ANEW);
        }
        var curved = present(plan, Parameter::hasCurvature);
        curvature.check(curved, before);
        gradients.prepare(present);
        curvature.add(curved, before);
        gradients.add(present, SharedArray::gradient, true);
        plan.parameters().forEach(Parameter::clearCurvature);
    }

    private void requireRoom() {
        if (gradients.count() == ownLeaves() || departure.isPresent()) {
            throw new IllegalStateException(
                    "this member has %d of %d leaves, and all have come: take the step; %s"
                            .formatted(ownLeaves(), leaves, ANEW));
        }
    }

    /**
     * Whether the gradients that a backward pass is about to make may leave while it goes on: those
     * of this member's last leaf, which other threads can read, and which come without curvature.
     * All must be there, since the pass could make others otherwise.
     *
     * @throws IllegalStateException if all of this member's leaves came already
     */
    public boolean mayDepart(StepPlan plan) {
        requireRoom();
        var present = present(plan, Parameter::hasGradient);
        return transfer == host
                && gradients.count() == ownLeaves() - 1
                && present(plan, each -> each.elements() > 0 && !each.hasGradient()).isEmpty()
                && !curvature.isThere(plan.parameters())
                && plan.groups().stream().noneMatch(group -> group.rule().takesCurvature())
                && (gradients.count() == 0 || gradients.parameters().equals(present))
                && HostTransfer.isShareable(present);
    }

    /**
     * Lets the gradients of the last leaf leave as they are {@linkplain #complete completed}.
     *
     * @param coming the number of the step
     */
    public void depart(StepPlan plan, long coming) {
        begin(coming);
        var present = present(plan, Parameter::hasGradient);
        if (ownLeaves() > 1) {
            gradients.prepare(present);
        }
        // Rates may change before the step, as a schedule of the caller's does.
        var word =
                Agreement.word(
                        plan,
                        Optional.empty(),
                        _ -> false,
                        Agreement.Leaves.COMPLETE,
                        checksums(plan));
        departure = Optional.of(new Departure(present, leaving -> send(plan, word, leaving)));
    }

    /** In the thread of a departure. */
    private void send(StepPlan plan, Agreement.Word word, Departure leaving) {
        agree(plan, word);
        int own = ownLeaves();
        var taken = Collections.newSetFromMap(new IdentityHashMap<Parameter, Boolean>());
        host.bringMeans(
                plan.shares(),
                leaving.parameters(),
                own == 1 ? leaving::gradient : parameter -> gradients.sum(parameter, own),
                leaving::gradient,
                leaves,
                parameter -> {
                    leaving.await(parameter);
                    if (own > 1 && taken.add(parameter)) {
                        gradients.take(List.of(parameter), leaving::gradient, true);
                    }
                });
        gradients.clear();
    }

    /** A gradient of the last leaf is complete. */
    public void complete(Parameter parameter) {
        departure.ifPresent(each -> each.complete(parameter));
    }

    /** All gradients of the last leaf are. */
    public void completeAll() {
        departure.ifPresent(Departure::completeAll);
    }

    /**
     * Checks that nothing is on its way.
     *
     * @param what cannot be done then: "nothing can be saved"
     * @throws IllegalStateException if gradients have left for their owners
     */
    public void requireNoDeparture(String what) {
        if (departure.isPresent()) {
            throw new IllegalStateException(
                    "gradients are on their way to their owners, so %s: take the step first"
                            .formatted(what));
        }
    }

    /**
     * Checks that a change of groups leaves alone what is on its way.
     *
     * @throws IllegalStateException if gradients have left, and a group is added, frozen or taken
     *     up again
     */
    public void requireSameGroups(StepPlan plan, StepPlan changed) {
        if (departure.isPresent() && !areFrozenAlike(plan.groups(), changed.groups())) {
            requireNoDeparture("no group can be added, frozen or taken up again");
        }
    }

    private static boolean areFrozenAlike(List<ParameterGroup> before, List<ParameterGroup> after) {
        return before.stream()
                .map(ParameterGroup::frozen)
                .toList()
                .equals(after.stream().map(ParameterGroup::frozen).toList());
    }

    private void awaitDeparture(StepPlan plan, Departure leaving) {
        if (!leaving.isOf(present(plan, Parameter::hasGradient))
                || curvature.isThere(plan.parameters())) {
            throw new IllegalStateException(
                    "gradients or curvature were set or taken away while gradients were on their"
                            + " way to their owners");
        }
        if (leaving.hasArrived()) {
            return;
        }
        leaving.completeAll();
        try {
            leaving.join();
        } catch (IllegalStateException e) {
            departure = Optional.empty();
            if (e == foundByAll && ownLeaves() > 1) {
                // None has left: they wait for a step that all agree to.
                gradients.add(leaving.parameters(), SharedArray::gradient, true);
            }
            throw e;
        } catch (RuntimeException | Error e) {
            departure = Optional.empty();
            throw e;
        }
    }

    /** Drops this member's leaves of the coming step. */
    public void discard() {
        requireNoDeparture("no leaves can be dropped");
        isInPlace = false;
        gradients.clear();
        curvature.discard();
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
        if (departure.isPresent()) {
            // Without curvature, which a transform that gathers hands in.
            endDeparture(plan, departure.get());
            return false;
        }
        long from = begin(coming);
        requireReady(plan, curvature::has, curvature.isLate(plan.parameters()));
        var curved = present(plan, curvature::has);
        bringMeans(plan);
        curvature.exchange(plan.shares(), curved, leaves);
        transfer.await();
        boolean gathered = plan.curvature().map(each -> each.gather(ownLeaves())).orElse(false);
        end(plan, from, team.waitedNanos());
        return gathered || !curved.isEmpty();
    }

    /**
     * Brings the sums of gradients to their owners for a pass; curvature waits for the step.
     *
     * @param coming the number of the step
     * @throws IllegalStateException if leaves are missing, or members have other groups, or
     *     gradients of other parameters
     */
    public void exchangeForPass(StepPlan plan, long coming) {
        if (departure.isPresent()) {
            endDeparture(plan, departure.get());
            return;
        }
        long from = begin(coming);
        requireReady(plan, _ -> false, false);
        bringMeans(plan);
        curvature.keep();
        transfer.await();
        end(plan, from, team.waitedNanos());
    }

    private void endDeparture(StepPlan plan, Departure leaving) {
        long from = System.nanoTime();
        awaitDeparture(plan, leaving);
        leavesAreUsedUp = true;
        // What went on beside the backward pass has cost the step nothing.
        end(plan, from, System.nanoTime() - from);
        departure = Optional.empty();
    }

    private long begin(long coming) {
        step = coming;
        phase = "exchange";
        traffic = Optional.empty();
        team.clear();
        return System.nanoTime();
    }

    /**
     * @param waited how long for the others, in nanoseconds, of the time since then
     */
    private void end(StepPlan plan, long from, long waited) {
        long asked = System.nanoTime();
        try {
            // Whoever goes on from here knows that all have got so far.
            Agreement.onGroups(team, plan, ofGroups(plan));
        } catch (IllegalStateException e) {
            if (departure.isPresent()) {
                // Where they are, the means wait for a step that all agree to.
                foundByAll = e;
            }
            throw e;
        }
        updateFrom = System.nanoTime();
        phase = "update";
        exchangeNanos = waited + updateFrom - asked;
        sumNanos = asked - from - waited;
        waitedBefore = team.waitedNanos();
    }

    private void requireReady(
            StepPlan plan, Predicate<Parameter> hasCurvature, boolean lateCurvature) {
        agree(
                plan,
                Agreement.word(
                        plan,
                        Optional.of(ofGroups(plan)),
                        hasCurvature,
                        ownState(plan, lateCurvature),
                        checksums(plan)));
    }

    private void agree(StepPlan plan, Agreement.Word word) {
        try {
            Agreement.onStep(team, plan, word, ownLeaves());
            valuesAreCompared = true;
        } catch (IllegalStateException e) {
            foundByAll = e;
            throw e;
        }
    }

    private byte[] ofGroups(StepPlan plan) {
        if (groups != plan.groups()) {
            groups = plan.groups();
            ofGroups = Agreement.ofGroups(plan);
        }
        return ofGroups;
    }

    private Agreement.Leaves ownState(StepPlan plan, boolean lateCurvature) {
        int count = gradients.count();
        if (count == 0 ? ownLeaves() > 1 : count < ownLeaves()) {
            return Agreement.Leaves.MISSING;
        }
        if (count > 0 && !gradients.parameters().equals(present(plan, Parameter::hasGradient))) {
            return Agreement.Leaves.OF_OTHERS;
        }
        return lateCurvature ? Agreement.Leaves.LATE : Agreement.Leaves.COMPLETE;
    }

    /** Of all values, where they are on the host and were not compared yet. */
    private int[] checksums(StepPlan plan) {
        return valuesAreCompared || transfer != host
                ? new int[0]
                : plan.parameters().stream().mapToInt(HostTransfer::checksum).toArray();
    }

    private void bringMeans(StepPlan plan) {
        leavesAreUsedUp = isInPlace || gradients.count() > 0;
        isInPlace = false;
        transfer.bringMeans(
                plan.shares(),
                present(plan, Parameter::hasGradient),
                gradients.count() > 0 ? gradients::sum : SharedArray::gradient,
                SharedArray::gradient,
                leaves);
        gradients.clear();
    }

    /** Takes means of curvature away from the parameters that a step has left them with. */
    public void endStep() {
        curvature.takeBack();
    }

    /** Leaves this member's only leaf where it is, for the step. */
    public void takeInPlace() {
        isInPlace = true;
    }

    /** Leaves zeros where means came of leaves that were taken up. */
    public void zeroUsedUp(StepPlan plan) {
        if (leavesAreUsedUp) {
            leavesAreUsedUp = false;
            transfer.zero(present(plan, Parameter::hasGradient), SharedArray::gradient);
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
        long sumsNanos = team.waitedNanos() - waitedBefore;
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
            team.abort(firstLine(thrown));
            departure.ifPresent(Departure::cancel);
            departure = Optional.empty();
        }
    }

    /** An engine's message goes on with its stack, which its own member shows. */
    private static String firstLine(Throwable thrown) {
        var message = thrown.getMessage();
        return message == null
                ? thrown.toString()
                : message.lines().findFirst().orElse(thrown.toString());
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
        if (departure.isPresent()) {
            giveUp(
                    new IllegalStateException(
                            "the optimizer was closed while gradients were on their way"));
        }
        host.close();
    }
}
