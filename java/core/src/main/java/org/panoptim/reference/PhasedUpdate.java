package org.panoptim.reference;

import org.panoptim.rule.PhasedRule;
import org.panoptim.rule.Reduction;

import java.util.List;
import java.util.function.ToDoubleFunction;

/** Runs all phases of all phased rules, with the reductions between them. */
final class PhasedUpdate {

    private final List<Member> members;
    private final StepScalars scalars;
    private final boolean statistics;

    /** The sums that phases have taken so far: a row a member, a column a reduction. */
    private final double[][] sums;

    /** The squared norm of each member's change. */
    private final double[] updateSquares;

    PhasedUpdate(List<Member> members, StepScalars scalars, boolean statistics) {
        this.members = members;
        this.scalars = scalars;
        this.statistics = statistics;
        this.sums = members.stream().map(PhasedUpdate::zeroSums).toArray(double[][]::new);
        this.updateSquares = new double[members.size()];
    }

    /** Updates every live member; returns the squared norms of the changes, in order. */
    double[] run() {
        int phases = members.stream().mapToInt(PhasedUpdate::phases).max().orElse(0);
        for (int phase = 0; phase < phases; phase++) {
            for (int i = 0; i < members.size(); i++) {
                if (phase < phases(members.get(i))) {
                    runPhase(phase, i);
                }
            }
        }
        return updateSquares;
    }

    private static double[] zeroSums(Member member) {
        return new double[member.rule() instanceof PhasedRule rule ? rule.reductions().size() : 0];
    }

    private static int phases(Member member) {
        return member.live() && member.rule() instanceof PhasedRule rule ? rule.phases() : 0;
    }

    private void runPhase(int phase, int place) {
        var tensor = members.get(place).tensor();
        var rule = (PhasedRule) members.get(place).rule();
        boolean last = phase == rule.phases() - 1;
        var preparation = scalars.preparation(tensor.count, reductionsBefore(phase, rule, place));
        var update = rule.prepare(phase, preparation);
        var cursor =
                new Cursor(
                        tensor,
                        scalars.gradientFactor(rule),
                        scalars.curvatureFactor(rule),
                        rule.reductions(),
                        phase);
        var changes = new ReductionTree(tensor.elements);
        for (long index = 0; index < tensor.elements; index++) {
            cursor.at(index);
            float before = cursor.parameter();
            update.update(cursor);
            if (last && statistics) {
                float change = cursor.parameter() - before;
                changes.add(index, change, change);
            }
        }
        if (last) {
            updateSquares[place] = changes.sum();
        }
        cursor.storeSums(sums[place]);
    }

    private double[] reductionsBefore(int phase, PhasedRule rule, int place) {
        var values = new double[rule.reductions().size()];
        for (int i = 0; i < values.length; i++) {
            var reduction = rule.reductions().get(i);
            if (reduction.phase() < phase) {
                values[i] =
                        reduction.scope() == Reduction.Scope.TENSOR
                                ? sums[place][i]
                                : sumOverAll(rule, i);
            }
        }
        return values;
    }

    private double sumOverAll(PhasedRule rule, int reduction) {
        var values = new double[members.size()];
        for (int i = 0; i < values.length; i++) {
            var other = members.get(i);
            if (other.live()
                    && other.rule() instanceof PhasedRule phased
                    && phased.kernel().equals(rule.kernel())) {
                values[i] = sums[i][reduction];
            }
        }
        return ReductionTree.join(values);
    }

    /** Sums over members, each by {@code leaf}, those that are not live as +0. */
    static double sumOverLive(List<Member> members, ToDoubleFunction<Tensor> leaf) {
        return ReductionTree.join(
                members.stream()
                        .mapToDouble(
                                member -> member.live() ? leaf.applyAsDouble(member.tensor()) : 0)
                        .toArray());
    }
}
