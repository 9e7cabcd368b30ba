package org.panoptim.bench.result;

import org.panoptim.bench.result.Results.KfacTimes;
import org.panoptim.bench.result.Results.RefreshTimes;
import org.panoptim.bench.result.Results.StartUpTimes;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What became slower or faster from one run to another. Steps are compared by their share of the
 * machine's limit where both runs measured it, for that does not depend on how busy or how fast the
 * machine was, and by their time elsewhere; kernels and K-FAC's work likewise by their share of the
 * copy and of their products. Nothing of the virtual GPU is compared: its times mean nothing.
 *
 * @param changes all that both runs measured
 */
public record Comparison(List<Change> changes) {

    /** A larger loss than this, beyond the spread, is a failure. */
    public static final double TOLERATED = .05;

    /**
     * One figure in both runs; larger is better.
     *
     * @param figure what it is
     * @param before in the former run
     * @param now in the latter
     */
    public record Change(String figure, Spread before, Spread now) {

        /** The gain; a loss is negative. */
        public double gain() {
            return now.median() / before.median() - 1;
        }

        /** Whether the two are apart by more than each varies. */
        public boolean isBeyondSpread() {
            return now.isApartFrom(before);
        }

        /** Whether it is a loss that is not tolerated. */
        public boolean isLoss() {
            return isBeyondSpread() && gain() < -TOLERATED;
        }
    }

    /** Compares. */
    public static Comparison of(Results before, Results now) {
        var changes = new ArrayList<Change>();
        if (before.host().virtual() || now.host().virtual()) {
            return new Comparison(changes);
        }
        for (var step : now.steps()) {
            twin(step, before).ifPresent(old -> changes.add(change(old, step)));
        }
        for (var start : now.startUps()) {
            before.startUps().stream()
                    .filter(old -> old.backend().equals(start.backend()))
                    .filter(old -> old.cached() == start.cached())
                    .forEach(old -> changes.add(new Change(name(start), rate(old), rate(start))));
        }
        for (var refresh : now.refreshes()) {
            before.refreshes().stream()
                    .filter(old -> !refresh.isPeer() && old.method().equals(refresh.method()))
                    .filter(old -> old.model().equals(refresh.model()))
                    .filter(old -> old.backend().equals(refresh.backend()))
                    .forEach(old -> changes.add(change(old, refresh)));
        }
        for (var work : now.kfac()) {
            before.kfac().stream()
                    .filter(old -> old.model().equals(work.model()))
                    .filter(old -> old.work().equals(work.work()) && old.rows() == work.rows())
                    .filter(old -> old.backend().equals(work.backend()))
                    .forEach(old -> changes.add(change(old, work)));
        }
        for (var kernel : now.kernels()) {
            before.kernels().stream()
                    .filter(old -> !kernel.work().isEmpty() && old.work().equals(kernel.work()))
                    .filter(old -> old.kernel().equals(kernel.kernel()))
                    .filter(old -> old.workload().equals(kernel.workload()))
                    .filter(old -> old.rule().equals(kernel.rule()))
                    .filter(old -> old.backend().equals(kernel.backend()))
                    .forEach(old -> changes.add(change(old, kernel)));
        }
        for (var team : now.teams()) {
            before.teams().stream()
                    .filter(old -> old.workload().equals(team.workload()))
                    .filter(old -> old.members() == team.members())
                    .filter(old -> old.backend().equals(team.backend()))
                    .forEach(old -> changes.add(change(old, team)));
        }
        return new Comparison(changes);
    }

    private static Change change(TeamTimes old, TeamTimes now) {
        return new Change(
                "%s, a team of %d, %s: a second"
                        .formatted(now.workload(), now.members(), now.backend()),
                Spread.of(old.seconds()).inverse(),
                Spread.of(now.seconds()).inverse());
    }

    private static Change change(StepTimes old, StepTimes now) {
        if (now.isComparedWithLimit()) {
            var limit = now.backend().startsWith("cuda") ? "a copy" : "a plain C loop";
            return new Change(
                    name(now, "compared with " + limit), old.advantage(), now.advantage());
        }
        if (now.isComparedWithFloats()) {
            return new Change(name(now, "share of floats"), old.advantage(), now.advantage());
        }
        return new Change(name(now, "steps a second"), rate(old.seconds()), rate(now.seconds()));
    }

    private static Change change(RefreshTimes old, RefreshTimes now) {
        return new Change(
                "%s, inverses of all factors, %s, %s: a second"
                        .formatted(now.model(), now.method(), now.backend()),
                Spread.of(old.seconds()).inverse(),
                Spread.of(now.seconds()).inverse());
    }

    private static Change change(KfacTimes old, KfacTimes now) {
        var name = "%s, %s, %s: ".formatted(now.model(), now.work(), now.backend());
        return old.hasProducts() && now.hasProducts()
                ? new Change(name + "share of the products", old.share(), now.share())
                : new Change(
                        name + "a second",
                        Spread.of(old.seconds()).inverse(),
                        Spread.of(now.seconds()).inverse());
    }

    private static Change change(KernelTimes old, KernelTimes now) {
        var name =
                "%s, %s, %s, %s, %s: "
                        .formatted(
                                now.workload(),
                                now.rule(),
                                now.work(),
                                now.backend(),
                                now.kernel());
        return old.hasBytes() && now.hasBytes()
                ? new Change(name + "share of the copy", old.share(), now.share())
                : new Change(
                        name + "launches a second",
                        old.seconds().inverse(),
                        now.seconds().inverse());
    }

    private static Optional<StepTimes> twin(StepTimes step, Results before) {
        return before.steps().stream()
                .filter(each -> each.baseline().equals(step.baseline()))
                .filter(_ -> !step.isComparedWithPeer())
                .filter(each -> each.workload().equals(step.workload()))
                .filter(each -> each.scenario().equals(step.scenario()))
                .filter(each -> each.backend().equals(step.backend()))
                .findFirst();
    }

    private static String name(StepTimes step, String figure) {
        return "%s, %s, %s: %s".formatted(step.workload(), step.scenario(), step.backend(), figure);
    }

    private static String name(StartUpTimes start) {
        return "first step of a process, %s, %s: processes a second"
                .formatted(start.backend(), start.cached() ? "with a cache" : "without a cache");
    }

    private static Spread rate(StartUpTimes start) {
        return rate(Spread.of(start.stepped()).times(1e-3));
    }

    private static Spread rate(Spread seconds) {
        return seconds.inverse();
    }

    /** Whether nothing was lost. */
    public boolean passes() {
        return changes.stream().noneMatch(Change::isLoss);
    }
}
