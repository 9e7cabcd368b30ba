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

    /** The sums of the phase before: a row a member, a column a reduction. */
    private double[][] sums;

    /** The squared norm of each member's change. */
    private final double[] updateSquares;

    PhasedUpdate(List<Member> members, StepScalars scalars, boolean statistics) {
        this.members = members;
        this.scalars = scalars;
        this.statistics = statistics;
        this.sums = new double[members.size()][];
        this.updateSquares = new double[members.size()];
    }

    /** Updates every live member; returns the squared norms of the changes, in order. */
    double[] run() {
        int phases = members.stream().mapToInt(PhasedUpdate::phases).max().orElse(0);
        for (int phase = 0; phase < phases; phase++) {
            var found = new double[members.size()][];
            for (int i = 0; i < members.size(); i++) {
                if (phase < phases(members.get(i))) {
                    found[i] = runPhase(phase, i);
                }
            }
            sums = found;
        }
        return updateSquares;
    }

    private static int phases(Member member) {
        return member.live() && member.rule() instanceof PhasedRule rule ? rule.phases() : 0;
    }

    private double[] runPhase(int phase, int place) {
        var tensor = members.get(place).tensor();
        var rule = (PhasedRule) members.get(place).rule();
        boolean last = phase == rule.phases() - 1;
        var preparation =
                scalars.preparation(
                        tensor.count, phase == 0 ? new double[0] : reductions(rule, place));
        var update = rule.prepare(phase, preparation);
        var cursor =
                new Cursor(
                        tensor,
                        scalars.gradientFactor(rule),
                        scalars.curvatureFactor(rule),
                        rule.reductions().size());
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
        return cursor.sums();
    }

    private double[] reductions(PhasedRule rule, int place) {
        var values = new double[rule.reductions().size()];
        for (int i = 0; i < values.length; i++) {
            values[i] =
                    rule.reductions().get(i).scope() == Reduction.Scope.TENSOR
                            ? sums[place][i]
                            : sumOverAll(rule, i);
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
